// The focal point: clicked on the picture, or written as two numbers.

export class Focal {
  constructor(form, changed) {
    this.form = form;
    this.place = form.querySelector("[data-focal]");
    this.picture = this.place.querySelector("img");
    this.cross = this.place.querySelector(".cross");
    this.picture.addEventListener("click", (event) => {
      const box = this.picture.getBoundingClientRect();
      this.form.elements.across.value = percent(event.clientX - box.left, box.width);
      this.form.elements.down.value = percent(event.clientY - box.top, box.height);
      this.choose();
      this.mark();
      changed();
    });
  }

  show(path) {
    this.picture.src = path;
  }

  // A point counts where a box is filled: see to it that there is one.
  choose() {
    const { width, height, fit, gravity, preset } = this.form.elements;
    fit.value = "cover";
    gravity.value = "focus";
    if (preset?.value) return;
    if (!width.value) width.value = height.value || "800";
    if (!height.value) height.value = width.value;
  }

  mark() {
    const { across, down, gravity } = this.form.elements;
    this.cross.hidden = gravity.value !== "focus";
    this.cross.style.left = `${bounded(across.value)}%`;
    this.cross.style.top = `${bounded(down.value)}%`;
  }
}

function percent(part, whole) {
  return String(Math.round(Math.min(1, Math.max(0, part / whole)) * 1000) / 10);
}

function bounded(text) {
  return text === "" ? 50 : Math.min(100, Math.max(0, Number(text)));
}
