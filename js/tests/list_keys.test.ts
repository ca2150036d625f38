import { expect, it } from "vitest";
import { listTarget } from "../src/controls/list_keys";

const key = (name: string, more = {}) => ({
  key: name,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...more,
});

it.each([
  ["ArrowRight", 0, 1],
  ["ArrowDown", 2, 0],
  ["ArrowLeft", 0, 2],
  ["ArrowUp", 1, 0],
  ["Home", 2, 0],
  ["End", 0, 2],
])("%s leads from %d to %d of three", (name, from, to) => {
  expect(listTarget(key(name), from, 3)).toBe(to);
});

it("leaves other keys alone", () => {
  expect(listTarget(key("Tab"), 0, 3)).toBeUndefined();
  expect(listTarget(key("End", { ctrlKey: true }), 0, 3)).toBeUndefined();
  expect(listTarget(key("ArrowUp", { metaKey: true }), 0, 3)).toBeUndefined();
});
