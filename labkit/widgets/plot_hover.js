// Pointing at an inner step in one panel shows it in the others; clicks that choose.

const PLOT_NEAR_CURVE = 24;
const PLOT_CLICK_MS = 350; // so long a click may yet be one of two, which lead out of a zoom

// the inner step under the pointer, of what plotly's label tells of
function plotPointedStep(panel, clientY) {
  if (!panel.points) return null;
  if (panel.name === "adaptation") return Math.max(Math.round(Number(panel.points[0].x)), 0);
  const y = clientY - panel.gd.getBoundingClientRect().top;
  const near = panel.points
    .filter((point) => Number.isInteger(point.data.meta?.inner_step) && point.yaxis)
    .map(({ data, yaxis, y: at }) => ({
      step: data.meta.inner_step, away: Math.abs(yaxis.d2p(at) + yaxis._offset - y),
    }))
    .filter(({ away }) => away <= PLOT_NEAR_CURVE)
    .sort((one, other) => one.away - other.away);
  return near.length ? near[0].step : null;
}

// hovered(step or null); emit sends to the kernel; until signal
function plotFollowPointer(panel, hovered, emit, signal) {
  const { gd, name } = panel;
  const point = (clientY) => {
    if (name !== "training") hovered(plotPointedStep(panel, clientY));
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
  const follow = (event) => {
    if (panel.points) point(event.clientY);
  };
  gd.addEventListener("mousemove", follow, { signal });
  const act = (x) => {
    if (name === "adaptation") emit({ kind: "set", name: "shown_step", value: x, final: true });
    if (name !== "training" || panel.figure.layout.meta?.x === "seconds") return;
    emit({ kind: "look", meta_step: x });
  };
  let [clicked, left] = [0, -Infinity];
  gd.on("plotly_click", ({ points }) => {
    const x = Math.round(Number(points[0].x));
    clearTimeout(clicked);
    if (!(x >= 0) || performance.now() - left < PLOT_CLICK_MS) return;
    clicked = setTimeout(() => act(x), PLOT_CLICK_MS);
  });
  gd.on("plotly_doubleclick", () => {
    clearTimeout(clicked);
    left = performance.now();
  });
  signal.addEventListener("abort", () => clearTimeout(clicked));
}
