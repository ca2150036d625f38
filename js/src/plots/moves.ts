// Moves points and words where nothing else changes: for each change plotly lays out, measures and
// recreates every axis and label. Where an axis gets another range plotly redraws the axes only.

import { type Figure, type FigureChanges, hasPoints, pointCount, type Trace } from "./figure";
import { keysOf } from "./paths";
import type { PlotElement, Plotly } from "./plotly";
import type { DrawnScatter, PixelAxis, PlotlyInternals } from "./plotly_internals";

const MOVING = new Set(["x", "y", "text", "hovertext"]);
const SCALE = /^[xy]axis\.(range|tickvals|ticktext)$/;

type Place = [left: number, top: number];
type Act = () => void;

/** Index of a trace → the paths of it that have changed. */
export type ChangedTraces = Map<number, Set<string>>;

/** Whether a path is the range of an axis or its numbers. */
export function isScale(path: string): boolean {
  return SCALE.test(path);
}

/**
 * Whether a message changes nothing of a figure but places, words and ranges.
 *
 * @param titled - whether the plot itself has the title
 */
export function onlyMoves({ traces, layout }: FigureChanges, titled: boolean): boolean {
  const other = (path: string) => keysOf(path)[0] !== "meta" && !isScale(path);
  const drawn = (path: string) => other(path) && (titled || path !== "title.text");
  const paths = traces.flatMap(([, changed]) => Object.keys(changed));
  return paths.every((path) => MOVING.has(path)) && !Object.keys(layout).some(drawn);
}

/**
 * Gives axes other ranges and numbers.
 *
 * @param scales - path of the layout, and its value
 * @returns false, and nothing done, where plotly has chosen the range
 */
export async function rescale(
  plotly: Plotly,
  gd: PlotElement,
  internals: PlotlyInternals,
  scales: [path: string, value: unknown][],
): Promise<boolean> {
  if (scales.some(([path]) => internals.follows(keysOf(path)[0]))) return false;
  // lists of plotly's own, which it changes in place
  const lists = scales.map(([path, value]) => [path, Array.isArray(value) ? [...value] : value]);
  await plotly.relayout(gd, Object.fromEntries(lists));
  return true;
}

/**
 * Draws what has changed.
 *
 * @returns false, and nothing drawn, where plotly must
 */
export function move(
  gd: PlotElement,
  internals: PlotlyInternals,
  figure: Figure,
  changed: ChangedTraces,
): boolean {
  const acts: Act[] = [];
  for (const [index, paths] of changed) {
    const hidden = (gd.data[index].visible ?? true) !== true;
    const trace = figure.data[index];
    // plotly takes a trace without points for a hidden one, and holds no elements for it
    if (hidden || (!internals.isVisible(index) && !hasPoints(trace))) continue;
    const scatter = internals.scatter(index);
    const moved = scatter && moveScatter(scatter, trace, paths);
    if (!moved) return false;
    acts.push(...moved);
  }
  for (const act of acts) act();
  for (const [index, paths] of changed) {
    // what a reader has done to plotly's own traces stays
    for (const path of paths) gd.data[index][path] = figure.data[index][path];
  }
  gd.layout.meta = figure.layout.meta;
  return true;
}

/** How to move a trace's elements; null where plotly must make them. */
function moveScatter(drawn: DrawnScatter, trace: Trace, paths: Set<string>): Act[] | null {
  const written = drawn.mode.includes("text");
  if (!paths.has("x") && !paths.has("y") && !(written && paths.has("text"))) return [];
  const follows = drawn.axes.some((axis) => axis.follows && paths.has(axis.letter));
  const pieces = follows ? [] : pixelPieces(drawn.axes, trace);
  if (!pieces.length) return null;
  if (!written) return movePoints(drawn, pieces);
  return drawn.mode === "text" ? moveWords(drawn.words(), pieces, trace.text) : null;
}

function movePoints(drawn: DrawnScatter, pieces: Place[][]): Act[] | null {
  const [lines, fills, points] = [drawn.lines(), drawn.fills(), drawn.points()];
  const { filled } = drawn;
  const marked = drawn.mode.includes("markers");
  const whole = pieces.length === 1;
  const same =
    (drawn.mode.includes("lines") ? lines.length > 0 : !lines.length) &&
    fills.length === Number(filled) &&
    (whole || (!filled && !marked && pieces.every((piece) => piece.length > 1))) &&
    points.length === (marked ? pieces[0].length : 0) &&
    drawn.straight;
  if (!same) return null;
  const paths = pieces.map((piece) => `M${piece.map(coordinates).join("L")}`);
  return [
    ...(lines.length ? asMany(lines, paths, (line, path) => line.setAttribute("d", path)) : []),
    ...fills.map((fill) => () => fill.setAttribute("d", `${paths[0]}Z`)),
    ...points.map(
      (point, i) => () =>
        point.setAttribute("transform", `translate(${coordinates(pieces[0][i])})`),
    ),
  ];
}

function moveWords(groups: Element[], [places, ...more]: Place[][], words: unknown): Act[] | null {
  // plotly has its own reading of markup
  const plain =
    Array.isArray(words) &&
    words.length === places.length &&
    !words.some((word) => /[<&]/.test(word));
  if (more.length || !plain || !groups.length) return null;
  return asMany(groups, places, (group, [left, top], i) => {
    const text = group.querySelector("text");
    if (!text) return;
    text.setAttribute("x", String(left));
    text.setAttribute("y", String(top));
    text.textContent = words[i];
  });
}

/** One element for each value: copies of the last where there are too few, and none too many. */
function asMany<Value>(
  elements: Element[],
  values: Value[],
  put: (element: Element, value: Value, index: number) => void,
): Act[] {
  const last = elements[elements.length - 1];
  const copy = () => {
    const twin = last.cloneNode(true) as Element;
    last.parentNode?.appendChild(twin);
    return twin;
  };
  return [
    () => {
      for (const element of elements.splice(values.length)) element.remove();
    },
    ...values.map((value, i) => () => {
      elements[i] ??= copy();
      put(elements[i], value, i);
    }),
  ];
}

function coordinates([left, top]: Place): string {
  return `${left.toFixed(2)},${top.toFixed(2)}`;
}

/** Pixels of all points, in pieces between the gaps. */
export function pixelPieces([across, up]: [PixelAxis, PixelAxis], { x, y }: Trace): Place[][] {
  const pieces: Place[][] = [];
  let piece: Place[] | null = null;
  for (let i = 0; i < pointCount(x, y); i += 1) {
    const place: Place = [across.toPixels(x?.[i]), up.toPixels(y?.[i])];
    if (!place.every(Number.isFinite)) {
      piece = null;
    } else if (piece) {
      piece.push(place);
    } else {
      piece = [place];
      pieces.push(piece);
    }
  }
  return pieces;
}
