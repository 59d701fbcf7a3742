// What the panel asks of the service: signatures, images, purges.
import { Refused } from "../request.js";

const UNREACHABLE = {
  code: "unreachable",
  detail: "mediakiln cannot be reached.",
  hint: "See whether it is still running, then change something here to try again.",
};
const ACCEPT = "image/avif,image/webp,image/*,*/*;q=0.8"; // as browsers that show both say it

// Sign paths: resolves to objects with `path` and `url`, in the same order.
export async function sign(addresses, seconds, signal) {
  const body = seconds ? { addresses, seconds: Number(seconds) } : { addresses };
  const answer = await asked("/v1/images/sign", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  return (await answer.json()).addresses;
}

// The image at a path, as a blob.
export async function image(path, { signal, anew }) {
  const cache = anew ? "reload" : "default";
  const answer = await asked(path, { headers: { Accept: ACCEPT }, signal, cache });
  return answer.blob();
}

// The width and height of an asset's original in pixels, upright.
export async function information(path) {
  const answer = await asked(path, { headers: { Accept: "application/json" } });
  const { width, height } = await answer.json();
  return { width, height };
}

// Remove every image that was made of an asset; how many there were.
export async function purge(id) {
  const answer = await asked(`/v1/assets/${id}/purge`, { method: "POST" });
  return (await answer.json()).purged;
}

async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(UNREACHABLE);
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  throw new Refused(problem?.detail ? problem : { code: String(answer.status), detail: "The service gave no reason." });
}
