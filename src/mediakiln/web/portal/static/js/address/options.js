// From what the form says to the path of an image, in the grammar of `/i/`.

// `said` has the form's values by name; `several`: the preset has several segments; `dpr`.
export function pathOf(id, said) {
  return `/i/${[...segments(said), id].join("/")}`;
}

// Whether the box has both sides, or a preset may give what is missing; one of several segments
// stands before the box, and gives it nothing.
export function isBox({ width, height, preset, several }) {
  return Boolean((width && height) || (preset && !several));
}

function segments(said) {
  const first = [...size(said), ...encoding(said)];
  const preset = said.preset ? [`p_${said.preset}`] : [];
  const start = said.several ? [preset, first] : [[...preset, ...first]];
  return [...start, turn(said), look(said), mark(said)]
    .filter((options) => options.length)
    .map((options) => options.join(","));
}

function size(said) {
  const found = [];
  if (said.width) found.push(`w_${said.width}`);
  if (said.height) found.push(`h_${said.height}`);
  if (isBox(said) && said.fit !== "inside") found.push(`fit_${said.fit}`);
  if (isBox(said)) found.push(...kept(said));
  if (said.enlarge && found.length) found.push("enlarge");
  if (said.dpr > 1) found.push(`dpr_${said.dpr}`);
  return found;
}

function kept({ fit, gravity, across, down }) {
  if (fit === "cover" && gravity === "focus") {
    return [`focus_x_${share(across)}`, `focus_y_${share(down)}`];
  }
  const looked = ["attention", "entropy", "faces", "focus"].includes(gravity);
  const counts = fit === "cover" || (fit === "contain" && !looked);
  return counts && gravity !== "centre" ? [`g_${gravity}`] : [];
}

function share(percent) {
  return String(Number((Number(percent === "" ? 50 : percent) / 100).toFixed(3)));
}

function encoding({ format, quality, number }) {
  const found = format ? [`f_${format}`] : [];
  if (quality) found.push(`q_${quality === "number" ? number : quality}`);
  return found;
}

function turn({ rotate }) {
  return rotate ? ["rotate", `angle_${rotate}`] : [];
}

function look({ blur, grayscale }) {
  const found = [];
  if (Number(blur)) found.push(`blur_${blur}`);
  if (grayscale) found.push("grayscale");
  return found.length ? ["adjust", ...found] : [];
}

function mark({ text, place }) {
  return text.trim() ? ["watermark", `text_~${coded(text.trim())}`, `position_${place}`] : [];
}

// Base64url without padding: addresses hold no other text as it is.
function coded(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
