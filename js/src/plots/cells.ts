// A figure of cells, such as a map of hyper-parameters: one of them is shown in more detail.
// labkit/figures/instruments/cells.py makes it.

import { element, write } from "../dom";
import type { Emit } from "../messages";
import type { Figure, Trace } from "./figure";
import { CLICK_MS } from "./hover";
import type { PlotElement, PlotlyPoint } from "./plotly";

interface Cells {
  columns: number;
  /** Of the cells, row by row. */
  titles: string[];
  /**
   * Part that a trace shows, as its `meta.cell` says → property → its value for each cell, or for
   * each row.
   */
  parts: Record<string, Record<string, unknown[]>>;
}

function cellsOf(figure: Figure | null): Cells | null {
  return (figure?.layout.meta?.cells as Cells | undefined) ?? null;
}

/** The figure with another of its cells shown; as it is without any. */
export function showCell(figure: Figure, index: number | null): Figure {
  const cells = cellsOf(figure);
  if (!cells || index === null || index >= cells.titles.length) return figure;
  const data = figure.data.map((trace): Trace => {
    const part = cells.parts[trace.meta?.cell ?? ""];
    if (!part) return trace;
    const shown = Object.entries(part).map(([name, values]) => [
      name,
      values[Math.floor((index * values.length) / cells.titles.length)],
    ]);
    return { ...trace, ...Object.fromEntries(shown) };
  });
  const [title, ...others] = figure.layout.annotations ?? [];
  const annotations = [{ ...title, text: cells.titles[index] }, ...others];
  return { data, layout: { ...figure.layout, annotations } };
}

const MOVES: Record<string, [right: number, up: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** Where a key leads from a cell; null if it leads nowhere. */
export function nextCell(figure: Figure | null, index: number, key: string): number | null {
  const cells = cellsOf(figure);
  const move = MOVES[key];
  if (!cells || !move) return null;
  const { columns, titles } = cells;
  const column = (index % columns) + move[0];
  const row = Math.floor(index / columns) + move[1];
  if (column < 0 || column >= columns || row < 0 || row >= titles.length / columns) return null;
  return row * columns + column;
}

/** Shows the cell under the pointer, or to which the arrow keys lead; a click or Enter picks it. */
export class CellFocus {
  /** What a screen reader says of the cell to which a key has led. */
  readonly said = element("p", { class: "maml-lab-numbers", role: "status" });
  private index: number | null = null;
  private picked = -Infinity;

  /** @param draw - redraws the figure */
  constructor(
    private readonly gd: PlotElement,
    private readonly figure: () => Figure | null,
    private readonly draw: () => void,
    private readonly emit: Emit,
    signal: AbortSignal,
  ) {
    gd.addEventListener("keydown", (event) => this.hear(event), { signal });
  }

  /** The figure with the cell that is looked at. */
  shown(figure: Figure): Figure {
    const cells = cellsOf(figure);
    if (cells && this.index !== null && this.index >= cells.titles.length) this.index = null;
    if (cells) this.gd.tabIndex = 0;
    return showCell(figure, this.index);
  }

  /** Follows the pointer, once plotly has drawn. */
  follow(): void {
    this.gd.on("plotly_hover", ({ points }) => {
      const index = this.under(points[0]);
      if (index !== null) this.show(index);
    });
    this.gd.on("plotly_click", ({ points }) => {
      const index = this.under(points[0]);
      if (index !== null) this.pick(index);
    });
  }

  private under({ data, pointNumber }: PlotlyPoint): number | null {
    const cells = cellsOf(this.figure());
    if (!cells || !data.meta?.pick || !Array.isArray(pointNumber)) return null;
    return pointNumber[0] * cells.columns + pointNumber[1];
  }

  private show(index: number): void {
    if (index === this.index) return;
    this.index = index;
    this.draw();
  }

  private pick(index: number): void {
    const now = performance.now();
    // a double click means what one click means
    if (now - this.picked < CLICK_MS) return;
    this.picked = now;
    const trace = this.figure()?.data.find(({ meta }) => meta?.pick);
    if (trace?.meta?.pick) this.emit({ kind: "pick", name: trace.meta.pick, index });
  }

  private hear(event: KeyboardEvent): void {
    const figure = this.figure();
    const cells = cellsOf(figure);
    if (!figure || !cells || event.target !== this.gd) return;
    const present = this.index ?? Number(figure.layout.meta?.cell ?? 0);
    if (event.key === "Enter") this.pick(present);
    const next = nextCell(figure, present, event.key);
    if (next === null) return;
    event.preventDefault();
    this.show(next);
    const [row, column] = [Math.floor(next / cells.columns), next % cells.columns];
    const map = figure.data.find(({ meta }) => meta?.pick);
    const words = (map?.customdata as string[][] | undefined)?.[row]?.[column];
    write(this.said, (words ?? cells.titles[next]).replace("<br>", ": "));
  }
}
