import { expect, test } from "vitest";
import { arrange } from "../src/plots/arrangement";
import type { Figure } from "../src/plots/figure";

const arrangement = (width: number, height: number, end: number) => ({
  width,
  height,
  domains: { xaxis: [0, end], yaxis2: [0, 1] },
});

const figure = (...layouts: object[]): Figure => ({
  data: [],
  layout: { height: 100, meta: { layouts }, xaxis: { type: "log" } },
});

test("a figure takes the widest arrangement that fits", () => {
  const of = figure(arrangement(0, 900, 1), arrangement(700, 500, 0.3));
  expect(arrange(of, 699).layout).toMatchObject({ height: 900, xaxis: { domain: [0, 1] } });
  expect(arrange(of, 700).layout).toMatchObject({ height: 500, xaxis: { domain: [0, 0.3] } });
});

test("axes keep their other properties, and the figure itself its layout", () => {
  const of = figure(arrangement(0, 900, 1));
  expect(arrange(of, 300).layout.xaxis).toEqual({ type: "log", domain: [0, 1] });
  expect(of.layout).toMatchObject({ height: 100, xaxis: { type: "log" } });
});

test("a figure without arrangements stays as it is", () => {
  const of = figure();
  expect(arrange(of, 300)).toBe(of);
});
