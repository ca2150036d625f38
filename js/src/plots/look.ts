// From a figure as the kernel describes it to what plotly draws on this page.

import {
  AXIS,
  type AxisLayout,
  type Figure,
  isEditable,
  type Layout,
  type LegendLayout,
  type Trace,
} from "./figure";
import { applyTheme, LARGE, type ListMemory, type Theme } from "./theme";

/** Taller plots for large type; the training panel is low, and its numbers would overlap. */
const LARGE_HEIGHT = { adaptation: 1.25, task: 1.25, training: LARGE };
const DIMMED = 0.15;
const LEGEND_LETTER = 6.2; // pixels, of the size that the figures' legends have
const LEGEND_MARK = 41;
const LEGEND_ROW = 19;
/** Width of a letter, in sizes of the type: that of the widest font that pages have. */
const LETTER = 0.56;
/** Size of an axis' title, in sizes of all other type. */
const AXIS_TITLE = 1.2;

export type PanelName = "adaptation" | "task" | "training";

export const HEIGHTS: Record<PanelName, number> = { adaptation: 272, task: 272, training: 174 };

const LIGHT_AXIS = { gridcolor: "#e6e6e6", linecolor: "#999999", zerolinecolor: "#999999" };
const ROOM_AXIS = { gridcolor: "#c4c4c4", linecolor: "#555555", zerolinecolor: "#555555" };
const DARK_AXIS = { gridcolor: "#3a3a3a", linecolor: "#888888", zerolinecolor: "#888888" };

/** How a page shows all its figures. */
export interface Look extends Theme {
  /** The inner step that panels show; null for all. */
  step: number | null;
  /** Whether the plot itself has the figure's title; otherwise it is above the plot. */
  titled?: boolean;
  /** Height that the plot has, in pixels, where one panel fills the screen. */
  room?: number | null;
  paper?: string;
}

/** The same list for the same step: for plotly another list is a change. */
export interface CursorMemory {
  step?: number | null;
  x?: (number | null)[];
}

export interface PanelLook extends Look {
  panel: PanelName;
  width: number;
  lists: ListMemory;
  cursor: CursorMemory;
}

/** What the figure's own title takes up, where the page shows it above the plot. */
export function titleHeight(figure: Figure | null, titled = false): number {
  return titled ? 0 : (figure?.layout.meta?.title_height ?? 0);
}

export function plotHeight(
  panel: PanelName,
  figure: Figure | null,
  { large, titled, room }: Pick<Look, "large" | "titled" | "room">,
): number {
  if (room) return room;
  const height = (figure?.layout.height ?? HEIGHTS[panel]) - titleHeight(figure, titled);
  return Math.round(height * (large ? LARGE_HEIGHT[panel] : 1));
}

export function deriveFigure(figure: Figure, look: PanelLook): Figure {
  const shown = nearestStep(figure, look.step);
  const data = figure.data.map((trace) => deriveTrace(trace, look, shown));
  return { data, layout: deriveLayout(figure, look) };
}

function deriveTrace(described: Trace, look: PanelLook, shown: number | null): Trace {
  const trace = applyTheme(described, look, look.lists);
  if (look.large) enlarge(trace);
  // plotly leaves out points that lie nearly on the line: whoever moves them has them all
  if (trace.type === "scatter") trace.line = { simplify: false, ...trace.line };
  if (trace.meta?.cursor && look.panel === "adaptation") {
    trace.x = cursorAt(look.step, look.cursor);
    trace.visible = look.step !== null;
  }
  const step = trace.meta?.inner_step;
  if (shown !== null && Number.isInteger(step) && step !== shown) {
    trace.opacity = (trace.opacity ?? 1) * DIMMED;
  }
  return trace;
}

function deriveLayout(figure: Figure, look: PanelLook): Layout {
  const layout = applyTheme(figure.layout, look, look.lists);
  const text = look.dark ? "#dddddd" : look.large ? "#000000" : "#333333";
  const size = look.large ? LARGE : 1;
  layout.font = { color: text, size: 12 * size, ...layout.font };
  layout.width = look.width;
  layout.height = plotHeight(look.panel, figure, look);
  const elsewhere = titleHeight(figure, look.titled);
  if (elsewhere) {
    layout.title = { text: "" };
    raiseMargin(layout, -elsewhere * size);
  } else if (layout.title?.font?.size) {
    const letters = (layout.title.text ?? "").replace(/<[^>]*>/g, "").length;
    layout.title.font.size = fitted(layout.title.font.size, letters, look.width - 16);
  }
  layout.autosize = false;
  layout.paper_bgcolor = layout.plot_bgcolor = look.paper ?? "rgba(0,0,0,0)";
  layout.hoverlabel = {
    bgcolor: look.dark ? "#1c1c1c" : "#ffffff",
    bordercolor: look.dark ? "#666666" : "#bbbbbb",
    ...layout.hoverlabel,
    font: { color: text, ...layout.hoverlabel?.font },
  };
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: "#999999", activecolor: text };
  layout.uirevision ??= "lab";
  if (isEditable(figure)) layout.dragmode = false;
  const more = legendRows(figure, look) - 1;
  if (more > 0) raiseMargin(layout, more * LEGEND_ROW * size);
  for (const name of Object.keys(layout).filter((key) => AXIS.test(key))) {
    const axis: AxisLayout = {
      ...(look.dark ? DARK_AXIS : look.large ? ROOM_AXIS : LIGHT_AXIS),
      // otherwise a third of each redraw goes into measuring every label
      ticklabeloverflow: "allow",
      ...(layout[name] as AxisLayout),
    };
    // plotly writes a reader's zoom into the list that it was given
    if (axis.range) axis.range = [...axis.range];
    fitTitle(axis, name, layout);
    layout[name] = axis;
  }
  fitLegends(figure, layout);
  for (const { text, font } of layout.annotations ?? []) {
    if (font) font.size = fitted(font.size ?? 12 * size, longest(text?.split("<br>")), look.width);
  }
  return layout;
}

/** The size of type in which so many letters have room, if not the wanted one. */
function fitted(size: number, letters: number, room: number): number {
  return Math.min(size, Math.max(room / (letters * LETTER || 1), 1));
}

function longest(texts: string[] = []): number {
  return Math.max(0, ...texts.map((text) => text.length));
}

/** The title is over the middle of its axis, and not beyond the plot. */
function fitTitle(axis: AxisLayout, name: string, layout: Layout): void {
  const { title } = axis;
  if (!title?.text) return;
  const { l = 0, r = 0 } = layout.margin ?? {};
  const { width, height } = layout as Layout & { width: number; height: number };
  const [from, to] = axis.domain ?? [0, 1];
  const middle = l + ((from + to) / 2) * (width - l - r);
  const room = name.startsWith("x") ? 2 * Math.min(middle, width - middle) : height;
  const usual = AXIS_TITLE * Number(layout.font?.size ?? 12);
  const font = { ...title.font };
  font.size = fitted(font.size ?? usual, title.text.length, room);
  axis.title = { ...title, font };
}

/** The names in columns at the lower end of the plot have the room up to the next one. */
function fitLegends({ data }: Figure, layout: Layout): void {
  const { l = 0, r = 0, t = 0, b = 0 } = layout.margin ?? {};
  const width = Number(layout.width) - l - r;
  const legends = Object.keys(layout)
    .filter((key) => key.startsWith("legend"))
    .map((key): [string, LegendLayout] => [key, layout[key] as LegendLayout])
    .filter(([, legend]) => legend.orientation === "v");
  const names = (key: string) =>
    data.filter((trace) => trace.legend === key && trace.visible !== false).map(nameOf);
  const columns = Math.max(1, legends.filter(([key]) => names(key).length).length);
  for (const [key, legend] of legends) {
    // by the container plotly 4.1 forgets how far an axis' title is to be from its numbers
    Object.assign(legend, { yref: "paper", y: -b / (Number(layout.height) - t - b) });
    const room = width / columns - LEGEND_MARK;
    const { font } = legend;
    if (font?.size) font.size = fitted(font.size, longest(names(key)), room);
  }
}

function nameOf({ name }: Trace): string {
  return name ?? "";
}

function raiseMargin(layout: Layout, by: number): void {
  if (layout.margin?.t !== undefined) layout.margin.t += by;
}

/** How many rows the names above the axes take: plotly gives all the room of the longest one. */
export function legendRows(figure: Figure, { large, width }: { large: boolean; width: number }) {
  const { legend, margin } = figure.layout;
  if (legend?.orientation !== "h" || legend.y !== 1) return 1;
  const names = figure.data
    .filter((trace) => trace.showlegend !== false && trace.visible !== false)
    .filter((trace) => (trace.legend ?? "legend") === "legend" && trace.type === "scatter")
    .map((trace) => trace.name ?? "");
  const size = large ? LARGE : 1;
  const widths = names.map((name) => name.length * LEGEND_LETTER * size + LEGEND_MARK);
  const room = width - ((margin?.l ?? 0) + (margin?.r ?? 0)) * size;
  const sum = widths.reduce((total, one) => total + one, 0);
  if (sum <= room) return 1;
  return Math.ceil(names.length / Math.max(1, Math.floor(room / Math.max(...widths))));
}

function enlarge(trace: Trace): void {
  if (trace.type !== "scatter") return;
  trace.line = { ...trace.line, width: trace.line?.width ?? 2 * LARGE };
  trace.marker = { ...trace.marker, size: trace.marker?.size ?? 6 * LARGE };
}

/** The drawn inner step that is nearest to the wanted one: of many steps not each is drawn. */
export function nearestStep(figure: Figure, wanted: number | null): number | null {
  if (wanted === null) return null;
  const steps = figure.data
    .filter((trace) => trace.visible !== false)
    .map((trace) => trace.meta?.inner_step)
    .filter((step) => step !== undefined && Number.isInteger(step)) as number[];
  if (!steps.length) return null;
  return steps.reduce((best, k) => (Math.abs(k - wanted) < Math.abs(best - wanted) ? k : best));
}

function cursorAt(step: number | null, memory: CursorMemory): (number | null)[] {
  if (!memory.x || memory.step !== step) {
    memory.step = step;
    memory.x = [step, step];
  }
  return memory.x;
}
