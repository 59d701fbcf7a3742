// Buttons that copy their `data-copy` to the clipboard.
import { say } from "./say.js";

const SHOWN_MS = 1600;

export function copying(root) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const done = await copied(button.dataset.copy);
    say(done ? "Copied" : "Not copied: the browser does not allow it");
    const label = button.querySelector("span");
    const before = (label.dataset.before ??= label.textContent);
    label.textContent = done ? "Copied" : "Not allowed";
    setTimeout(() => (label.textContent = before), SHOWN_MS);
  });
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text); // pages without TLS have no clipboard
  }
}

function copiedBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "quiet";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
