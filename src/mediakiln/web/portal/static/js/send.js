// One file to the service, with its progress.

export class Refused extends Error {
  // `problem` is the service's problem document.
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

// Resolves to the new asset; `started` gets a function that stops the upload.
export function send(file, recipe, { progress, started }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/assets?filename=${encodeURIComponent(file.name || "pasted")}`);
    if (recipe) request.setRequestHeader("X-Recipe", ascii(recipe));
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) resolve(request.response);
      else reject(new Refused(problemOf(request)));
    };
    request.onerror = () => reject(new Refused(UNREACHABLE));
    request.onabort = () => reject(new Refused(CANCELLED));
    started(() => request.abort());
    request.send(file);
  });
}

// Headers carry no other letters; JSON has a way to write them all.
function ascii(recipe) {
  if (!recipe.trimStart().startsWith("{")) return recipe;
  const compact = JSON.stringify(JSON.parse(recipe));
  return compact.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const UNREACHABLE = {
  code: "unreachable",
  detail: "The connection was lost before the file was through.",
  hint: "See whether mediakiln is still running, then drop the file again.",
};
const CANCELLED = { code: "cancelled", detail: "You cancelled this upload.", hint: "" };

function problemOf(request) {
  const problem = request.response;
  if (problem?.detail) return problem;
  return { code: String(request.status), detail: "The service gave no reason.", hint: "" };
}
