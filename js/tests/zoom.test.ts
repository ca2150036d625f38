import { describe, expect, it } from "vitest";
import type { Layout } from "../src/plots/figure";
import type { Range, ReaderAxes } from "../src/plots/plotly_internals";
import { endZoom, holdRanges, keepZoom, leaveZoom, setWayBack } from "../src/plots/zoom";

/** The axes of a plot that a reader has zoomed from [0, 10] into [2, 4]. */
function axes(zoomed: string[]): ReaderAxes & { homes: Record<string, Range> } {
  const homes: Record<string, Range> = { xaxis: [0, 10], yaxis: [0, 10] };
  let still = [...zoomed];
  return {
    homes,
    names: () => Object.keys(homes),
    range: (axis) => (zoomed.includes(axis) ? [2, 4] : [0, 10]),
    follows: () => false,
    zoomed: () => new Set(still),
    before: () => [0, 10],
    home: (axis) => homes[axis],
    setHome(axis, range) {
      homes[axis] = range;
    },
    forget(axis) {
      still = still.filter((other) => other !== axis);
    },
  };
}

const layout = (x: Range, y: Range): Layout => ({ xaxis: { range: x }, yaxis: { range: y } });

describe("a redraw", () => {
  it("gives plotly the range from before a zoom, and others as they are", () => {
    const told = layout([0, 30], [0, 50]);
    keepZoom(axes(["xaxis"]), told, false);
    expect(told).toEqual(layout([0, 10], [0, 50]));
  });

  it("keeps an end that no zoom has moved", () => {
    const told = layout([0, 30], [0, 50]);
    keepZoom({ ...axes(["xaxis"]), before: () => [undefined, 10] }, told, false);
    expect(told.xaxis).toEqual({ range: [0, 10] });
  });

  it("of another figure ends a zoom where its range is another", () => {
    const reader = axes(["xaxis", "yaxis"]);
    const told = layout([0, 30], [0, 10]);
    keepZoom(reader, told, true);
    expect(told).toEqual(layout([0, 30], [0, 10]));
    expect([...reader.zoomed()]).toEqual(["yaxis"]);
  });

  it("may hold all ranges as the reader sees them", () => {
    const told: Layout = { xaxis: { type: "log" } };
    holdRanges(axes(["xaxis"]), told);
    expect(told).toEqual({
      xaxis: { type: "log", range: [2, 4], autorange: false },
      yaxis: { range: [0, 10], autorange: false },
    });
  });
});

describe("the way back", () => {
  it("leads to what the kernel says now", () => {
    const reader = axes([]);
    setWayBack(reader, { ...layout([0, 30], [0, 50]), margin: {}, xaxis2: {} });
    expect(reader.homes).toEqual({ xaxis: [0, 30], yaxis: [0, 50] });
  });

  it("ends the zoom once the reader is there", () => {
    const reader = axes(["xaxis", "yaxis"]);
    reader.setHome("xaxis", [2, 4]);
    endZoom(reader);
    expect([...reader.zoomed()]).toEqual(["yaxis"]);
  });
});

describe("a zoom", () => {
  const before = { ...layout([0, 10], [0, 10]), meta: { x: "meta_step" } };

  it.each([
    ["stays while its axis grows", layout([0, 30], [0, 10]), ["xaxis.range"], ["xaxis", "yaxis"]],
    ["ends where it is gone", layout([20, 30], [0, 10]), ["xaxis.range"], ["yaxis"]],
    ["ends at the edge of the new range", layout([4, 30], [0, 10]), ["xaxis.range"], ["yaxis"]],
    ["ends below the new range", layout([0, 10], [-9, 2]), ["yaxis.range"], ["xaxis"]],
    ["ends with other values", layout([0, 10], [0, 10]), ["yaxis.title.text"], ["xaxis"]],
    ["ends with another scale", layout([0, 10], [0, 10]), ["xaxis.type"], ["yaxis"]],
  ])("%s", (_, after, changed, left) => {
    const reader = axes(["xaxis", "yaxis"]);
    leaveZoom(reader, before, { ...after, meta: before.meta }, changed);
    expect([...reader.zoomed()]).toEqual(left);
  });

  it("ends where the axis counts something else", () => {
    const reader = axes(["xaxis", "yaxis"]);
    leaveZoom(reader, before, { ...before, meta: { x: "seconds" } }, []);
    expect([...reader.zoomed()]).toEqual(["yaxis"]);
  });
});
