// A figure as the kernel describes it, in plotly's terms.

export type Numbers =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Coordinates of points. */
export type Points = (number | string | null)[] | Numbers;

export interface Trace {
  type?: string;
  name?: string;
  x?: Points;
  y?: Points;
  text?: unknown;
  visible?: boolean | "legendonly";
  opacity?: number;
  showlegend?: boolean;
  legend?: string;
  line?: { width?: number; [name: string]: unknown };
  marker?: { size?: unknown; [name: string]: unknown };
  meta?: {
    inner_step?: number;
    cursor?: boolean;
    support?: boolean;
    /** What of a cell the trace shows, see cells.ts. */
    cell?: string;
    /** A click on it says which of its points is meant, by this name. */
    pick?: string;
  };
  [name: string]: unknown;
}

export interface AxisLayout {
  range?: unknown[];
  domain?: [number, number];
  title?: { text?: string; font?: { size?: number } };
  [name: string]: unknown;
}

export interface LegendLayout {
  orientation?: string;
  x?: number;
  y?: number;
  font?: { size?: number };
  [name: string]: unknown;
}

export interface Layout {
  meta?: {
    title_height?: number;
    editable?: boolean;
    goal?: boolean;
    x?: string;
    /** Its numbers, where they are not those of curves. */
    table?: { caption: string; head: string[]; rows: string[][] };
    /** The title with nothing cut. */
    heading?: string;
    [name: string]: unknown;
  };
  title?: { text?: string; font?: { size?: number } };
  height?: number;
  margin?: Partial<Record<"l" | "r" | "t" | "b", number>>;
  font?: Record<string, unknown>;
  hoverlabel?: { font?: Record<string, unknown>; [name: string]: unknown };
  legend?: LegendLayout;
  annotations?: { text?: string; font?: { size?: number } }[];
  [name: string]: unknown;
}

export interface Figure {
  data: Trace[];
  layout: Layout;
}

/** Path of a property, with dots → its value. */
export type Paths = Record<string, unknown>;

export interface FigureChanges {
  /** Index of a trace, and what has changed of it. */
  traces: [index: number, paths: Paths][];
  layout: Paths;
}

export const AXIS = /^[xy]axis\d*$/;

/** The layout of an axis by its name; undefined where the figure says nothing of it. */
export function axisLayout(layout: Layout, name: string): AxisLayout | undefined {
  return layout[name] as AxisLayout | undefined;
}

/** Whether what a pointer moves is the goal of a task: one point, always there. */
export function hasGoal(figure: Figure | null): boolean {
  return Boolean(figure?.layout.meta?.goal);
}

/** Whether a pointer may move the support points, or the goal. */
export function isEditable(figure: Figure): boolean {
  return Boolean(figure.layout.meta?.editable);
}

export function hasPoints({ x, y }: Trace): boolean {
  return pointCount(x, y) > 0;
}

export function pointCount(x: Points | undefined, y: Points | undefined): number {
  return Math.min(x?.length ?? 0, y?.length ?? 0);
}
