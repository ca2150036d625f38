// The three plots: they take the kernel's messages and draw what has changed.

import { pageClock } from "../clock";
import type { Emit, PlotMessage } from "../messages";
import { unpackArrays } from "./arrays";
import { Aside } from "./aside";
import { type Figure, type FigureChanges, isEditable } from "./figure";
import { followPointer } from "./hover";
import { type Look, type PanelName, plotHeight } from "./look";
import { PlotPanel } from "./panel";
import type { PlotElement, Plotly } from "./plotly";
import { keepSilent } from "./plotly_internals";
import { Receipts } from "./receipts";
import { SupportPoints } from "./support";
import { Turns } from "./turns";
import { endZoom } from "./zoom";

export const PANELS: PanelName[] = ["adaptation", "task", "training"];

const MARGIN = "300px"; // how far below the visible page plots are kept up to date

type Elements = Record<PanelName, HTMLElement>;

interface Options {
  /** What plotly draws in. */
  elements: Elements;
  titles: Elements;
  /** What must be seen for plots to be drawn. */
  root: HTMLElement;
  library: Promise<Plotly>;
  emit: Emit;
  /** Lets a panel fill the screen, or no longer; null where that is not possible. */
  fill?: ((panel: PanelName) => void) | null;
}

export class Plots {
  readonly panels: PlotPanel[];
  readonly look: Look = { dark: false, large: false, colours: {}, step: null };
  readonly turns = new Turns(pageClock);
  plotly: Plotly | null = null;
  visible = false;
  drawing = false;
  /** The frame in which something is drawn; 0 for none. */
  frame = 0;
  private readonly emit: Emit;
  private readonly receipts: Receipts;
  private readonly aside = new Aside(pageClock);
  private readonly sizes: ResizeObserver;
  private readonly sight: IntersectionObserver;
  private hovered: number | null = null;
  /** Number of the last message. */
  private received = 0;
  private gone = false;

  constructor({ elements, titles, root, library, emit, fill = null }: Options) {
    this.emit = emit;
    this.panels = PANELS.map(
      (name) => new PlotPanel(name, elements[name] as PlotElement, titles[name], fill),
    );
    this.receipts = new Receipts((number) => emit({ kind: "drawn", number }), pageClock);
    this.sizes = new ResizeObserver((entries) => this.resize(entries));
    this.sight = new IntersectionObserver(
      (entries) => this.see(entries[entries.length - 1].isIntersecting),
      { rootMargin: MARGIN },
    );
    for (const panel of this.panels) this.sizes.observe(panel.gd);
    this.sight.observe(root);
    library.then(
      (plotly) => {
        this.plotly = plotly;
        this.schedule();
      },
      (error) => console.error("MAML Lab: plotly.js could not be loaded", error),
    );
  }

  /** What is on the page before the kernel answers. */
  begin({ figures, buffers }: { figures?: Record<string, Figure>; buffers?: DataView[] }): void {
    if (figures) this.takeWhole(figures, buffers ?? []);
  }

  receive(message: PlotMessage, buffers: DataView[]): void {
    if (message.kind === "whole") {
      this.received = message.number;
      this.takeWhole(message.figures, buffers);
    } else if (this.received) {
      // changes are of use to those only that have the whole
      this.received = message.number;
      this.takeChanges(message.figures, buffers);
    }
  }

  setLook(changes: Partial<Look>): void {
    Object.assign(this.look, changes);
    for (const panel of this.panels) {
      // remembered lists have the colours and sizes of the old look
      panel.lists = new WeakMap();
      panel.touch();
    }
    this.fit();
    this.schedule();
  }

  /** Gives a panel that fills the screen its height; null: none does. */
  setRoom(name: PanelName | null, room: number | null): void {
    for (const panel of this.panels) panel.room = panel.name === name ? room : null;
  }

  setStep(step: number | null): void {
    this.look.step = step;
    this.emphasise();
  }

  /** The look with the inner step at the pointer. */
  get currentLook(): Look {
    return { ...this.look, step: this.hovered ?? this.look.step };
  }

  /** A person has asked so many questions. */
  expect(number: number): void {
    this.turns.expect(number);
  }

  /** The kernel has answered so many. */
  hear(answers: number): void {
    this.turns.hear(answers);
  }

  /** Does this in the next frame that draws a plot. */
  alongside(act: () => void): void {
    this.aside.offer(act, this.turns.recent);
  }

  schedule(): void {
    // the first picture is there before a reader scrolls to it
    const awake = this.visible || this.panels.some((panel) => !panel.drawn);
    if (this.gone || !this.plotly || !awake || this.drawing) return;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  destroy(): void {
    this.gone = true;
    cancelAnimationFrame(this.frame);
    this.receipts.stop();
    this.aside.stop();
    this.sizes.disconnect();
    this.sight.disconnect();
    for (const panel of this.panels) panel.leave(this.plotly);
  }

  private takeWhole(packed: Record<string, Figure>, buffers: DataView[]): void {
    const figures = unpackArrays(packed, buffers[0]);
    for (const panel of this.panels) {
      if (figures[panel.name]) panel.whole(figures[panel.name]);
    }
    this.fit();
    this.schedule();
  }

  private takeChanges(packed: Record<string, FigureChanges>, buffers: DataView[]): void {
    const figures = unpackArrays(packed, buffers[0]);
    for (const panel of this.panels) {
      if (figures[panel.name]) panel.change(figures[panel.name]);
    }
    this.fit();
    this.schedule();
  }

  private hover(step: number | null): void {
    if (step === this.hovered) return;
    this.hovered = step;
    this.emphasise();
  }

  private emphasise(): void {
    for (const panel of this.panels) if (panel.name !== "training") panel.touch();
    this.schedule();
  }

  private fit(): void {
    for (const { gd, name, figure, room } of this.panels) {
      gd.style.height = `${plotHeight(name, figure, { ...this.look, room })}px`;
    }
  }

  private resize(entries: ResizeObserverEntry[]): void {
    for (const { target, contentRect } of entries) {
      const panel = this.panels.find(({ gd }) => gd === target);
      const width = Math.floor(contentRect.width);
      if (!panel || width === panel.width) continue;
      panel.width = width;
      panel.touch();
    }
    this.schedule();
  }

  private see(visible: boolean): void {
    this.visible = visible;
    this.schedule();
  }

  /** One plot of plotly's a frame, and alone: the first is seen before the others are made. */
  private async draw(): Promise<void> {
    this.frame = 0;
    this.aside.catchUp();
    this.drawing = true;
    let panel = this.turns.next(this.panels);
    this.turns.begin();
    do {
      const quick = panel !== undefined && (await this.drawPanel(panel));
      this.turns.resume();
      panel = quick ? this.turns.next(this.panels) : undefined;
    } while (panel?.quick);
    this.drawing = false;
    if (this.gone) return;
    if (this.panels.some((waiting) => waiting.drawable)) this.schedule();
    else this.receipts.confirm(this.received);
  }

  private async drawPanel(panel: PlotPanel): Promise<boolean> {
    if (!this.plotly) return false;
    try {
      return await panel.draw(this.plotly, this.currentLook, (drawn) => this.attach(drawn));
    } catch (error) {
      if (!this.gone) console.error(`MAML Lab: the ${panel.name} plot failed`, error);
      return false;
    }
  }

  private attach(panel: PlotPanel): void {
    if (this.gone) {
      this.plotly?.purge(panel.gd);
      return;
    }
    keepSilent(panel.gd);
    panel.listening = new AbortController();
    const { signal } = panel.listening;
    panel.gd.on("plotly_relayout", () => {
      if (panel.internals) endZoom(panel.internals);
    });
    followPointer(panel, (step) => this.hover(step), this.emit, signal);
    // plotly would zoom with the finger that scrolls the page; a tap is a click all the same
    const scroll = (event: Event) => {
      if (panel.internals?.isDragger(event.target)) event.stopPropagation();
    };
    panel.gd.addEventListener("touchstart", scroll, { capture: true, passive: true, signal });
    const changed = () => {
      panel.touch();
      this.schedule();
    };
    const enter = () => {
      if (panel.behind) changed();
    };
    panel.gd.addEventListener("pointerenter", enter, { signal });
    const { name, gd, internals } = panel;
    const editable = name === "task" && panel.figure !== null && isEditable(panel.figure);
    if (!internals || !editable) return;
    const figure = () => panel.figure;
    panel.support = new SupportPoints(gd, internals, figure, this.emit, changed, signal);
  }
}
