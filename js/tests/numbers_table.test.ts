import { describe, expect, it } from "vitest";
import type { Trace } from "../src/plots/figure";
import { MOST_ROWS, numbersOf } from "../src/plots/numbers_table";

const line = (name: string, more: Partial<Trace>): Trace => ({
  type: "scatter",
  mode: "lines",
  name,
  ...more,
});
const layout = {
  xaxis: { title: { text: "inner steps" } },
  yaxis: { title: { text: "query loss" } },
};

describe("the numbers of a plot", () => {
  it("are those of the curves that the legend names", () => {
    const data = [
      line("band", { x: [0, 1], y: [1, 2], showlegend: false }),
      line("words", { mode: "text", x: [0], y: [1] }),
      line("hidden", { x: [0], y: [1], visible: false }),
      line("empty", { x: [], y: [] }),
      line("MAML", { x: new Float64Array([0, 1]), y: new Float64Array([4.56789, 12345.6]) }),
      line("shorter", { x: [1], y: [0.00012345] }),
    ];
    expect(numbersOf({ data, layout })).toEqual({
      caption: "query loss",
      head: ["inner steps", "MAML", "shorter"],
      rows: [
        ["0", "4.57", "–"],
        ["1", "12346", "0.000123"],
      ],
    });
  });

  it("have a gap where the curve has one", () => {
    const data = [line("a", { x: [0, 1], y: [NaN, 2] }), line("b", { x: [0, 1], y: [null, 3] })];
    expect(numbersOf({ data, layout })?.rows).toEqual([
      ["0", "–", "–"],
      ["1", "2", "3"],
    ]);
  });

  it("are a few of many, with the first and the last", () => {
    const x = Array.from({ length: 1000 }, (_, i) => i);
    const rows = numbersOf({ data: [line("a", { x, y: x })], layout })?.rows ?? [];
    expect(rows).toHaveLength(MOST_ROWS);
    expect([rows[0][0], rows.at(-1)?.[0]]).toEqual(["0", "999"]);
  });

  it("are those of the cells of a map", () => {
    const map = { type: "heatmap", name: "cells", text: [["0.1", ""]] };
    const axes = {
      xaxis: { title: { text: "α" }, ticktext: ["0.01", "0.1"] },
      yaxis: { title: { text: "K" }, ticktext: ["1"] },
    };
    expect(numbersOf({ data: [map, line("a", { x: [0], y: [1] })], layout: axes })).toEqual({
      caption: "cells",
      head: ["K \\ α", "0.01", "0.1"],
      rows: [["1", "0.1", "–"]],
    });
  });

  it("are those that a figure brings along", () => {
    const table = { caption: "task 1", head: ["θ", "loss"], rows: [["θ′₁", "0.5"]] };
    const data = [line("a", { x: [0], y: [1] })];
    expect(numbersOf({ data, layout: { ...layout, meta: { table } } })).toEqual(table);
  });

  it("are none where there is no curve", () => {
    expect(numbersOf({ data: [{ type: "heatmap" }], layout })).toBeNull();
  });
});
