// Pictures that do not come: one that has to wait is asked for again, of others the icon stays.
const TRIES = 4;
const MOST_WAIT_S = 20;
const SOON_S = 0.1;
const tries = new WeakMap();

export function minding(root) {
  // Errors of images do not bubble.
  root.addEventListener("error", ({ target }) => isOurs(target) && lost(target), true);
  root.addEventListener("load", ({ target }) => isOurs(target) && tries.delete(target), true);
  for (const image of root.querySelectorAll("img[data-picture]")) {
    if (image.complete && !image.naturalWidth) lost(image); // before this program was there
  }
}

function isOurs(target) {
  return target instanceof HTMLImageElement && target.dataset.picture !== undefined;
}

async function lost(image) {
  const count = (tries.get(image) ?? 0) + 1;
  tries.set(image, count);
  const wait = count < TRIES ? await waitFor(image.currentSrc || image.src, count) : 0;
  if (wait) setTimeout(() => image.isConnected && again(image), 1000 * wait);
  else drop(image);
}

// Seconds to wait before the picture may be there; 0 if it never will.
async function waitFor(url, count) {
  try {
    const answer = await fetch(url, { headers: { Accept: "image/*" } });
    await answer.body?.cancel();
    if (answer.ok) return count === 1 ? SOON_S : 0; // then it came, and cannot be shown
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    return answer.status === 503 || answer.status === 429 ? Math.min(seconds, MOST_WAIT_S) : 0;
  } catch {
    return 1; // the line is broken
  }
}

function again(image) {
  image.src = image.getAttribute("src"); // which asks anew, for the fitting one of its set
}

function drop(image) {
  image.parentElement?.classList.add("lost-picture");
  image.remove();
}
