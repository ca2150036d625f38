// One view of the lab: controls, panels and theme, joined to its host.

import { Attention } from "./attention";
import { copyText } from "./clipboard";
import { pageClock } from "./clock";
import { followConnection } from "./connection";
import type { Place } from "./controls/specs";
import { toolbars } from "./controls/toolbars";
import { countView } from "./departure";
import { download, element } from "./dom";
import { fullScreen, roomIn } from "./full_screen";
import type { Host } from "./host";
import { listenForKeys } from "./keys";
import type { Incoming } from "./messages";
import { keepKeys } from "./notebook_keys";
import { Outbox } from "./outbox";
import { HEIGHTS, type PanelName } from "./plots/look";
import { NumbersTable } from "./plots/numbers_table";
import { savePicture, takePictures } from "./plots/pictures";
import { PANELS, Plots } from "./plots/plots";
import { coloursOf, followTheme } from "./surroundings";
import { askBeforeLeaving } from "./voila";

type PanelElements = Record<PanelName, HTMLElement>;

/** Shows the lab in an element; the return value takes it away again. */
export function showDashboard(host: Host, container: HTMLElement): () => void {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  const outbox = new Outbox(
    view,
    (message) => host.send(message),
    (asked) => plots.expect(asked),
    pageClock,
  );
  const { emit } = outbox;
  const controls = toolbars(host.get("controls"), emit, () => outbox.waiting);
  const { root, panels, elements, titles, tables, lost } = page(controls.places, view);
  container.append(root);
  const gone = new AbortController();
  const library = host.plotly(gone.signal);
  keepKeys(root, gone.signal);
  const screen = fullScreen(Object.values(panels), () => look(), gone.signal);
  const fill = screen && ((name: PanelName) => screen.toggle(panels[name]));
  const plots = new Plots({ elements, titles, root, library, emit, fill });
  for (const panel of plots.panels) {
    new NumbersTable(tables[panel.name], panel.gd, () => panel.figure, pageClock, gone.signal);
  }

  const keys = [...controls.shortcuts];
  if (fill) {
    // pointed at last: plots move under a pointer that rests
    let aimed = PANELS[0];
    for (const name of PANELS) {
      for (const event of ["pointerover", "pointerdown", "focusin"]) {
        panels[name].addEventListener(event, () => {
          aimed = name;
        });
      }
    }
    const words = "Show the plot at the pointer on the whole screen, or no longer";
    keys.push({ key: "f", words, press: () => fill(aimed) });
  }
  listenForKeys(root, controls.places.top, keys, gone.signal);

  const attention = new Attention(root);
  const isDark = followTheme(() => look(), gone.signal);
  const look = () => {
    const full = PANELS.find((name) => screen?.current === panels[name]) ?? null;
    const large = host.get("large") || full !== null;
    const dark = isDark();
    root.classList.toggle("maml-lab-large", large);
    root.classList.toggle("maml-lab-dark", dark);
    // "Large type" may have folded itself
    const active = document.activeElement;
    if (root.contains(active) && !active?.checkVisibility()) controls.fold?.focus();
    plots.setRoom(full, full && roomIn(panels[full], titles[full].parentElement as HTMLElement));
    plots.setLook({ large, dark, colours: coloursOf(host, dark, large) });
  };
  const state = () => controls.update(host.get("state"));
  const step = () => plots.setStep(host.get("inner_step"));
  const hear = (message: Incoming, buffers: DataView[]) => {
    if (message.kind === "whole" || message.kind === "changes") {
      plots.receive(message, buffers);
      plots.hear(message.answers[view] ?? 0);
      outbox.hear(message.answers[view] ?? 0);
    } else if (message.kind === "roll") {
      emit({ kind: "here" });
    } else if (message.kind === "still") {
      host.replaceStill(message.mark, message.html);
    } else if (message.view === view) {
      answer(message, buffers);
    }
  };
  const answer = async (message: Incoming, buffers: DataView[]) => {
    if (message.kind === "attend") attention.attend();
    if (message.kind === "copy") await copyText(root, message.text);
    if (message.kind === "file")
      download(message.filename, new Blob([buffers[0] as DataView<ArrayBuffer>]));
    try {
      if (message.kind === "export") await savePicture(plots, message);
      if (message.kind === "snapshot") emit({ kind: "picture", images: await takePictures(plots) });
    } catch (error) {
      console.error("MAML Lab: the picture failed", error);
    }
  };
  const isLost = () => root.classList.contains("maml-lab-is-lost");
  const atStake = () => host.get("trained") && !isLost();
  host.keepWhileAsking?.(atStake, gone.signal);
  askBeforeLeaving(atStake, gone.signal);
  const tellGone = () => {
    if (!isLost()) host.send({ kind: "gone", view, asked: 0 });
  };
  const leave = countView(host.lab, root, tellGone, pageClock);
  const subscriptions = [
    host.onChange("large", look),
    host.onChange("dark", look),
    host.onChange("state", () => plots.alongside(state)),
    host.onChange("inner_step", step),
    host.onMessage(hear),
    host.onConnection(followConnection(root, lost, outbox)),
  ];
  look();
  state();
  step();
  plots.begin(host.get("first"));
  emit({ kind: "ready" });

  return () => {
    if (gone.signal.aborted) return;
    gone.abort();
    leave();
    for (const unsubscribe of subscriptions) unsubscribe();
    attention.stop();
    plots.destroy();
    root.remove();
  };
}

function page(places: Record<Place, HTMLElement>, view: string) {
  const div = (names: string) => element("div", { class: names });
  const all = (names: string): PanelElements => ({
    adaptation: div(names),
    task: div(names),
    training: div(names),
  });
  const elements = all("maml-lab-plot");
  const titles = all("maml-lab-title");
  const tables = all("maml-lab-numbers");
  const sections = PANELS.map((name): [PanelName, HTMLElement] => {
    elements[name].style.height = `${HEIGHTS[name]}px`;
    titles[name].setAttribute("role", "heading");
    titles[name].ariaLevel = "3";
    titles[name].id = `maml-lab-title-${name}-${view}`;
    tables[name].id = `maml-lab-numbers-${name}-${view}`;
    elements[name].setAttribute("role", "figure");
    elements[name].setAttribute("aria-labelledby", titles[name].id);
    elements[name].setAttribute("aria-details", tables[name].id);
    const head = element("header", { class: "maml-lab-head" }, titles[name], places[name]);
    const names = `maml-lab-panel maml-lab-${name}`;
    return [name, element("section", { class: names }, head, elements[name], tables[name])];
  });
  const lost = element("p", { class: "maml-lab-lost", role: "status" });
  const plots = element("div", { class: "maml-lab-plots" });
  for (const [, section] of sections) plots.append(section);
  const root = element("div", { class: "maml-lab" }, places.top, lost, plots);
  const panels = Object.fromEntries(sections) as PanelElements;
  return { root, panels, elements, titles, tables, lost };
}
