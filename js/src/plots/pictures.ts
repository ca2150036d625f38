// Pictures of the panels as they are on the page, always in light colours.

import { download } from "../dom";
import type { ExportMessage } from "../messages";
import { axisLayout, type Layout } from "./figure";
import { type PanelName, plotHeight } from "./look";
import type { PlotPanel } from "./panel";
import type { PlotElement } from "./plotly";
import type { Plots } from "./plots";
import { holdRanges } from "./zoom";

/** A panel's place on the page, and how tall its picture is. */
export interface PlacedPicture {
  svg: string;
  left: number;
  right: number;
  bottom: number;
  tall: number;
}

interface Composed {
  svg: string;
  width: number;
  height: number;
}

/** An SVG of each panel that is drawn, as data URL. */
export async function takePictures(plots: Plots): Promise<Partial<Record<PanelName, string>>> {
  const drawn = plots.panels.filter((panel) => panel.drawn && panel.width > 0);
  const images = await Promise.all(drawn.map((panel) => takePicture(plots, panel)));
  return Object.fromEntries(drawn.map((panel, i) => [panel.name, images[i]]));
}

/** Lets the browser save one picture of all panels. */
export async function savePicture(plots: Plots, wanted: ExportMessage): Promise<void> {
  const images = await takePictures(plots);
  const placed = plots.panels.flatMap(({ name, gd, figure, room }) => {
    const image = images[name];
    if (!image) return [];
    const { left, right, bottom } = gd.getBoundingClientRect();
    const tall = plotHeight(name, figure, { large: plots.look.large, titled: true, room });
    const svg = decodeURIComponent(image.slice(image.indexOf(",") + 1));
    return [{ svg, left, right, bottom, tall }];
  });
  const { svg, width, height } = compose(placed);
  let blob = new Blob([svg], { type: "image/svg+xml" });
  if (wanted.format === "png") blob = await rasterise(blob, width, height, wanted.scale);
  download(wanted.filename, blob);
}

async function takePicture(plots: Plots, panel: PlotPanel): Promise<string> {
  const { plotly } = plots;
  if (!plotly) throw new Error("plotly.js is not loaded yet");
  const { currentLook } = plots;
  const light = { dark: false, colours: currentLook.dark ? {} : currentLook.colours };
  const look = { ...currentLook, ...light, titled: true, paper: "#ffffff" };
  const { data, layout } = panel.derive({ ...look, lists: new WeakMap(), cursor: {} });
  holdRanges(panel.internals ?? documentedRanges(panel.gd), layout);
  const { width = 0, height = 0 } = layout as Layout & { width?: number };
  return plotly.toImage({ data, layout }, { format: "svg", width, height });
}

/** Ranges that plotly documents: it writes a reader's zoom into the layout. */
function documentedRanges({ layout }: PlotElement) {
  const range = (name: string) => axisLayout(layout, name)?.range ?? [];
  const names = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  return { range, names: () => names.filter((name) => range(name).length > 0) };
}

/** One SVG of all panels, side by side as on the page. */
export function compose(pictures: PlacedPicture[]): Composed {
  const left = Math.min(...pictures.map((picture) => picture.left));
  const right = Math.max(...pictures.map((picture) => picture.right));
  // without the bars of controls between them: rows of panels that begin at the same height
  const bottoms = new Set(pictures.map(({ bottom }) => Math.round(bottom)));
  let height = 0;
  const parts: string[] = [];
  for (const row of [...bottoms].sort((a, b) => a - b)) {
    const members = pictures.filter(({ bottom }) => Math.round(bottom) === row);
    const tallest = Math.max(...members.map(({ tall }) => tall));
    for (const { svg, left: x, tall } of members) {
      const y = height + tallest - tall;
      parts.push(svg.replace("<svg", `<svg x="${x - left}" y="${y}"`));
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

async function rasterise(svg: Blob, width: number, height: number, scale: number): Promise<Blob> {
  const url = URL.createObjectURL(svg);
  try {
    const image = new Image(width, height);
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: width * scale, height: height * scale });
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png");
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
