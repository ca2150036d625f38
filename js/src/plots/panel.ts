// One plot: its figure as the kernel describes it, and how it is drawn.

import { type Figure, type FigureChanges, isEditable } from "./figure";
import { deriveFigure, type Look, type PanelLook, type PanelName, titleHeight } from "./look";
import { type ChangedTraces, isScale, move, onlyMoves, rescale } from "./moves";
import { keysOf, withValue } from "./paths";
import type { Config, PlotElement, Plotly, PlotlyPoint } from "./plotly";
import { missingInternals, PlotlyInternals } from "./plotly_internals";
import type { SupportPoints } from "./support";
import { showTitle } from "./title";
import { holdRanges, keepZoom, leaveZoom, setWayBack } from "./zoom";

const CORNERS = {
  width: 16,
  height: 16,
  path: "M2 2h5v2H4v3H2zM9 2h5v5h-2V4H9zM12 9h2v5H9v-2h3zM2 9h2v3h3v2H2z",
};

export class PlotPanel {
  figure: Figure | null = null;
  width = 0;
  /** Height that the plot has while its panel fills the screen. */
  room: number | null = null;
  dirty = false;
  drawn = false;
  /** Since when it is to be drawn. */
  since = 0;
  lists = new WeakMap<unknown[], unknown[]>();
  support: SupportPoints | null = null;
  /** What plotly's label at the pointer tells of. */
  points: PlotlyPoint[] | null = null;
  listening: AbortController | null = null;
  /** The plot beyond plotly's documented interface; null if that is not as expected. */
  internals: PlotlyInternals | null = null;

  private readonly cursor = {};
  /** What has changed since the last drawing, and moves without plotly. */
  private moves: ChangedTraces = new Map();
  /** The same since plotly drew last. */
  private readonly movesSincePlotly: ChangedTraces = new Map();
  /** Path of an axis' range or numbers → its new value. */
  private scales = new Map<string, unknown>();
  /** Whether the kernel has sent another figure. */
  private replaced = false;
  /** Whether anything has changed that plotly must draw. */
  private needsPlotly = true;
  /** Whether plotly has to restart with an empty element. */
  private mustRestart = false;
  private margin: string | undefined;
  private config: Config = {};

  constructor(
    readonly name: PanelName,
    readonly gd: PlotElement,
    private readonly title: HTMLElement,
    private readonly fill: ((panel: PanelName) => void) | null,
  ) {}

  whole(figure: Figure): void {
    // a pointer does other things to a figure that can be edited
    if (this.drawn && this.figure && isEditable(figure) !== isEditable(this.figure)) {
      this.mustRestart = true;
    }
    this.figure = figure;
    this.replaced = this.drawn;
    this.touch();
  }

  change(changes: FigureChanges): void {
    const { figure } = this;
    if (!figure) return;
    const before = figure.layout;
    const quick = onlyMoves(changes, titleHeight(figure) === 0);
    for (const [index, paths] of changes.traces) {
      for (const changed of [this.moves, this.movesSincePlotly]) {
        changed.set(index, new Set([...(changed.get(index) ?? []), ...Object.keys(paths)]));
      }
      for (const [path, value] of Object.entries(paths)) {
        figure.data[index] = withValue(figure.data[index], keysOf(path), value);
      }
    }
    for (const [path, value] of Object.entries(changes.layout)) {
      if (isScale(path)) this.scales.set(path, value);
      figure.layout = withValue(figure.layout, keysOf(path), value);
    }
    if (this.internals) {
      leaveZoom(this.internals, before, figure.layout, Object.keys(changes.layout));
    }
    this.touch(!quick);
  }

  /** It is to be drawn again. */
  touch(needsPlotly = true): void {
    if (!this.dirty) this.since = performance.now();
    this.dirty = true;
    this.needsPlotly ||= needsPlotly;
  }

  get drawable(): boolean {
    return this.dirty && this.figure !== null && this.width > 0;
  }

  /** What plotly draws of the figure on this page. */
  derive(look: Look & Pick<PanelLook, "lists" | "cursor">): Figure {
    const { figure, name, width, room } = this;
    if (!figure) throw new Error(`the ${name} panel has no figure yet`);
    return deriveFigure(figure, { ...look, panel: name, width, room });
  }

  leave(plotly: Plotly | null): void {
    this.support?.destroy();
    this.listening?.abort();
    if (this.drawn) plotly?.purge(this.gd);
    this.support = this.points = this.internals = null;
    this.mustRestart = this.drawn = false;
  }

  /** Whether plotly does not know of the last drawing. */
  get behind(): boolean {
    return this.movesSincePlotly.size > 0;
  }

  /** Whether it could be drawn without plotly, whose label at the pointer must know of all points. */
  get movable(): boolean {
    const still = this.drawn && !this.mustRestart && !this.needsPlotly && !this.support?.ahead;
    return still && this.internals !== null && !this.gd.matches(":hover");
  }

  /** Whether that would take no time worth mentioning. */
  get quick(): boolean {
    return this.movable && !this.scales.size;
  }

  /** @returns whether it took no time */
  async draw(
    plotly: Plotly,
    look: Look,
    attach: (panel: PlotPanel, figure: Figure) => void,
  ): Promise<boolean> {
    const { figure, quick, movable } = this;
    if (!figure) return false;
    let moved = false;
    this.dirty = this.needsPlotly = false;
    try {
      moved = movable && (await this.move(plotly, figure));
      if (moved) showTitle(this.title, figure);
      else await this.drawByPlotly(plotly, figure, look, attach);
      if (this.internals) setWayBack(this.internals, (this.figure ?? figure).layout);
    } catch (error) {
      this.needsPlotly = true; // the next time it is left to plotly
      throw error;
    }
    this.gd.dispatchEvent(new CustomEvent("maml-lab-drawn"));
    return quick && moved;
  }

  /** @returns false where it is left to plotly */
  private async move(plotly: Plotly, figure: Figure): Promise<boolean> {
    const { gd, internals, moves, movesSincePlotly } = this;
    if (!internals) return false;
    const zoomed = internals.zoomed();
    const scales = [...this.scales].filter(([path]) => !zoomed.has(keysOf(path)[0]));
    this.moves = new Map();
    this.scales = new Map();
    if (!scales.length) return move(gd, internals, figure, moves);
    // with other axes plotly puts back the points that it knows of
    return (
      (await rescale(plotly, gd, internals, scales)) &&
      move(gd, internals, figure, movesSincePlotly)
    );
  }

  private async drawByPlotly(
    plotly: Plotly,
    figure: Figure,
    look: Look,
    attach: (panel: PlotPanel, figure: Figure) => void,
  ): Promise<void> {
    for (const changes of [this.moves, this.movesSincePlotly, this.scales]) changes.clear();
    const { replaced, gd } = this;
    this.replaced = false;
    const { data, layout } = this.derive({ ...look, lists: this.lists, cursor: this.cursor });
    const margin = JSON.stringify(layout.margin);
    // plotly 4.1 leaves titles of axes where they were when a margin changes
    if (this.mustRestart || (this.drawn && margin !== this.margin)) this.leave(plotly);
    this.margin = margin;
    this.support?.apply(data);
    // below a pointer that aims, or drags
    const { support, internals, drawn } = this;
    if (support) support.held = support.busy && drawn && !replaced;
    if (support?.held && internals) holdRanges(internals, layout);
    showTitle(this.title, figure);
    if (this.drawn) {
      if (this.internals) keepZoom(this.internals, layout, replaced);
      await plotly.react(gd, data, layout, this.config);
      return;
    }
    this.drawn = true;
    // keep one object: plotly recreates the plot for another
    this.config = plotConfig(figure, this.fill && (() => this.fill?.(this.name)));
    await plotly.newPlot(gd, data, layout, this.config);
    this.internals = expectedInternals(gd, plotly);
    attach(this, figure);
  }
}

function plotConfig(figure: Figure, fill: (() => void) | null): Config {
  const moves = isEditable(figure) ? [] : ["zoom2d", "pan2d"];
  const title = "Whole screen, and back (F)";
  const whole = fill ? [{ name: "whole screen", title, icon: CORNERS, click: fill }] : [];
  return {
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtons: [[...moves, "resetScale2d", ...whole]],
    doubleClick: "reset",
    responsive: false,
  };
}

/** Without them plotly draws everything itself, and points are not edited with the pointer. */
function expectedInternals(gd: PlotElement, plotly: Plotly): PlotlyInternals | null {
  const missing = missingInternals(gd);
  if (!missing.length) return new PlotlyInternals(gd);
  console.warn(
    `MAML Lab: plotly.js ${plotly.version} lacks ${missing.join(", ")}: it redraws plots plainly`,
  );
  return null;
}
