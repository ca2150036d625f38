import { expect, it } from "vitest";
import { keysOf, withValue } from "../src/plots/paths";

it("takes a path apart", () => {
  expect(keysOf("yaxis2.range[0]")).toEqual(["yaxis2", "range", "0"]);
});

it("copies along the path only", () => {
  const layout = { xaxis: { range: [0, 1], title: { text: "step" } }, yaxis: {} };
  const changed = withValue(layout, keysOf("xaxis.range[1]"), 5);
  expect(changed).toEqual({ xaxis: { range: [0, 5], title: { text: "step" } }, yaxis: {} });
  expect(layout.xaxis.range).toEqual([0, 1]);
  expect(changed.yaxis).toBe(layout.yaxis);
  expect(changed.xaxis.title).toBe(layout.xaxis.title);
});

it("makes what is not there yet", () => {
  expect(withValue<unknown>({}, keysOf("shapes[0].x0"), 3)).toEqual({ shapes: [{ x0: 3 }] });
  expect(withValue<unknown>({ line: null }, keysOf("line.color"), "red")).toEqual({
    line: { color: "red" },
  });
});
