const STEPS = new Map([
  ["ArrowRight", 1],
  ["ArrowDown", 1],
  ["ArrowLeft", -1],
  ["ArrowUp", -1],
]);

interface Key {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** Where a key leads in a list that goes round; undefined for other keys. */
export function listTarget(event: Key, index: number, count: number): number | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey) return undefined;
  if (event.key === "Home") return 0;
  if (event.key === "End") return count - 1;
  const step = STEPS.get(event.key);
  return step === undefined ? undefined : (index + step + count) % count;
}
