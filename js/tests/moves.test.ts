import { describe, expect, it } from "vitest";
import { isScale, onlyMoves, pixelPieces } from "../src/plots/moves";
import type { PixelAxis } from "../src/plots/plotly_internals";

describe("a change", () => {
  it.each([
    ["points", { x: [1], y: [2] }, {}, true],
    ["words", { text: ["K 5"], hovertext: ["a"] }, {}, true],
    ["a colour", { "line.color": "red" }, {}, false],
    ["what is not drawn", {}, { "meta.x": "seconds", meta: {} }, true],
    ["ranges and numbers", {}, { "xaxis.range": [0, 1], "yaxis.ticktext": ["one"] }, true],
    ["the range of another axis", {}, { "yaxis2.range": [0, 1] }, false],
    ["the name of an axis", {}, { "yaxis.title.text": "loss" }, false],
  ])("of %s", (_, paths, layout, moves) => {
    expect(onlyMoves({ traces: [[0, paths]], layout }, true)).toBe(moves);
  });

  it("of the title only moves where the page shows the title", () => {
    const changes = { traces: [], layout: { "title.text": "mean" } };
    expect(onlyMoves(changes, true)).toBe(false);
    expect(onlyMoves(changes, false)).toBe(true);
  });

  it("of a scale is that of a main axis", () => {
    const paths = ["xaxis.range", "yaxis.tickvals", "xaxis.range[0]", "yaxis2.range"];
    expect(paths.map(isScale)).toEqual([true, true, false, false]);
  });
});

describe("points", () => {
  const axis = (letter: string): PixelAxis => ({
    letter,
    follows: false,
    length: 100,
    toPixels: (value) => 10 * (value as number),
    toValue: (pixels) => pixels / 10,
  });
  const axes: [PixelAxis, PixelAxis] = [axis("x"), axis("y")];

  it("are in pixels, in pieces between the gaps", () => {
    const trace = { x: [1, 2, 3, 4, 5], y: [0, NaN, 1, 2, NaN] };
    expect(pixelPieces(axes, trace)).toEqual([
      [[10, 0]],
      [
        [30, 10],
        [40, 20],
      ],
    ]);
  });

  it("are as many as have both coordinates", () => {
    expect(pixelPieces(axes, { x: [1, 2], y: [1] })).toEqual([[[10, 10]]]);
    expect(pixelPieces(axes, { x: [1, 2] })).toEqual([]);
  });
});
