// Parts of the page, written by the server and put in place of what is there.
// The browser parses them while they load: no string here ever becomes markup.
import { localTimes } from "./times.js";

export class Missing extends Error {}

export function fetchPart(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.setRequestHeader("Accept", "text/html");
    request.onload = () => {
      const part = request.response?.querySelector("[data-key]");
      if (request.status === 200 && part) {
        localTimes(part);
        resolve(document.importNode(part, true));
      } else {
        reject(new Missing(`${request.status}`));
      }
    };
    request.onerror = () => reject(new Error("the service cannot be reached"));
    request.send();
  });
}

// Put `fresh` in the place of `old`, keeping every part whose stamp is unchanged: a video that
// plays goes on playing. A keyed element without a stamp is a frame around keyed ones.
export function put(old, fresh) {
  const element = kept(old, fresh);
  if (element !== old) old.replaceWith(element);
}

function kept(old, fresh) {
  if (!old) return fresh;
  if (fresh.dataset.stamp === undefined) {
    update(old, fresh);
    return old;
  }
  return old.dataset.stamp === fresh.dataset.stamp ? old : fresh;
}

function update(old, fresh) {
  for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
  const before = new Map([...old.children].map((child) => [child.dataset.key, child]));
  const after = [...fresh.children].map((child) => kept(before.get(child.dataset.key), child));
  for (const child of [...old.children]) if (!after.includes(child)) child.remove();
  after.forEach((child, place) => {
    if (old.children[place] !== child) old.insertBefore(child, old.children[place] ?? null);
  });
}
