// Paths to properties, such as "xaxis.range[0]".

export function keysOf(path: string): string[] {
  return path.match(/[^.[\]]+/g) ?? [];
}

/** A copy along the path: what plotly compares by identity is new only where it has changed. */
export function withValue<Holder>(holder: Holder, keys: string[], value: unknown): Holder {
  const [key, ...rest] = keys;
  const copy = (Array.isArray(holder) ? [...holder] : { ...holder }) as Record<string, unknown>;
  const fresh = /^\d+$/.test(rest[0]) ? [] : {};
  const held = (holder as Record<string, unknown> | undefined)?.[key] ?? fresh;
  copy[key] = rest.length ? withValue(held, rest, value) : value;
  return copy as Holder;
}
