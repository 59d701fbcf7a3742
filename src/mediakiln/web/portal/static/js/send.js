// One file to the service, with its progress: a small one at once, a large one in parts.
import { sendParts } from "./parts.js";
import { ask } from "./request.js";

const LARGE = 8 * 1024 * 1024;

// Resolves to the new asset; `started` gets a function that stops the upload.
export function send(file, recipe, maxBytes, { progress, started }) {
  if (file.size > Math.min(LARGE, maxBytes)) return sendParts(file, recipe, { progress, started });
  return ask("POST", `/v1/assets?filename=${encodeURIComponent(file.name || "pasted")}`, {
    headers: recipe ? { "X-Recipe": ascii(recipe) } : {},
    body: file,
    progress: (sent, total) => progress(sent / total),
    started,
  });
}

// Headers carry no other letters; JSON has a way to write them all.
function ascii(recipe) {
  if (!recipe.trimStart().startsWith("{")) return recipe;
  const compact = JSON.stringify(JSON.parse(recipe));
  return compact.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
