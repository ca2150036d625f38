// The part of plotly.js's documented interface that the lab uses.

import type { Layout, Trace } from "./figure";

/** The element that plotly draws in. */
export interface PlotElement extends HTMLElement {
  data: Trace[];
  layout: Layout;
  on(event: string, listener: (event: PlotlyEvent) => void): void;
}

export interface PlotlyEvent {
  event: MouseEvent;
  points: PlotlyPoint[];
}

export interface PlotlyPoint {
  x: unknown;
  y: unknown;
  data: Trace;
  /** Row and column in a heat map. */
  pointNumber?: number | [row: number, column: number];
}

export interface Config {
  [name: string]: unknown;
}

export interface Plotly {
  version?: string;
  newPlot(gd: HTMLElement, data: Trace[], layout: Layout, config: Config): Promise<unknown>;
  react(gd: HTMLElement, data: Trace[], layout: Layout, config?: Config): Promise<unknown>;
  relayout(gd: HTMLElement, changes: Record<string, unknown>): Promise<unknown>;
  purge(gd: HTMLElement): void;
  toImage(
    figure: { data: Trace[]; layout: Layout },
    options: { format: string; width: number; height: number },
  ): Promise<string>;
}
