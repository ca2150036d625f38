import { expect, it } from "vitest";
import { unpackArrays } from "../src/plots/arrays";

const numbers = new Float64Array([0.5, 1, 2, 3]);
const buffer = new ArrayBuffer(8 + numbers.byteLength);
new Uint8Array(buffer).set(new Uint8Array(numbers.buffer), 8);
const VIEW = new DataView(buffer, 8);

it("finds arrays wherever they are in a message", () => {
  const packed = {
    y: { $array: [8, 2, "f8", [2]] },
    name: "mean",
    gap: null,
    held: [{ $array: [0, 1, "f8", [1]] }],
  };
  expect(unpackArrays<unknown>(packed, VIEW)).toEqual({
    y: Float64Array.of(1, 2),
    name: "mean",
    gap: null,
    held: [Float64Array.of(0.5)],
  });
});

it("makes rows of an array of two axes", () => {
  expect(unpackArrays<unknown>({ $array: [0, 4, "f8", [2, 2]] }, VIEW)).toEqual([
    Float64Array.of(0.5, 1),
    Float64Array.of(2, 3),
  ]);
});

it("copies, for one array alone must not keep the whole message", () => {
  const array = unpackArrays<unknown>({ $array: [0, 1, "f8", [1]] }, VIEW) as Float64Array;
  expect(array.buffer.byteLength).toBe(8);
});

it.each([
  ["f4", Float32Array],
  ["i4", Int32Array],
  ["u4", Uint32Array],
  ["i2", Int16Array],
  ["u2", Uint16Array],
  ["i1", Int8Array],
  ["u1", Uint8Array],
])("knows the type %s", (type, Kind) => {
  const values = Kind.of(1, 2, 3);
  const view = new DataView(values.buffer);
  expect(unpackArrays<unknown>({ $array: [0, 3, type, [3]] }, view)).toEqual(values);
});

it("has an array without entries, and without a buffer", () => {
  expect(unpackArrays<unknown>({ $array: [0, 0, "f8", [0]] }, undefined)).toEqual(
    new Float64Array(0),
  );
});
