import { describe, expect, it, test } from "vitest";
import { Scale } from "../src/controls/scale";

const ALPHA = new Scale({ low: 1e-4, high: 1, scale: "log", whole: false });
const STEPS = new Scale({ low: 0, high: 10, scale: "linear", whole: true });
const BATCH = new Scale({ low: 1, high: 1000, scale: "log", whole: true });

describe("a logarithmic scale", () => {
  it("has 100 positions per power of ten", () => {
    expect(ALPHA.count).toBe(400);
    expect(new Scale({ low: 1e-3, high: 1, scale: "log", whole: false }).count).toBe(300);
  });

  it.each([
    [0, 0.0001],
    [200, 0.01],
    [201, 0.0102], // 10^(-2 + 0.01) = 0.01023
    [230, 0.02], // 10^(-2 + 0.3) = 0.01995
    [400, 1],
  ])("gives position %d the value %d with three digits", (position, value) => {
    expect(ALPHA.value(position)).toBe(value);
  });

  it("returns to the position that a value came from", () => {
    for (let position = 0; position <= ALPHA.count; position += 1) {
      expect(ALPHA.position(ALPHA.value(position))).toBe(position);
    }
  });

  it.each([
    [3, 400],
    [1e-9, 0],
    [-1, 0],
  ])("puts %d, which lies beyond it, at its end %d", (value, position) => {
    expect(ALPHA.position(value)).toBe(position);
  });
});

describe("a linear scale", () => {
  it("has a position for each whole number", () => {
    expect(STEPS.count).toBe(10);
    expect([0, 3, 10].map((position) => STEPS.value(position))).toEqual([0, 3, 10]);
    expect(new Scale({ low: 1, high: 50, scale: "linear", whole: true }).position(50)).toBe(49);
  });

  it("has 200 positions otherwise", () => {
    const scale = new Scale({ low: -1, high: 1, scale: "linear", whole: false });
    expect([0, 50, 100, 200].map((position) => scale.value(position))).toEqual([-1, -0.5, 0, 1]);
  });
});

describe("a key", () => {
  it.each([
    ["ArrowRight", 201],
    ["ArrowUp", 201],
    ["ArrowLeft", 199],
    ["ArrowDown", 199],
    ["PageUp", 233], // a third of a decade
    ["PageDown", 167],
    ["Home", 0],
    ["End", 400],
  ])("%s leads from position 200 to %d", (key, target) => {
    expect(ALPHA.keyTarget(key, 200, 0.01)).toBe(target);
  });

  it("leads nowhere if it is another", () => {
    expect(ALPHA.keyTarget("a", 200, 0.01)).toBeUndefined();
    expect(ALPHA.keyStep("Tab")).toBeUndefined();
  });

  it("stops at the ends", () => {
    expect(ALPHA.keyTarget("ArrowRight", 400, 1)).toBe(400);
    expect(ALPHA.keyTarget("PageDown", 3, 1e-4)).toBe(0);
  });

  it("leads from one whole number to the next, which is many positions away", () => {
    const visited = [1];
    let position = 0;
    for (let i = 0; i < 4; i += 1) {
      position = BATCH.keyTarget("ArrowRight", position, visited[i]) ?? NaN;
      visited.push(BATCH.value(position));
    }
    expect(visited).toEqual([1, 2, 3, 4, 5]);
    expect(BATCH.value(BATCH.keyTarget("ArrowLeft", position, 5) ?? NaN)).toBe(4);
  });

  test("leads only back from a value beyond the slider", () => {
    expect(ALPHA.keyTarget("ArrowRight", 400, 3)).toBeUndefined();
    expect(ALPHA.keyTarget("End", 400, 3)).toBeUndefined();
    expect(ALPHA.keyTarget("ArrowLeft", 400, 3)).toBe(399);
  });
});
