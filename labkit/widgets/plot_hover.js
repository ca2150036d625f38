// Pointing at an inner step in one panel shows it in the others; clicks that choose.

const PLOT_NEAR_CURVE = 24;

function plotPointedStep(panel, event) {
  if (panel.name === "adaptation") {
    const step = Math.round(Number(event.points[0].x));
    return step >= 0 ? step : null;
  }
  const y = event.event.clientY - panel.gd.getBoundingClientRect().top;
  const away = (point) => Math.abs(point.yaxis.d2p(point.y) + point.yaxis._offset - y);
  const near = event.points
    .filter((point) => Number.isInteger(point.data.meta?.inner_step) && point.yaxis)
    .map((point) => ({ step: point.data.meta.inner_step, away: away(point) }))
    .filter((point) => point.away <= PLOT_NEAR_CURVE)
    .sort((one, other) => one.away - other.away);
  return near.length ? near[0].step : null;
}

// hovered(step or null); emit sends to the kernel
function plotFollowPointer(panel, hovered, emit) {
  if (panel.name === "training") {
    panel.gd.on("plotly_click", (event) => {
      const step = Math.round(Number(event.points[0].x));
      if (panel.figure.layout.meta?.x === "seconds" || !(step >= 0)) return;
      emit({ kind: "look", meta_step: step });
    });
    return;
  }
  panel.gd.on("plotly_hover", (event) => hovered(plotPointedStep(panel, event)));
  panel.gd.on("plotly_unhover", () => hovered(null));
  if (panel.name !== "adaptation") return;
  panel.gd.on("plotly_click", (event) => {
    const step = plotPointedStep(panel, event);
    if (step !== null) emit({ kind: "set", name: "shown_step", value: step, final: true });
  });
}
