// Arrays of numbers out of a message's one buffer; labkit/widgets/protocol.py packs them.

import type { Numbers } from "./figure";

const TYPES = {
  f8: Float64Array,
  f4: Float32Array,
  i4: Int32Array,
  u4: Uint32Array,
  i2: Int16Array,
  u2: Uint16Array,
  i1: Int8Array,
  u1: Uint8Array,
};

type Packed = [start: number, count: number, type: keyof typeof TYPES, shape: number[]];

/** A value in which arrays are what they were before they were packed. */
export function unpackArrays<Value>(value: Value, view: DataView | undefined): Value {
  return unpack(value, view) as Value;
}

function unpack(value: unknown, view: DataView | undefined): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((held) => unpack(held, view));
  if ("$array" in value) return array(value.$array as Packed, view);
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, unpack(held, view)]));
}

function array([start, count, type, shape]: Packed, view: DataView | undefined): unknown {
  const Kind = TYPES[type];
  if (!count || !view) return reshape(new Kind(0), shape);
  const first = view.byteOffset + start;
  // a copy: one array alone must not keep the whole message
  const bytes = view.buffer.slice(first, first + count * Kind.BYTES_PER_ELEMENT);
  return reshape(new Kind(bytes as ArrayBuffer), shape);
}

function reshape(numbers: Numbers, [rows, ...columns]: number[]): unknown {
  if (!columns.length) return numbers;
  const size = numbers.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    reshape(numbers.subarray(row * size, (row + 1) * size), columns),
  );
}
