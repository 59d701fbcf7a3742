// Which further addresses a srcset names, and how wide what is behind them really is.
import { pathOf } from "./options.js";

export const MOST = 16;

// "400, 800 1200" as ascending numbers, each once.
export function widthsOf(text) {
  const found = text.split(/[^0-9]+/).filter(Boolean).map(Number);
  const right = found.filter((width) => width >= 1 && width <= 16383);
  return [...new Set(right)].sort((a, b) => a - b).slice(0, MOST);
}

// Variants by width, or by density where a preset or a height alone says how large it is; none
// where a preset of several segments does. `original` is the file's own size, if it is known.
export function variantsOf(said, widths, original) {
  if (said.several) return [];
  if (!said.width && (said.preset || said.height)) {
    return [1, 2].map((dpr) => ({ said: { ...said, dpr }, word: () => `${dpr}x` }));
  }
  const most = said.enlarge || !original ? Infinity : mostWidth(said, original);
  const small = widths.filter((width) => width < most);
  if (small.length < widths.length) small.push(Math.round(most));
  return small.map((width) => ({
    said: atWidth(said, width),
    // The result's width goes with the box's; turning it and a box in reach change the share.
    word: (shown) => `${Math.round(share(said, shown, most) * width)}w`,
  }));
}

export function pathsOf(id, said, variants) {
  return [said, ...variants.map((variant) => variant.said)].map((one) => pathOf(id, one));
}

// The same image at another width, its height in proportion.
function atWidth(said, width) {
  const { width: before, height } = said;
  const other = before && height ? Math.max(1, Math.round((height * width) / before)) : height;
  return { ...said, width: String(width), height: String(other) };
}

function share(said, shown, most) {
  return shown && said.width ? shown.width / Math.min(Number(said.width), most) : 1;
}

// From which width of the box on the image grows no more, since it is not enlarged.
function mostWidth({ width, height, fit, preset }, original) {
  if (preset || fit === "contain") return preset ? original.width : Infinity;
  if (!width || !height) return original.width;
  const across = (original.height * width) / height;
  return fit === "inside" ? Math.max(original.width, across) : Math.min(original.width, across);
}
