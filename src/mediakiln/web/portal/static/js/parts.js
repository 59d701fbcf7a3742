// A large file in parts. A broken line costs one part; a file that is handed over again, after a
// reload say, goes on where it was.
import { ask, CANCELLED, Refused } from "./request.js";

const TRIES = 6;
const PASSING = new Set([408, 423, 425, 429, 500, 502, 503, 504]);

// Resolves to the new asset; `started` gets a function that stops the upload.
export async function sendParts(file, recipe, { progress, started }) {
  const line = new Line(started);
  const memory = `upload ${JSON.stringify([file.name, file.size, file.lastModified, recipe])}`;
  const upload = (await known(line, memory)) ?? (await begun(line, memory, file, recipe));
  const path = `/v1/uploads/${upload.id}`;
  try {
    const there = upload.state === "open" ? await numbersOf(line, path) : null;
    let before = 0;
    for (let number = 1; there && number <= upload.parts; number += 1) {
      const start = (number - 1) * upload.part_size;
      const part = file.slice(start, start + upload.part_size);
      if (!there.has(number)) {
        await line.ask("PUT", `${path}/parts/${number}`, {
          body: part,
          progress: (sent) => progress((before + sent) / file.size),
        });
      }
      before += part.size;
      progress(before / file.size);
    }
    const asset = await line.ask("POST", `${path}/complete`, {});
    forget(memory);
    return asset;
  } catch (error) {
    if (error instanceof Refused && !passes(error.problem)) {
      forget(memory);
      if (line.stopped) ask("DELETE", path, { started: () => {} }).catch(() => {});
    }
    throw error;
  }
}

async function known(line, memory) {
  const id = remembered(memory);
  if (!id) return null;
  try {
    return await line.ask("GET", `/v1/uploads/${id}`, {});
  } catch (error) {
    if (error instanceof Refused && !passes(error.problem)) return null;
    throw error;
  }
}

async function begun(line, memory, file, recipe) {
  const said = { filename: file.name || "pasted", size: file.size };
  if (recipe) said.recipe = recipe.trimStart().startsWith("{") ? JSON.parse(recipe) : recipe;
  const upload = await line.ask("POST", "/v1/uploads", {
    headers: { "Content-Type": "application/json", "Idempotency-Key": key() },
    body: JSON.stringify(said),
  });
  remember(memory, upload.id);
  return upload;
}

async function numbersOf(line, path) {
  const found = new Set();
  let cursor = null;
  do {
    const after = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const page = await line.ask("GET", `${path}/parts${after}`, {});
    for (const part of page.parts) found.add(part.number);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}

// Requests one after the other, each tried again, until somebody stops them all.
class Line {
  constructor(started) {
    this.stopped = false;
    this.stop = () => {};
    started(() => {
      this.stopped = true;
      this.stop();
    });
  }

  async ask(method, path, options) {
    for (let attempt = 1; ; attempt += 1) {
      if (this.stopped) throw new Refused(CANCELLED);
      try {
        return await ask(method, path, { ...options, started: (stop) => (this.stop = stop) });
      } catch (error) {
        if (!(error instanceof Refused) || !passes(error.problem) || attempt >= TRIES) throw error;
        await this.pause(Math.max(error.problem.retry_after ?? 0, 2 ** (attempt - 2)));
      }
    }
  }

  pause(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000 * seconds);
      this.stop = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function passes({ code, status, retry_after }) {
  if (code === "quota_exceeded") return false;
  return code === "unreachable" || PASSING.has(status) || (status === 409 && retry_after > 0);
}

function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("-");
}

// A browser that keeps nothing for this page sends such files from their beginning.
function remembered(memory) {
  try {
    return localStorage.getItem(memory);
  } catch {
    return null;
  }
}

function remember(memory, id) {
  try {
    localStorage.setItem(memory, id);
  } catch {
    // as above
  }
}

function forget(memory) {
  try {
    localStorage.removeItem(memory);
  } catch {
    // as above
  }
}
