// What came of it: the picture with its facts, the addresses, or why there is none.
import { sentence, size } from "../words.js";

const LABELS = { w: "Width", h: "Height", p: "Preset", f: "Format", q: "Quality", t: "Watermark" };
const NAMES = { "image/jpeg": "JPEG", "image/svg+xml": "SVG", "image/webp": "WebP" };

export class Result {
  constructor(root) {
    this.root = root;
    this.bytes = Number(root.dataset.bytes);
    this.picture = this.part("preview");
  }

  part(name) {
    return this.root.querySelector(`[data-${name}]`);
  }

  busy(still = true) {
    for (const name of ["stage", "usable"]) this.part(name).setAttribute("aria-busy", String(still));
  }

  // Put a text where it is shown, and behind its button.
  write(name, text) {
    this.part(name).textContent = text;
    this.root.querySelector(`[data-copies="${name}"]`).dataset.copy = text;
  }

  // Show an image; resolves to its width and height in pixels.
  async show(blob) {
    URL.revokeObjectURL(this.picture.src);
    this.picture.src = URL.createObjectURL(blob);
    // What a browser cannot show has no size here, yet its bytes and format are known.
    const seen = await this.picture.decode().then(() => true, () => false);
    const shown = seen ? { width: this.picture.naturalWidth, height: this.picture.naturalHeight } : null;
    this.part("facts").textContent = this.facts(blob, shown).join(" · ");
    this.settle(true);
    return shown;
  }

  facts(blob, shown) {
    const format = NAMES[blob.type] ?? blob.type.replace("image/", "").toUpperCase();
    const share = Math.round((100 * blob.size) / this.bytes);
    return [
      size(blob.size),
      format,
      ...(shown ? [`${shown.width} × ${shown.height}`] : ["this browser does not show it"]),
      `${share < 1 ? "under 1" : share} % of the original’s bytes`,
    ];
  }

  refuse({ code, detail, hint, field, allowed, retry_after }) {
    const again = retry_after ? `Try again in ${Math.ceil(retry_after)} s.` : "";
    this.part("message").textContent = sentence(told(detail, field));
    this.part("hint").textContent = [hint && sentence(hint), listed(allowed), again].filter(Boolean).join(" ");
    this.part("code").textContent = [code, field && `option ${field}`].filter(Boolean).join(" · ");
    this.settle(false);
  }

  // An address that gives no image is not there to be copied.
  settle(good) {
    this.part("problem").hidden = good;
    this.part("stage").hidden = this.part("usable").hidden = !good;
    this.busy(false);
  }
}

// Options by the names that stand beside their controls.
function told(detail, field) {
  const said = `${field}: `;
  return detail.startsWith(said) ? `${LABELS[field] ?? field}: ${detail.slice(said.length)}` : detail;
}

function listed(allowed) {
  return Array.isArray(allowed) ? `Allowed: ${allowed.join(", ")}.` : "";
}
