// Every part of plotly.js that the lab uses and plotly does not document: what it keeps of axes and
// traces, and the elements that it draws. `missingInternals` says what another version does not keep;
// a plot that lacks any of it is drawn by plotly alone. Which elements there are depends on the
// points, so `moves.ts` looks for them each time.

import { AXIS } from "./figure";
import { keysOf } from "./paths";
import type { PlotElement, PlotlyPoint } from "./plotly";

export type Range = unknown[];

/** An axis in pixels. */
export interface PixelAxis {
  letter: string;
  /** Whether plotly chooses the range by what is drawn. */
  follows: boolean;
  length: number;
  toPixels(value: unknown): number;
  toValue(pixels: number): number;
}

/** A trace of scatter as it is drawn. */
export interface DrawnScatter {
  mode: string;
  filled: boolean;
  straight: boolean;
  axes: [across: PixelAxis, up: PixelAxis];
  lines(): Element[];
  fills(): Element[];
  points(): Element[];
  words(): Element[];
}

/** What a reader has done to the axes, and what a double click leads back to. */
export interface ReaderAxes {
  names(): string[];
  range(axis: string): Range;
  /** Whether plotly chooses the range by what is drawn. */
  follows(axis: string): boolean;
  /** The axes that a reader has zoomed. */
  zoomed(): Set<string>;
  /** Both ends before the zoom; undefined for one that no zoom has moved. */
  before(axis: string): Range;
  home(axis: string): Range;
  setHome(axis: string, range: Range): void;
  /** Makes what a reader sees the range that the figure has. */
  forget(axis: string): void;
}

interface FullAxis {
  _id: string;
  _offset: number;
  _length: number;
  _rangeInitial0: unknown;
  _rangeInitial1: unknown;
  range: Range;
  autorange: unknown;
  d2p(value: unknown): number;
  p2d(pixels: number): number;
}

interface FullTrace {
  uid: string;
  type: string;
  visible: boolean | "legendonly";
  mode: string;
  fill?: string;
  line?: { shape?: string };
  xaxis: string;
  yaxis: string;
}

interface FullLayout {
  _preGUI: Record<string, unknown>;
  dragmode: unknown;
  [name: string]: unknown;
}

interface Internal {
  _fullLayout: FullLayout;
  _fullData: FullTrace[];
}

const ENDS = ["0", "1"] as const;
const ZOOMED_RANGE = /^[xy]axis\d*\.range\[/;
const DRAG_LAYER = ".nsewdrag";

export class PlotlyInternals implements ReaderAxes {
  constructor(private readonly gd: PlotElement) {}

  private get layout(): FullLayout {
    return (this.gd as unknown as Internal)._fullLayout;
  }

  private axis(name: string): FullAxis {
    return this.layout[name] as FullAxis;
  }

  names(): string[] {
    return Object.keys(this.layout).filter((name) => AXIS.test(name) && this.axis(name).range);
  }

  range(axis: string): Range {
    return this.axis(axis).range;
  }

  follows(axis: string): boolean {
    return Boolean(this.axis(axis).autorange);
  }

  zoomed(): Set<string> {
    // plotly notes ranges that it has chosen itself as well
    const noted = Object.keys(this.layout._preGUI).filter((path) => ZOOMED_RANGE.test(path));
    const axes = new Set(noted.map((path) => keysOf(path)[0]));
    return new Set([...axes].filter((axis) => !this.follows(axis)));
  }

  before(axis: string): Range {
    return ENDS.map((end) => this.layout._preGUI[`${axis}.range[${end}]`]);
  }

  home(axis: string): Range {
    return ENDS.map((end) => this.axis(axis)[`_rangeInitial${end}`]);
  }

  setHome(axis: string, [low, high]: Range): void {
    const full = this.axis(axis) as FullAxis | undefined;
    if (full) [full._rangeInitial0, full._rangeInitial1] = [low, high];
  }

  forget(axis: string): void {
    const noted = this.layout._preGUI;
    for (const path of Object.keys(noted)) if (keysOf(path)[0] === axis) delete noted[path];
  }

  /** The axes of the traces that name no others. */
  mainAxes(): [across: PixelAxis, up: PixelAxis] {
    return [pixelAxis(this.axis("xaxis")), pixelAxis(this.axis("yaxis"))];
  }

  /** What takes the pointer over the main axes. */
  dragLayer(): Element | null {
    return this.gd.querySelector(DRAG_LAYER);
  }

  /** That layer if a pointer is over it, while plotly itself does nothing with a drag. */
  pressedLayer(event: Event): HTMLElement | null {
    if (this.layout.dragmode !== false || !(event.target instanceof Element)) return null;
    return event.target.closest<HTMLElement>(DRAG_LAYER);
  }

  /** Whether plotly zooms or pans by what is dragged from here. */
  isDragger(target: EventTarget | null): boolean {
    return target instanceof Element && target.closest(".drag") !== null;
  }

  /** Whether plotly draws a trace; not while it is hidden, or has no points. */
  isVisible(index: number): boolean {
    return this.fullTrace(index).visible === true;
  }

  /** A trace as it is drawn; null if it is not, or no scatter. */
  scatter(index: number): DrawnScatter | null {
    const full = this.fullTrace(index);
    const element = this.gd.querySelector(`.scatterlayer .trace${full.uid}`);
    if (!element || full.visible !== true || full.type !== "scatter") return null;
    const all = (selector: string) => [...element.querySelectorAll(selector)];
    const fill = full.fill ?? "none";
    const straight = (full.line?.shape ?? "linear") === "linear";
    const axis = (id: string) => pixelAxis(this.axis(id.replace(/^[xy]/, "$&axis")));
    return {
      mode: full.mode,
      filled: fill === "toself",
      straight: straight && ["toself", "none"].includes(fill),
      axes: [axis(full.xaxis), axis(full.yaxis)],
      lines: () => all("path.js-line"),
      fills: () => all("path.js-fill"),
      points: () => all("path.point"),
      words: () => all(".textpoint"),
    };
  }

  private fullTrace(index: number): FullTrace {
    return (this.gd as unknown as Internal)._fullData[index];
  }
}

/** Leaves a plot's drawing, with the number of each tick, out of what is read aloud. */
export function keepSilent(gd: PlotElement): void {
  for (const drawing of gd.querySelectorAll(".main-svg")) drawing.ariaHidden = "true";
}

/** How far below the top of a plot a point under the pointer is, in pixels; null without axes. */
export function topOf(point: PlotlyPoint): number | null {
  const { yaxis } = point as unknown as { yaxis?: FullAxis };
  if (typeof yaxis?.d2p !== "function") return null;
  return yaxis.d2p(point.y) + yaxis._offset;
}

/** What plotly does not keep of a plot that it has just drawn; nothing if all is as expected. */
export function missingInternals(gd: PlotElement): string[] {
  const { _fullLayout: layout, _fullData: data } = gd as unknown as Partial<Internal>;
  if (!layout || typeof layout !== "object") return ["_fullLayout"];
  if (!Array.isArray(data) || data.length !== gd.data.length) return ["_fullData"];
  const axes = Object.keys(layout).filter((name) => AXIS.test(name));
  return [
    ...(isRecord(layout._preGUI) ? [] : ["_fullLayout._preGUI"]),
    ...("dragmode" in layout ? [] : ["_fullLayout.dragmode"]),
    ...axes.flatMap((name) =>
      missingOfAxis(layout[name] as FullAxis).map((part) => `_fullLayout.${name}.${part}`),
    ),
    ...(!axes.length || gd.querySelector(DRAG_LAYER) ? [] : [DRAG_LAYER]),
    ...data.flatMap(({ uid }, index) => (typeof uid === "string" ? [] : `_fullData[${index}].uid`)),
  ];
}

function missingOfAxis(axis: FullAxis): string[] {
  const kinds = { _id: "string", _offset: "number", _length: "number" };
  const calls = { d2p: "function", p2d: "function" };
  const expected = Object.entries({ ...kinds, ...calls }) as [keyof FullAxis, string][];
  const missing: string[] = expected
    .filter(([part, kind]) => typeof axis[part] !== kind)
    .map(([part]) => part);
  if (!Array.isArray(axis.range)) missing.push("range");
  if (!("autorange" in axis)) missing.push("autorange");
  // an axis that plotly chooses the range of has no way back
  const home = axis.autorange || ENDS.every((end) => `_rangeInitial${end}` in axis);
  return home ? missing : [...missing, "_rangeInitial"];
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function pixelAxis(axis: FullAxis): PixelAxis {
  return {
    letter: axis._id[0],
    follows: Boolean(axis.autorange),
    length: axis._length,
    toPixels: (value) => axis.d2p(value),
    toValue: (pixels) => axis.p2d(pixels),
  };
}
