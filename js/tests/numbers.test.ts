import { describe, expect, it } from "vitest";
import { formatNumber, parseNumber } from "../src/controls/numbers";

describe("a number that is typed", () => {
  it.each([
    ["1e-3", 0.001, "0.001"],
    ["0,02", 0.02, "0.02"],
    [" .5 ", 0.5, "0.5"],
    ["5", 5, "5"],
    ["5.", 5, "5"],
    ["+2", 2, "2"],
    ["1E-5", 1e-5, "0.00001"],
    ["2e-7", 2e-7, "2e-7"],
    ["0.0123456", 0.0123456, "0.0123456"],
    ["−1", -1, "-1"],
  ])("%j means %d and is shown as %j", (text, value, shown) => {
    expect(parseNumber(text, false)).toBe(value);
    expect(formatNumber(value)).toBe(shown);
  });

  it.each([
    ["abc", "“abc” is not a number"],
    ["1e999", "“1e999” is not a number"],
    ["1,000.5", "“1,000.5” is not a number"],
    ["0x10", "“0x10” is not a number"],
    ["NaN", "“NaN” is not a number"],
    ["Infinity", "“Infinity” is not a number"],
    ["a text of many letters", "“a text of m…” is not a number"],
    [" ", "a number is needed"],
    ["", "a number is needed"],
  ])("%j is refused: %s", (text, message) => {
    expect(parseNumber(text, false)).toBe(message);
  });

  it.each(["2.5", "1,000", "1e-1", "abc", "", "1e300"])("%j is not whole", (text) => {
    expect(parseNumber(text, true)).toBe("whole numbers only");
  });

  it.each([
    ["3", 3],
    ["2.0", 2],
    ["1e3", 1000],
  ])("%j is whole", (text, value) => {
    expect(parseNumber(text, true)).toBe(value);
  });
});

describe("a number that is shown", () => {
  it.each([
    [0.1 + 0.2, "0.3"],
    [1234567.8, "1234568"],
    [12345678, "1.234568e7"],
    [1e21, "1e21"],
    [0, "0"],
  ])("%d is %j", (value, shown) => {
    expect(formatNumber(value)).toBe(shown);
  });
});
