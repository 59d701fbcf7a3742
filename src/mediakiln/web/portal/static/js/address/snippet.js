// What people paste into their own pages.

// An img element; `sources` are pairs of a URL and its descriptor, `shown` the picture's own size.
export function imageHtml({ url, sources, sizes, shown, alt }) {
  const lines = [`<img src="${escaped(url)}"`];
  if (sources.length) {
    const set = sources.map((pair) => pair.map(escaped).join(" ")).join(",\n            ");
    lines.push(`srcset="${set}"`);
    if (sources[0][1].endsWith("w")) lines.push(`sizes="${escaped(sizes || "100vw")}"`);
  }
  if (shown) lines.push(`width="${shown.width}" height="${shown.height}"`);
  lines.push(`alt="${escaped(alt)}" loading="lazy" decoding="async">`);
  return lines.join("\n    ");
}

// A page's part that zooms, by OpenSeadragon, which the page brings along itself.
export function viewerHtml(info) {
  return [
    '<div id="viewer" style="height: 600px"></div>',
    '<script src="openseadragon/openseadragon.min.js"></script>',
    "<script>",
    "  OpenSeadragon({",
    '    id: "viewer",',
    '    prefixUrl: "openseadragon/images/",',
    '    crossOriginPolicy: "Anonymous",',
    "    tileRetryMax: 3,",
    `    tileSources: ${JSON.stringify(info)},`,
    "  });",
    "</script>",
  ].join("\n");
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
