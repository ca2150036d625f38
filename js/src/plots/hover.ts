// Pointing at an inner step in one panel shows it in the others; clicks that choose.

import type { Emit } from "../messages";
import type { PlotPanel } from "./panel";
import { topOf } from "./plotly_internals";

const NEAR_CURVE = 24;

/** How long a click may yet be one of two, which lead out of a zoom. */
export const CLICK_MS = 350;

/** The inner step under the pointer, of what plotly's label tells of. */
function pointedStep(panel: PlotPanel, clientY: number): number | null {
  if (!panel.points) return null;
  if (panel.name === "adaptation") return Math.max(Math.round(Number(panel.points[0].x)), 0);
  const y = clientY - panel.gd.getBoundingClientRect().top;
  let nearest: number | null = null;
  let reach = NEAR_CURVE;
  for (const point of panel.points) {
    const step = point.data.meta?.inner_step;
    const top = topOf(point);
    if (step === undefined || !Number.isInteger(step) || top === null) continue;
    const away = Math.abs(top - y);
    // of two at the same distance the first
    if (away < reach || (away === reach && nearest === null)) [nearest, reach] = [step, away];
  }
  return nearest;
}

/**
 * Follows the pointer over a panel until the signal.
 *
 * @param hovered - hears the inner step under the pointer, null for none
 */
export function followPointer(
  panel: PlotPanel,
  hovered: (step: number | null) => void,
  emit: Emit,
  signal: AbortSignal,
): void {
  const { gd, name } = panel;
  const point = (clientY: number) => {
    if (name !== "training") hovered(pointedStep(panel, clientY));
  };
  gd.on("plotly_hover", ({ event, points }) => {
    panel.points = points;
    point(event.clientY);
  });
  gd.on("plotly_unhover", () => {
    panel.points = null;
    point(0);
  });
  // plotly tells of other points only, and a pointer may go from curve to curve at the same x
  const follow = (event: MouseEvent) => {
    if (panel.points) point(event.clientY);
  };
  gd.addEventListener("mousemove", follow, { signal });
  const act = (x: number) => {
    if (name === "adaptation") emit({ kind: "set", name: "shown_step", value: x, final: true });
    if (name !== "training" || panel.figure?.layout.meta?.x === "seconds") return;
    emit({ kind: "look", meta_step: x });
  };
  let [clicked, left] = [0, -Infinity];
  gd.on("plotly_click", ({ points }) => {
    const x = Math.round(Number(points[0].x));
    clearTimeout(clicked);
    if (!(x >= 0) || performance.now() - left < CLICK_MS) return;
    clicked = window.setTimeout(() => act(x), CLICK_MS);
  });
  gd.on("plotly_doubleclick", () => {
    clearTimeout(clicked);
    left = performance.now();
  });
  signal.addEventListener("abort", () => clearTimeout(clicked));
}
