// Follows every unfinished asset on the page over one stream, and redraws what has changed.
import { fetchPart, Missing, put } from "./fragment.js";
import { lostLine, say } from "./say.js";

const MAX_WATCHED = 100; // what the server accepts
const SETTLE_MS = 60; // uploads come in bursts; one stream is opened for all of them
const RETRY_MS = 3000;

const watched = new Set();
const drawing = new Map(); // by id, the last redraw that was asked for
let stream = null;
let opening = 0;

export function watchPage() {
  for (const element of document.querySelectorAll('[data-asset][data-settled="false"]')) {
    watch(element.dataset.asset);
  }
  addEventListener("pagehide", () => stream?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
}

export function watch(id) {
  watched.add(id);
  openAfter(SETTLE_MS);
}

function openAfter(milliseconds) {
  clearTimeout(opening);
  opening = setTimeout(open, milliseconds);
}

function open() {
  stream?.close();
  stream = null;
  if (!watched.size) return;
  const ids = [...watched].slice(0, MAX_WATCHED).join(",");
  stream = new EventSource(`/assets/events?ids=${ids}`);
  stream.onopen = () => lostLine("");
  stream.onerror = cut;
  stream.addEventListener("asset", (event) => changed(JSON.parse(event.data)));
  stream.addEventListener("gone", (event) => gone(JSON.parse(event.data).id));
}

function cut() {
  lostLine("The connection to mediakiln is lost. Trying again…");
  // The browser tries again by itself unless it was refused.
  if (stream.readyState === EventSource.CLOSED) openAfter(RETRY_MS);
}

async function changed({ id, settled }) {
  if (settled) forget(id);
  try {
    await redraw(id);
  } catch (error) {
    if (error instanceof Missing) gone(id);
    else if (settled) watch(id); // its last picture is still to be fetched
    return;
  }
  if (settled) announce(id);
}

// One after another: an earlier answer that comes late would stand over the later one, and what
// an earlier one has replaced is no longer there to be replaced.
async function redraw(id) {
  const before = drawing.get(id) ?? Promise.resolve();
  const mine = before.catch(() => {}).then(() => draw(id));
  drawing.set(id, mine);
  try {
    await mine;
  } finally {
    if (drawing.get(id) === mine) drawing.delete(id);
  }
}

async function draw(id) {
  for (const element of shown(id)) {
    put(element, await fetchPart(`/assets/${id}/${element.dataset.view}`));
  }
}

function gone(id) {
  forget(id);
  for (const element of shown(id)) element.classList.add("gone");
}

function forget(id) {
  const more = watched.size > MAX_WATCHED;
  watched.delete(id);
  if (!watched.size) {
    stream?.close();
    stream = null;
  } else if (more) {
    openAfter(SETTLE_MS);
  }
}

function announce(id) {
  const [element] = shown(id);
  const name = element?.querySelector("bdi")?.textContent;
  const state = element?.querySelector(".pill")?.textContent.trim();
  if (name) say(`${name}: ${state}`);
}

function shown(id) {
  return document.querySelectorAll(`[data-asset="${CSS.escape(id)}"]`);
}
