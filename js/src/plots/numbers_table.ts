// The numbers of a plot's curves as a table, for readers who do not see the plot.

import type { Clock } from "../clock";
import { element, write } from "../dom";
import {
  type AxisLayout,
  axisLayout,
  type Figure,
  type Layout,
  pointCount,
  type Trace,
} from "./figure";

/** Rows of a table: of longer curves so many points, evenly spaced, with the last. */
export const MOST_ROWS = 11;

/** Least time between two tables: nobody reads them faster. */
export const TABLE_MS = 1000;

export interface Table {
  caption: string;
  head: string[];
  rows: string[][];
}

/**
 * The table that a figure brings along, the cells of a map, or the curves that a legend names;
 * null for a figure without any.
 */
export function numbersOf({ data, layout }: Figure): Table | null {
  if (layout.meta?.table) return layout.meta.table;
  const map = data.find(({ type, text }) => type === "heatmap" && Array.isArray(text));
  // a picture has no names for its rows and columns
  if (map && axisLayout(layout, "xaxis")?.ticktext) return cellsOf(map, layout);
  const curves = data.filter(isCurve);
  if (!curves.length) return null;
  const longest = curves.reduce((a, b) => (size(b) > size(a) ? b : a));
  const values = curves.map(
    ({ x, y }) => new Map(Array.from({ length: pointCount(x, y) }, (_, i) => [x?.[i], y?.[i]])),
  );
  const title = (axis: string) => titleOf(axisLayout(layout, axis)?.title);
  return {
    caption: title("yaxis"),
    head: [title("xaxis"), ...curves.map(({ name }) => name ?? "")],
    rows: evenly(size(longest)).map((i) => {
      const x = longest.x?.[i];
      return [x, ...values.map((curve) => curve.get(x))].map(words);
    }),
  };
}

function cellsOf(map: Trace, layout: Layout): Table {
  const [across, up] = ["xaxis", "yaxis"].map((name) => axisLayout(layout, name));
  const numbers = map.text as string[][];
  const names = (axis?: AxisLayout) => axis?.ticktext as string[];
  return {
    caption: map.name ?? "",
    head: [`${titleOf(up?.title)} \\ ${titleOf(across?.title)}`, ...names(across)],
    rows: numbers.map((row, i) => [names(up)[i], ...row.map((number) => number || "–")]),
  };
}

function isCurve(trace: Trace): boolean {
  const drawn = trace.type === "scatter" && (trace.visible ?? true) === true;
  const lines = String(trace.mode ?? "lines").includes("lines");
  return drawn && lines && trace.showlegend !== false && size(trace) > 0;
}

function size({ x, y }: Trace): number {
  return pointCount(x, y);
}

function evenly(count: number): number[] {
  const rows = Math.min(count, MOST_ROWS);
  if (rows < 2) return [...Array(rows).keys()];
  return Array.from({ length: rows }, (_, i) => Math.round((i * (count - 1)) / (rows - 1)));
}

function words(value: unknown): string {
  const number = Number(value);
  // a gap, as where another algorithm made the curve
  if (value === null || value === undefined || !Number.isFinite(number)) return "–";
  return String(Math.abs(number) >= 1000 ? Math.round(number) : Number(number.toPrecision(3)));
}

function titleOf(title: unknown): string {
  const text = typeof title === "object" ? (title as { text?: unknown } | null)?.text : title;
  return String(text ?? "");
}

/** Keeps a table in an element up to date with a plot that is drawn again and again. */
export class NumbersTable {
  private timer = 0;
  private shape = "";
  private cells: HTMLElement[] = [];

  constructor(
    private readonly place: HTMLElement,
    plot: HTMLElement,
    private readonly figure: () => Figure | null,
    private readonly clock: Clock,
    signal: AbortSignal,
  ) {
    const drawn = () => {
      this.timer ||= this.clock.after(TABLE_MS, () => this.show());
    };
    plot.addEventListener("maml-lab-drawn", drawn, { signal });
    signal.addEventListener("abort", () => clock.cancel(this.timer));
  }

  private show(): void {
    this.timer = 0;
    const figure = this.figure();
    const table = figure && numbersOf(figure);
    const texts = table ? [table.caption, ...table.head, ...table.rows.flat()] : [];
    const shape = `${table?.head.length} ${texts.length}`;
    if (shape !== this.shape) {
      this.shape = shape;
      this.cells = table ? this.build(table) : [];
      if (!table) this.place.replaceChildren();
    }
    for (const [i, cell] of this.cells.entries()) write(cell, plain(texts[i]));
  }

  private build({ head, rows }: Table): HTMLElement[] {
    const caption = element("caption");
    const heads = head.map(() => element("th", { scope: "col" }));
    const lines = rows.map((row) =>
      row.map((_, i) => (i ? element("td") : element("th", { scope: "row" }))),
    );
    const trs = lines.map((cells) => element("tr", {}, ...cells));
    this.place.replaceChildren(
      element(
        "table",
        {},
        caption,
        element("thead", {}, element("tr", {}, ...heads)),
        element("tbody", {}, ...trs),
      ),
    );
    return [caption, ...heads, ...lines.flat()];
  }
}

/** A text of plotly's, in which a few letters are escaped. */
function plain(text: string): string {
  if (!/[&<]/.test(text)) return text;
  return new DOMParser().parseFromString(text, "text/html").body.textContent ?? "";
}
