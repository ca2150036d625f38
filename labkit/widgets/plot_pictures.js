// Pictures of the panels as they stand on the page, always in light colours.

async function plotSvg(plots, panel) {
  const look = { ...plots.shown, dark: false, titled: true, paper: "#ffffff" };
  const { data, layout } = panel.derived({ ...look, lists: new WeakMap(), cursor: {} });
  plotHold(panel.gd, layout);
  const { width, height } = layout;
  return plots.Plotly.toImage({ data, layout }, { format: "svg", width, height });
}

async function plotSvgs(plots) {
  const drawn = plots.panels.filter((panel) => panel.drawn && panel.width > 0);
  const images = await Promise.all(drawn.map((panel) => plotSvg(plots, panel)));
  return Object.fromEntries(drawn.map((panel, i) => [panel.name, images[i]]));
}

// one SVG of all panels, side by side as on the page
async function plotComposed(plots) {
  const images = await plotSvgs(plots);
  const boxes = plots.panels
    .filter((panel) => images[panel.name])
    .map((panel) => ({
      name: panel.name,
      box: panel.gd.getBoundingClientRect(),
      tall: plotHeight(panel.name, panel.figure, { ...plots.look, titled: true }),
    }));
  const left = Math.min(...boxes.map(({ box }) => box.left));
  const right = Math.max(...boxes.map(({ box }) => box.right));
  // without the bars of controls between them: rows of panels that begin at the same height
  const rows = [...new Set(boxes.map(({ box }) => Math.round(box.bottom)))].sort((a, b) => a - b);
  let height = 0;
  const parts = [];
  for (const row of rows) {
    const members = boxes.filter(({ box }) => Math.round(box.bottom) === row);
    const tallest = Math.max(...members.map(({ tall }) => tall));
    for (const { name, box, tall } of members) {
      const source = decodeURIComponent(images[name].slice(images[name].indexOf(",") + 1));
      const y = height + tallest - tall;
      parts.push(source.replace("<svg", `<svg x="${box.left - left}" y="${y}"`));
    }
    height += tallest;
  }
  const width = Math.ceil(right - left);
  height = Math.ceil(height);
  const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  const paper = '<rect width="100%" height="100%" fill="#ffffff"/>';
  const svg = `<svg ${names} width="${width}" height="${height}">${paper}${parts.join("")}</svg>`;
  return { svg, width, height };
}

async function plotDownload(plots, { filename, format, scale }) {
  const { svg, width, height } = await plotComposed(plots);
  let blob = new Blob([svg], { type: "image/svg+xml" });
  if (format === "png") blob = await plotPng(blob, width, height, scale);
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: url, download: filename });
  link.click();
  // the browser takes the file after the click
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function plotPng(svg, width, height, scale) {
  const url = URL.createObjectURL(svg);
  try {
    const image = new Image(width, height);
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: width * scale, height: height * scale });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function plotAnswer(plots, message, emit) {
  try {
    if (message.kind === "export") await plotDownload(plots, message);
    else emit({ kind: "picture", images: await plotSvgs(plots) });
  } catch (error) {
    console.error("MAML Lab: the picture failed", error);
  }
}
