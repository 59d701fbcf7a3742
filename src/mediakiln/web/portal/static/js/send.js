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
    const form = new FormData();
    if (recipe) form.append("recipe", recipe);
    form.append("file", file, file.name || "pasted"); // last, as the service wants it
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/assets");
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) resolve(request.response);
      else reject(new Refused(problemOf(request)));
    };
    request.onerror = () => reject(new Refused(UNREACHABLE));
    request.onabort = () => reject(new Refused(CANCELLED));
    started(() => request.abort());
    request.send(form);
  });
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
