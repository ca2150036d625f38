// Support points that a pointer adds, drags and removes, where the figure says that they are editable.

const PLOT_REACH = 12;
const PLOT_STILL = 4;
const PLOT_ANSWER_MS = 500;
const PLOT_EDITING =
  "Support points: click free space to add one, drag one to move it, click one to remove it";
const PLOT_HINT = "click: add or remove · drag: move";

// keeps what the pointer does to one point, ahead of the kernel's answer
class PlotSupport {
  constructor(panel, emit, changed, signal) {
    Object.assign(this, { panel, emit, changed, held: null, moved: null, timer: 0, frame: 0 });
    this.clicked = { at: { px: NaN, py: NaN }, time: 0 };
    const listen = (type, handler, options = {}) =>
      panel.gd.addEventListener(type, handler, { ...options, signal });
    listen("pointerdown", (event) => this.press(event), { capture: true });
    listen("pointermove", (event) => this.move(event));
    listen("pointerup", (event) => this.release(event));
    listen("pointercancel", () => this.drop());
    // plotly's own touch handling would end in a click of the plot
    const own = (event) => this.layer(event) && event.stopPropagation();
    listen("touchstart", own, { capture: true, passive: true });
    panel.gd.setAttribute("aria-label", PLOT_EDITING);
    panel.gd.setAttribute("role", "group");
    this.hint = document.createElement("span");
    Object.assign(this.hint, { className: "maml-lab-hint", textContent: PLOT_HINT, ariaHidden: "true" });
    panel.gd.after(this.hint);
  }

  destroy() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.held = this.moved = null;
    this.hint.remove();
    for (const name of ["aria-label", "role"]) this.panel.gd.removeAttribute(name);
  }

  // the drag layer under a pointer, while editing is what a press means
  layer(event) {
    const editing = this.panel.gd._fullLayout?.dragmode === false;
    return editing ? event.target.closest?.(".nsewdrag") : null;
  }

  trace() {
    return this.panel.figure.data.find((trace) => trace.meta?.support);
  }

  place(event) {
    const { xaxis, yaxis } = this.panel.gd._fullLayout;
    const box = this.panel.gd.querySelector(".nsewdrag").getBoundingClientRect();
    const along = (axis, offset, size) => Math.min(Math.max(offset / size, 0), 1) * axis._length;
    const px = along(xaxis, event.clientX - box.left, box.width);
    const py = along(yaxis, event.clientY - box.top, box.height);
    return { px, py, x: xaxis.p2d(px), y: yaxis.p2d(py) };
  }

  nearest(at) {
    const { xaxis, yaxis } = this.panel.gd._fullLayout;
    const { x = [], y = [] } = this.trace() ?? {};
    let best = -1;
    let reach = PLOT_REACH;
    for (let i = 0; i < x.length; i += 1) {
      const away = Math.hypot(xaxis.d2p(x[i]) - at.px, yaxis.d2p(y[i]) - at.py);
      if (away <= reach) [best, reach] = [i, away];
    }
    return best;
  }

  press(event) {
    const layer = this.layer(event);
    if (!layer || event.button !== 0 || !event.isPrimary) return;
    // no mouse events follow: plotly does not take this press for a click of its own
    event.preventDefault();
    const at = this.place(event);
    this.held = { index: this.nearest(at), start: at, at, dragged: false };
    this.panel.gd.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.held) {
      const layer = this.layer(event);
      if (layer) layer.style.cursor = this.nearest(this.place(event)) < 0 ? "crosshair" : "grab";
      return;
    }
    const at = this.place(event);
    const { start, index } = this.held;
    this.held.at = at;
    this.held.dragged ||= Math.hypot(at.px - start.px, at.py - start.py) > PLOT_STILL;
    if (index < 0 || !this.held.dragged) return;
    this.show(index, at);
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.held) this.send("move", index, this.held.at, false);
    });
  }

  release(event) {
    const held = this.held;
    if (!held) return;
    this.held = null;
    const at = this.place(event);
    if (held.dragged && held.index >= 0) {
      this.show(held.index, at);
      this.send("move", held.index, at, true);
      this.timer = setTimeout(() => this.drop(), PLOT_ANSWER_MS);
    } else if (!held.dragged) {
      this.drop();
      if (this.twice(at)) return;
      this.send(held.index >= 0 ? "remove" : "add", held.index >= 0 ? held.index : null, at, true);
    }
  }

  // whether a click is the second of two at one place, which are one
  twice(at) {
    const { at: before, time } = this.clicked;
    this.clicked = { at, time: performance.now() };
    const near = Math.hypot(at.px - before.px, at.py - before.py) <= PLOT_STILL;
    return near && this.clicked.time - time < PLOT_CLICK_MS;
  }

  show(index, { x, y }) {
    clearTimeout(this.timer);
    this.moved = { index, x, y };
    this.changed();
  }

  // from here on the kernel's points are shown as they are
  drop() {
    this.held = this.moved = null;
    this.changed();
  }

  send(action, index, { x, y }, final) {
    this.emit({ kind: "support", action, index, x, y, final });
  }

  // puts the moved point where the pointer has it into the traces that are drawn
  apply(data) {
    const trace = data.find((candidate) => candidate.meta?.support);
    if (!this.moved || !trace || this.moved.index >= trace.x.length) return;
    for (const axis of ["x", "y"]) {
      trace[axis] = Array.from(trace[axis]);
      trace[axis][this.moved.index] = this.moved[axis];
    }
  }
}
