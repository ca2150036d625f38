// One view of an instrument: its controls and one figure, arranged for the width of the page.

import { pageClock } from "./clock";
import { followConnection } from "./connection";
import { toolbars } from "./controls/toolbars";
import { countView } from "./departure";
import { element } from "./dom";
import type { Host } from "./host";
import type { Incoming } from "./messages";
import { keepKeys } from "./notebook_keys";
import { Outbox } from "./outbox";
import { arrange } from "./plots/arrangement";
import { unpackArrays } from "./plots/arrays";
import { CellFocus } from "./plots/cells";
import type { Figure } from "./plots/figure";
import { deriveFigure } from "./plots/look";
import { NumbersTable } from "./plots/numbers_table";
import type { PlotElement, Plotly } from "./plots/plotly";
import { LARGE } from "./plots/theme";
import { coloursOf, followTheme } from "./surroundings";

const PANEL = "instrument";
const CONFIG = {
  displaylogo: false,
  displayModeBar: "hover",
  modeBarButtons: [["zoom2d", "resetScale2d"]],
  doubleClick: "reset",
  responsive: false,
};

/** Shows an instrument in an element; the return value takes it away again. */
export function showInstrument(host: Host, heading: string, container: HTMLElement): () => void {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  const outbox = new Outbox(
    view,
    (message) => host.send(message),
    () => {},
    pageClock,
  );
  const { emit } = outbox;
  const controls = toolbars(host.get("controls"), emit, () => outbox.waiting);
  const title = element("h3", { class: "maml-lab-title" }, heading);
  const gd = element("div", { class: "maml-lab-plot" }) as HTMLElement as PlotElement;
  const numbers = element("div", { class: "maml-lab-numbers", id: `maml-lab-numbers-${view}` });
  gd.setAttribute("role", "figure");
  gd.setAttribute("aria-label", heading);
  gd.setAttribute("aria-details", numbers.id);
  const lost = element("p", { class: "maml-lab-lost", role: "status" });
  const root = element(
    "div",
    { class: "maml-lab-instrument" },
    title,
    controls.places.top,
    lost,
    gd,
    numbers,
  );
  container.append(root);
  const gone = new AbortController();
  const isDark = followTheme(() => look(), gone.signal);
  const lists = new WeakMap<unknown[], unknown[]>();
  let figure: Figure | null = null;
  let plotly: Plotly | null = null;
  let drawing = false;
  let dirty = false;
  let number = 0;
  let width = 0;
  const cells = new CellFocus(
    gd,
    () => figure,
    () => void draw(),
    emit,
    gone.signal,
  );
  root.append(cells.said);
  keepKeys(root, gone.signal);
  new NumbersTable(numbers, gd, () => figure && firstCurves(figure), pageClock, gone.signal);

  const draw = async () => {
    dirty = true;
    if (drawing) return; // it begins again afterwards
    drawing = true;
    try {
      while (dirty && plotly && figure && width > 0 && !gone.signal.aborted) {
        dirty = false;
        const drawn = number;
        const dark = isDark();
        const large = host.get("large");
        const theme = { dark, large, colours: coloursOf(host, dark, large), step: null };
        const panel = { panel: "adaptation" as const, width, lists, cursor: {} };
        const room = width / (theme.large ? LARGE : 1); // in which its labels would be usual ones
        const { data, layout } = deriveFigure(cells.shown(arrange(figure, room)), {
          ...theme,
          ...panel,
        });
        const first = !gd.data;
        await plotly.react(gd, data, layout, CONFIG);
        if (first) cells.follow();
        gd.dispatchEvent(new CustomEvent("maml-lab-drawn"));
        if (drawn) emit({ kind: "drawn", number: drawn });
      }
    } finally {
      drawing = false;
    }
  };
  const look = () => {
    root.classList.toggle("maml-lab-large", host.get("large"));
    root.classList.toggle("maml-lab-dark", isDark());
    void draw();
  };
  const state = () => controls.update(host.get("state"));
  const hear = (message: Incoming, buffers: DataView[]) => {
    if (message.kind === "whole") {
      figure = unpackArrays(message.figures[PANEL], buffers[0]);
      number = message.number;
      outbox.hear(message.answers[view] ?? 0);
      void draw();
    } else if (message.kind === "changes") {
      outbox.hear(message.answers[view] ?? 0);
      emit({ kind: "drawn", number: message.number });
    } else if (message.kind === "roll") {
      emit({ kind: "here" });
    }
  };
  const resize = new ResizeObserver(([entry]) => {
    const before = width;
    width = Math.round(entry.contentRect.width);
    if (width === before) return;
    // what was hidden has been sent nothing
    if (!before && width && figure) emit({ kind: "ready" });
    void draw();
  });
  resize.observe(gd);
  const tellGone = () => {
    if (!root.classList.contains("maml-lab-is-lost")) host.send({ kind: "gone", view, asked: 0 });
  };
  const leave = countView(host.lab, root, tellGone, pageClock);
  const subscriptions = [
    host.onChange("large", look),
    host.onChange("state", state),
    host.onMessage(hear),
    host.onConnection(followConnection(root, lost, outbox)),
  ];
  const first = host.get("first");
  if (first.figures) figure = unpackArrays(first.figures[PANEL], first.buffers?.[0]);
  host.plotly(gone.signal).then(
    (library) => {
      plotly = library;
      void draw();
    },
    (error) => console.error("MAML Lab: plotly.js failed", error),
  );
  look();
  state();
  emit({ kind: "ready" });

  return () => {
    if (gone.signal.aborted) return;
    gone.abort();
    leave();
    for (const unsubscribe of subscriptions) unsubscribe();
    resize.disconnect();
    plotly?.purge(gd);
    root.remove();
  };
}

/** The curves of the first plot, which no legend names there. */
function firstCurves(figure: Figure): Figure {
  const curves = figure.data.filter(
    ({ mode, yaxis }) => mode !== "markers" && (yaxis ?? "y") === "y",
  );
  return { ...figure, data: curves.map((trace) => ({ ...trace, showlegend: true })) };
}
