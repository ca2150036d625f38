// A figure of several plots, arranged in as many columns as a width has room for.

import type { Figure, Layout } from "./figure";

/** labkit/figures/instruments/grid.py makes them. */
interface Arrangement {
  /** Least width in pixels. */
  width: number;
  height: number;
  /** Name of an axis → where it begins and ends. */
  domains: Record<string, [number, number]>;
}

/** The figure with the arrangement for the largest width that is there; as it is without any. */
export function arrange(figure: Figure, width: number): Figure {
  const all = (figure.layout.meta?.layouts ?? []) as Arrangement[];
  const fitting = all.filter((arrangement) => arrangement.width <= width);
  const chosen = fitting.reduce<Arrangement | null>(
    (best, one) => (!best || one.width > best.width ? one : best),
    null,
  );
  if (!chosen) return figure;
  const layout: Layout = { ...figure.layout, height: chosen.height };
  for (const [axis, domain] of Object.entries(chosen.domains)) {
    layout[axis] = { ...(layout[axis] as object), domain };
  }
  return { ...figure, layout };
}
