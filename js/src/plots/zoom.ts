// A range that a reader has zoomed to stays until it is given back, whatever the kernel says of
// that axis meanwhile: for plotly a new range ends a zoom.

import { AXIS, type AxisLayout, axisLayout, type Layout } from "./figure";
import { keysOf } from "./paths";
import type { Range, ReaderAxes } from "./plotly_internals";

const OTHER_AXIS = /^yaxis\d*\.title|^[xy]axis\d*\.type/;

/**
 * Gives a layout the ranges from before the zooms: plotly then keeps the zooms.
 *
 * @param replaced - whether it is another figure: its ranges, where they are others, end a zoom
 */
export function keepZoom(axes: ReaderAxes, layout: Layout, replaced: boolean): void {
  for (const axis of axes.zoomed()) {
    const { range } = axisLayout(layout, axis) ?? {};
    if (!range) continue;
    const before = axes.before(axis).map((value, end) => value ?? range[end]);
    if (replaced && !sameRange(before, range)) axes.forget(axis);
    else layout[axis] = { ...axisLayout(layout, axis), range: before };
  }
}

/** Gives a layout all ranges as the reader sees them, zoomed or not. */
export function holdRanges(axes: Pick<ReaderAxes, "names" | "range">, layout: Layout): void {
  for (const name of axes.names()) {
    const range = [...axes.range(name)];
    layout[name] = { ...axisLayout(layout, name), range, autorange: false };
  }
}

/** A double click leads to what the kernel says now; plotly's own way back is the first range. */
export function setWayBack(axes: ReaderAxes, layout: Layout): void {
  for (const [name, axis] of Object.entries(layout)) {
    if (!AXIS.test(name)) continue;
    const { range } = axis as AxisLayout;
    if (range) axes.setHome(name, range);
  }
}

/** Once a reader is back there, an axis is the kernel's again. */
export function endZoom(axes: ReaderAxes): void {
  for (const axis of axes.zoomed()) {
    if (sameRange(axes.range(axis), axes.home(axis))) axes.forget(axis);
  }
}

/** Ends a zoom into what is no longer there: after Reset, or where an axis counts other things. */
export function leaveZoom(
  axes: ReaderAxes,
  before: Layout,
  after: Layout,
  changed: string[],
): void {
  const others = changed.filter((path) => OTHER_AXIS.test(path)).map((path) => keysOf(path)[0]);
  if (before.meta?.x !== after.meta?.x) others.push("xaxis");
  for (const axis of axes.zoomed()) {
    const range = axisLayout(after, axis)?.range;
    const gone = range !== undefined && areApart(axes.range(axis), range);
    if (gone || others.includes(axis)) axes.forget(axis);
  }
}

function areApart(one: Range, other: Range): boolean {
  const [[low, high], [least, most]] = [one, other].map((range) => {
    const ends = range as number[];
    return [Math.min(...ends), Math.max(...ends)];
  });
  return most <= low || least >= high;
}

function sameRange(one: Range, other: Range): boolean {
  return one[0] === other[0] && one[1] === other[1];
}
