// One request to the service, with the progress of its body.

export class Refused extends Error {
  // `problem` is the service's problem document.
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

// Resolves to what the service answers; `started` gets a function that stops the request.
export function ask(method, path, { headers = {}, body = null, progress, started }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.responseType = "json";
    if (progress) request.upload.onprogress = (event) => progress(event.loaded, event.total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(new Refused(problemOf(request)));
    };
    request.onerror = () => reject(new Refused(UNREACHABLE));
    request.onabort = () => reject(new Refused(CANCELLED));
    started(() => request.abort());
    request.send(body);
  });
}

export const UNREACHABLE = {
  code: "unreachable",
  detail: "The connection was lost before the file was through.",
  hint: "See whether mediakiln is still running, then drop the file again.",
};
export const CANCELLED = { code: "cancelled", detail: "You cancelled this upload.", hint: "" };

function problemOf(request) {
  const problem = request.response;
  if (problem?.detail) return problem;
  return {
    code: String(request.status),
    status: request.status,
    detail: "The service gave no reason.",
    hint: "",
  };
}
