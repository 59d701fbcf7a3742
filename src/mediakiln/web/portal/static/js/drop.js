// Three ways to hand over files: drag them anywhere on the page, choose them, or paste them.

export function dropping(form, take) {
  const input = form.querySelector("input[type=file]");
  input.multiple = true;
  input.required = false;
  input.addEventListener("change", () => {
    hand([...input.files], take);
    input.value = "";
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  dragging(form, take);
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) hand([...event.clipboardData.files], take);
  });
}

function dragging(form, take) {
  let depth = 0; // enter and leave come for every element on the way
  const show = () => form.classList.toggle("over", depth > 0);
  addEventListener("dragenter", (event) => {
    if (holdsFiles(event)) depth += 1;
    show();
  });
  addEventListener("dragleave", (event) => {
    if (holdsFiles(event)) depth = Math.max(0, depth - 1);
    show();
  });
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    hand([...event.dataTransfer.files], take);
  });
}

function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

function hand(files, take) {
  if (files.length) take(files);
}
