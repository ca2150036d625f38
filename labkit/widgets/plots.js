// The three plots: they take the kernel's messages and draw what has changed.

const PLOT_PANELS = ["adaptation", "task", "training"];
const PLOT_AWAITED_MS = 200; // so long all plots wait for the kernel's answer to what a person does
const PLOT_OVERDUE_MS = 400; // so long a plot may wait while others are drawn
const PLOT_DRAWN_MS = 900; // least time between two messages that all has been drawn: each costs two frames
const PLOT_BESIDE_MS = 120; // so long what stands beside the plots waits to share a frame with them,
const PLOT_BESIDE_ASKED_MS = 40; // and so long where a person has just asked for something
const PLOT_MARGIN = "300px"; // how far below the visible page plots are kept up to date

const PLOT_ARRAYS = {
  f8: Float64Array, f4: Float32Array, i4: Int32Array, u4: Uint32Array,
  i2: Int16Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array,
};

function plotUnpacked(value, view) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((held) => plotUnpacked(held, view));
  if (!value.$array) {
    return Object.fromEntries(Object.entries(value).map(([k, held]) => [k, plotUnpacked(held, view)]));
  }
  const [start, count, type, shape] = value.$array;
  const Numbers = PLOT_ARRAYS[type];
  const first = (view?.byteOffset ?? 0) + start;
  // a copy: one array alone must not keep the whole message
  const bytes = view?.buffer.slice(first, first + count * Numbers.BYTES_PER_ELEMENT);
  return plotShaped(count ? new Numbers(bytes) : new Numbers(0), shape);
}

function plotShaped(numbers, [rows, ...columns]) {
  if (!columns.length) return numbers;
  const size = numbers.length / rows;
  return Array.from({ length: rows }, (_, i) =>
    plotShaped(numbers.subarray(i * size, (i + 1) * size), columns));
}

// library: promise of plotly.js; root: what must be seen for plots to be drawn
class Plots {
  constructor({ elements, titles, root, library, emit }) {
    this.emit = emit;
    this.panels = PLOT_PANELS.map((name) => new PlotPanel(name, elements[name], titles[name]));
    this.look = { dark: false, large: false, colours: {}, step: null };
    this.hovered = null;
    this.Plotly = null;
    this.received = this.complete = this.acknowledged = this.frame = this.timer = 0;
    this.asked = this.answered = this.awaited = this.patience = 0;
    this.acknowledgedAt = this.askedAt = -Infinity;
    this.beside = null; // what is done in the next frame that draws a plot
    this.besideTimer = 0;
    this.visible = this.drawing = this.due = this.gone = false;
    this.sizes = new ResizeObserver((entries) => this.resize(entries));
    this.sight = new IntersectionObserver(
      (entries) => this.see(entries.at(-1).isIntersecting), { rootMargin: PLOT_MARGIN }
    );
    this.panels.forEach((panel) => this.sizes.observe(panel.gd));
    this.sight.observe(root);
    library.then((Plotly) => {
      this.Plotly = Plotly;
      this.schedule();
    }, (error) => console.error("MAML Lab: plotly.js could not be loaded", error));
  }

  // what came with the model, until the kernel answers
  begin({ figures, buffers }) {
    if (figures) this.take(figures, buffers, true);
  }

  receive(message, buffers) {
    const whole = message.kind === "whole";
    // changes are of use to those only that have the whole
    if (!whole && !this.received) return;
    this.received = message.number;
    this.take(message.figures, buffers, whole);
  }

  take(packed, buffers, whole) {
    const figures = plotUnpacked(packed, buffers[0]);
    for (const panel of this.panels) {
      const news = figures[panel.name];
      if (news) whole ? panel.whole(news) : panel.change(news);
    }
    this.fit();
    this.schedule();
  }

  setLook(changes) {
    Object.assign(this.look, changes);
    for (const panel of this.panels) {
      // remembered lists have the colours and sizes of the old look
      panel.lists = new WeakMap();
      panel.touch();
    }
    this.fit();
    this.schedule();
  }

  setStep(step) {
    this.look.step = step;
    this.emphasise();
  }

  hover(step) {
    if (step === this.hovered) return;
    this.hovered = step;
    this.emphasise();
  }

  emphasise() {
    for (const panel of this.panels) if (panel.name !== "training") panel.touch();
    this.schedule();
  }

  get shown() {
    return { ...this.look, step: this.hovered ?? this.look.step };
  }

  fit() {
    for (const { gd, name, figure } of this.panels) {
      gd.style.height = `${plotHeight(name, figure, this.look)}px`;
    }
  }

  resize(entries) {
    for (const { target, contentRect } of entries) {
      const panel = this.panels.find(({ gd }) => gd === target);
      const width = Math.floor(contentRect.width);
      if (width === panel.width) continue;
      panel.width = width;
      panel.touch();
    }
    this.schedule();
  }

  see(visible) {
    this.visible = visible;
    this.schedule();
  }

  schedule() {
    // the first picture is there before a reader scrolls to it
    const awake = this.visible || this.panels.some((panel) => !panel.drawn);
    if (this.gone || !this.Plotly || !awake || this.drawing) return;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  // a person has asked so many questions: until the answer is here no plot takes the time to draw
  expect(number) {
    this.asked = number;
    this.askedAt = performance.now();
    if (!this.awaited && !this.due) this.wait();
  }

  wait() {
    if (this.asked <= this.answered) return;
    this.awaited = this.asked;
    this.patience = performance.now() + PLOT_AWAITED_MS;
  }

  hear(answers) {
    this.answered = Math.max(this.answered, answers);
    if (!this.awaited || this.answered < this.awaited) return;
    this.awaited = 0;
    this.due = true; // until it is drawn nothing else is waited for
  }

  // the first that has changed, unless another has waited for long
  next() {
    const now = performance.now();
    // what is not answered by now is not waited for again
    if (this.awaited && now > this.patience) this.hear(this.asked);
    const waiting = this.panels.filter((panel) => panel.drawable);
    const overdue = waiting.find((panel) => now - panel.since > PLOT_OVERDUE_MS);
    return overdue ?? (this.awaited ? undefined : waiting[0]);
  }

  // a frame of its own would cost as much as one of the plots'
  alongside(act) {
    this.beside = act;
    const asked = performance.now() - this.askedAt < PLOT_AWAITED_MS;
    this.besideTimer ||= setTimeout(() => this.catchUp(), asked ? PLOT_BESIDE_ASKED_MS : PLOT_BESIDE_MS);
  }

  catchUp() {
    clearTimeout(this.besideTimer);
    this.besideTimer = 0;
    this.beside?.();
    this.beside = null;
  }

  // one plot of plotly's a frame, and alone, so that the first is seen before the others are made
  async draw() {
    this.frame = 0;
    this.catchUp();
    this.drawing = true;
    let panel = this.next();
    this.due = false;
    do {
      const quick = panel !== undefined && (await this.drawPanel(panel));
      // something more was asked before this answer was drawn, as in a drag
      if (!this.awaited && !this.due) this.wait();
      panel = quick ? this.next() : undefined;
    } while (panel?.quick);
    this.drawing = false;
    if (this.gone) return;
    if (this.panels.some((waiting) => waiting.drawable)) {
      this.schedule();
      return;
    }
    this.complete = this.received;
    this.acknowledge();
  }

  acknowledge() {
    clearTimeout(this.timer);
    if (this.complete === this.acknowledged) return;
    const early = this.acknowledgedAt + PLOT_DRAWN_MS - performance.now();
    if (early > 0) {
      this.timer = setTimeout(() => this.acknowledge(), early);
      return;
    }
    this.acknowledgedAt = performance.now();
    this.acknowledged = this.complete;
    this.emit({ kind: "drawn", number: this.complete });
  }

  async drawPanel(panel) {
    try {
      return await panel.draw(this.Plotly, this.shown, (drawn) => this.attach(drawn));
    } catch (error) {
      if (!this.gone) console.error(`MAML Lab: the ${panel.name} plot failed`, error);
      return false;
    }
  }

  attach(panel) {
    if (this.gone) {
      this.Plotly.purge(panel.gd);
      return;
    }
    panel.listening = new AbortController();
    const { signal } = panel.listening;
    panel.gd.on("plotly_relayout", () => plotEndZoom(panel.gd));
    plotFollowPointer(panel, (step) => this.hover(step), this.emit, signal);
    const changed = () => {
      panel.touch();
      this.schedule();
    };
    panel.gd.addEventListener("pointerenter", () => panel.behind && changed(), { signal });
    if (panel.name !== "task" || !plotEditable(panel.figure)) return;
    panel.support = new PlotSupport(panel, this.emit, changed, signal);
  }

  destroy() {
    this.gone = true;
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    clearTimeout(this.besideTimer);
    this.sizes.disconnect();
    this.sight.disconnect();
    this.panels.forEach((panel) => panel.leave(this.Plotly));
  }
}
