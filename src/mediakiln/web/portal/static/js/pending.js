// The panel of a file that is on its way: what it is, how far it is, or why it was refused.
import { sentence, size } from "./words.js";

export class Pending {
  constructor(file) {
    const template = document.querySelector("#pending");
    this.element = template.content.firstElementChild.cloneNode(true);
    this.part("name").textContent = file.name;
    this.part("size").textContent = size(file.size);
    this.bar = this.element.querySelector("progress");
    this.bar.setAttribute("aria-label", `Upload of ${file.name}`);
    this.picture = picture(file);
    if (this.picture) this.part("picture").append(this.picture);
  }

  waits() {
    this.part("state").textContent = "Waiting";
  }

  progress(share) {
    this.bar.value = share;
    this.part("state").textContent = share < 1 ? `${Math.floor(share * 100)} %` : "Storing";
  }

  onCancel(stop) {
    this.part("cancel").addEventListener("click", stop);
  }

  refused({ code, detail, hint, limit, step, field }) {
    this.element.classList.add("refused");
    this.bar.remove();
    this.part("cancel").parentElement.remove();
    const state = this.part("state");
    state.textContent = "Refused";
    state.className = "pill pill-rejected";
    this.part("problem").hidden = false;
    this.part("message").textContent = sentence(detail);
    this.part("hint").textContent = hint ? sentence(hint) : "";
    this.part("code").textContent = [code, step && `step ${step}`, field, limit && `limit ${limit}`]
      .filter(Boolean)
      .join(" · ");
    this.free();
  }

  // Let go of the browser's copy of the picture.
  free() {
    if (this.picture) URL.revokeObjectURL(this.picture.src);
  }

  part(name) {
    return this.element.querySelector(`[data-${name}]`);
  }
}

function picture(file) {
  const family = file.type.split("/")[0];
  const tag = { image: "img", video: "video", audio: "audio" }[family];
  if (!tag) return null;
  const element = document.createElement(tag);
  element.src = URL.createObjectURL(file);
  if (tag === "img") element.alt = "";
  else element.controls = true;
  element.addEventListener("error", () => element.remove());
  return element;
}
