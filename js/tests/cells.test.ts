import { expect, test } from "vitest";
import { nextCell, showCell } from "../src/plots/cells";
import type { Figure } from "../src/plots/figure";

/** Two rows of three cells: the mean is another one in each cell, the band in each row. */
const figure: Figure = {
  data: [
    { name: "cells", type: "heatmap", meta: { pick: "cell" } },
    { name: "mean", y: [0], meta: { cell: "mean" } },
    { name: "band", y: [0], meta: { cell: "band" } },
  ],
  layout: {
    annotations: [{ text: "first" }, { text: "other" }],
    meta: {
      cell: 0,
      cells: {
        columns: 3,
        titles: ["a", "b", "c", "d", "e", "f"],
        parts: { mean: { y: [[0], [1], [2], [3], [4], [5]] }, band: { y: [[10], [20]] } },
      },
    },
  },
};

test("a cell is shown by its own values, or by those of its row", () => {
  const shown = showCell(figure, 4);
  expect(shown.data.map(({ y }) => y)).toEqual([undefined, [4], [20]]);
  expect(shown.layout.annotations).toEqual([{ text: "e" }, { text: "other" }]);
  expect(figure.data[1].y).toEqual([0]);
  expect(showCell(figure, 2).data[2].y).toEqual([10]);
});

test("without a cell, or a figure of cells, nothing changes", () => {
  expect(showCell(figure, null)).toBe(figure);
  expect(showCell(figure, 6)).toBe(figure);
  const plain: Figure = { data: [], layout: {} };
  expect(showCell(plain, 0)).toBe(plain);
});

test("arrow keys lead to the neighbours, and not out of the map", () => {
  const to = (index: number, key: string) => nextCell(figure, index, key);
  expect(to(1, "ArrowRight")).toBe(2);
  expect(to(1, "ArrowLeft")).toBe(0);
  expect(to(1, "ArrowUp")).toBe(4);
  expect(to(4, "ArrowDown")).toBe(1);
  expect(to(2, "ArrowRight")).toBeNull();
  expect(to(3, "ArrowLeft")).toBeNull();
  expect(to(4, "ArrowUp")).toBeNull();
  expect(to(1, "ArrowDown")).toBeNull();
  expect(to(1, "x")).toBeNull();
  expect(nextCell(null, 0, "ArrowUp")).toBeNull();
});
