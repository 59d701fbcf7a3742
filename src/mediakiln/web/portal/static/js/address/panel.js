// The panel that makes addresses of an image: choose, look at it, take the address along.
import { Refused } from "../request.js";
import { say } from "../say.js";
import { Focal } from "./focal.js";
import { isBox } from "./options.js";
import { Result } from "./result.js";
import { image, information, purge, sign } from "./service.js";
import { imageHtml, viewerHtml } from "./snippet.js";
import { pathsOf, variantsOf, widthsOf } from "./sources.js";

const TYPING_MS = 400;
const PICKER = "w_640,h_640,f_auto";

export class AddressPanel {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("[data-form]");
    this.result = new Result(root);
    this.focal = new Focal(this.form, () => this.change());
    this.waiting = 0;
    this.running = null;
    this.original = null;
    root.addEventListener("toggle", () => root.open && this.begin(), { once: true });
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => this.take(event.target));
    for (const name of ["widths", "sizes"]) {
      root.querySelector(`[data-${name}]`).addEventListener("input", () => this.later());
    }
    root.querySelector("[data-purge]")?.addEventListener("click", () => this.anew());
  }

  async begin() {
    this.change();
    const { id } = this.root.dataset;
    try {
      const [picker, info] = await this.signed([`/i/${PICKER}/${id}`, `/iiif/${id}/info.json`], "");
      this.focal.show(picker.path);
      this.result.write("info", info.url);
      this.result.write("viewer", viewerHtml(info.url));
      this.original = await information(info.path);
      this.later();
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the preview tells the same
    }
  }

  // Something of the form was changed by hand.
  take(control) {
    if (control.name === "preset" && control.value) this.leaveToPreset();
    if (["across", "down"].includes(control.name)) this.focal.choose();
    if (["across", "down", "gravity"].includes(control.name)) this.focal.mark();
    this.change();
  }

  // Options beside a preset would stand over it.
  leaveToPreset() {
    const { width, height, format } = this.form.elements;
    for (const control of [width, height, format]) control.value = "";
  }

  change() {
    const said = this.said();
    for (const output of this.form.querySelectorAll("output")) {
      output.value = this.form.querySelector(`#${output.htmlFor}`).value;
    }
    this.form.querySelector("[data-number]").hidden = said.quality !== "number";
    this.form.querySelector("[data-both]").hidden = isBox(said);
    this.root.querySelector("[data-pair]").hidden = !said.width && Boolean(said.preset || said.height);
    this.form.querySelector("[data-gravity]").hidden = !["cover", "contain"].includes(said.fit);
    this.later();
  }

  said() {
    const said = Object.fromEntries(new FormData(this.form));
    const chosen = this.form.elements.preset?.selectedOptions[0];
    return { preset: "", seconds: "", ...said, several: chosen?.dataset.several !== undefined };
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.refresh(), TYPING_MS);
    this.result.busy();
  }

  async refresh({ anew = false } = {}) {
    this.running?.abort();
    const { signal } = (this.running = new AbortController());
    try {
      await this.draw(this.said(), { signal, anew });
    } catch (error) {
      if (error instanceof Refused) this.result.refuse(error.problem);
      else if (error.name !== "AbortError") throw error;
    }
  }

  async draw(said, { signal, anew }) {
    const { id, name } = this.root.dataset;
    const widths = widthsOf(this.root.querySelector("[data-widths]").value);
    const variants = variantsOf(said, widths, this.original);
    const paths = pathsOf(id, said, variants);
    const [main, ...others] = await this.signed(paths, said.seconds, signal);
    this.result.write("url", main.url);
    const shown = await this.result.show(await image(main.path, { signal, anew }));
    const sources = variants.map(({ word }, place) => [others[place].url, word(shown)]);
    const sizes = this.root.querySelector("[data-sizes]").value.trim();
    const alt = name.replace(/\.[^.]*$/, "");
    this.result.write("html", imageHtml({ url: main.url, sources, sizes, shown, alt }));
  }

  // The service signs for whoever may process; others read with their own key.
  async signed(paths, seconds, signal) {
    const { base, process } = this.root.dataset;
    if (process !== undefined) return sign(paths, seconds, signal);
    return paths.map((path) => ({ path, url: base + path }));
  }

  async anew() {
    const said = this.root.querySelector("[data-purged]");
    try {
      const count = await purge(this.root.dataset.id);
      said.textContent = `${count} ${count === 1 ? "image" : "images"} removed; this one is made again.`;
      say(said.textContent);
      this.result.busy();
      await this.refresh({ anew: true });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.result.refuse(error.problem);
    }
  }
}
