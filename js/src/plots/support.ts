// Support points that a pointer adds, drags and removes, or the goal that it places, where the
// figure says that they are editable. What the pointer does shows ahead of the kernel's answer.

import { element, write } from "../dom";
import type { Emit, SupportMessage } from "../messages";
import { type Figure, hasGoal, pointCount, type Trace } from "./figure";
import type { PlotElement } from "./plotly";
import type { PlotlyInternals } from "./plotly_internals";
import { hintForKeys, type Point, SupportFocus } from "./support_focus";

const REACH = 12;
const REACH_OF_A_FINGER = 24;
const STILL = 4;
const ANSWER_MS = 500;
const DOUBLE_CLICK_MS = 350;
/** A pointer that has not moved for so long aims at nothing. */
const REST_MS = 2000;
const EDITING =
  "Support points: click free space to add one, drag one to move it, click one to remove it";
const PLACING = "Goal: click anywhere to place it there, or drag it";
const HINT = "click: add or remove · drag: move";
const HINT_FOR_GOAL = "click: place the goal · drag: move it";

/** A place in pixels of the plot and in numbers of its axes. */
interface Place {
  px: number;
  py: number;
  x: number;
  y: number;
}

interface Press {
  /** Of the point that is held; below 0 in free space. */
  index: number;
  start: Place;
  at: Place;
  dragged: boolean;
}

export class SupportPoints {
  /** The point that is shown where the pointer has it. */
  ahead: { index: number; x: number; y: number } | null = null;
  /** Whether the axes on the page are held back from those of the figure. */
  held = false;
  private current: Press | null = null;
  private aiming = 0;
  private timer = 0;
  private frame = 0;
  private clicked = { px: NaN, py: NaN, time: 0 };
  /** What was pressed: one of several plots, which are alike. */
  private layer: HTMLElement | null = null;
  /** There is one point, the goal, which is never added nor removed. */
  private readonly single: boolean;
  private readonly hint = element("span", { class: "maml-lab-hint", "aria-hidden": "true" });
  private readonly focus: SupportFocus;

  /**
   * @param figure - gives the figure as it is now
   * @param changed - hears that the plot is to be drawn again
   */
  constructor(
    private readonly gd: PlotElement,
    private readonly internals: PlotlyInternals,
    private readonly figure: () => Figure | null,
    private readonly emit: Emit,
    private readonly changed: () => void,
    signal: AbortSignal,
  ) {
    this.single = hasGoal(figure());
    const words = this.single ? HINT_FOR_GOAL : HINT;
    write(this.hint, words);
    gd.addEventListener("pointerdown", (event) => this.press(event), { capture: true, signal });
    gd.addEventListener("pointermove", (event) => this.move(event), { signal });
    gd.addEventListener("pointerup", (event) => this.release(event), { signal });
    gd.addEventListener("pointercancel", () => this.drop(), { signal });
    for (const name of ["pointerenter", "pointermove", "pointerdown"] as const)
      gd.addEventListener(name, () => this.aim(), { capture: true, signal });
    gd.addEventListener("pointerleave", () => this.rest(), { signal });
    // a finger on a point moves it; one in free space scrolls the page
    const hold = (event: TouchEvent) => {
      const layer = internals.pressedLayer(event);
      const at = layer && this.place(event.touches[0], layer);
      if (event.touches.length === 1 && at && this.nearest(at, REACH_OF_A_FINGER) >= 0) {
        event.preventDefault();
      }
    };
    gd.addEventListener("touchstart", hold, { capture: true, passive: false, signal });
    gd.setAttribute("aria-description", this.single ? PLACING : EDITING);
    this.focus = new SupportFocus(
      {
        points: () => this.points(),
        axes: () => internals.mainAxes(),
        corner: () => this.corner(),
        move: (index, to, final) => this.moveTo(index, to, final),
        add: (at) => this.send("add", null, at, true),
        remove: (index) => this.send("remove", index, this.points()[index], true),
      },
      this.single,
      signal,
    );
    gd.after(this.focus.handle, this.hint);
    gd.addEventListener("maml-lab-drawn", () => this.focus.follow(), { signal });
    for (const [name, said] of [
      ["focus", hintForKeys(this.single)],
      ["blur", words],
    ]) {
      this.focus.handle.addEventListener(name, () => write(this.hint, said), { signal });
    }
  }

  /** Whether a pointer aims at something, which does not move meanwhile. */
  get busy(): boolean {
    return this.aiming !== 0 || this.current !== null || this.ahead !== null;
  }

  private aim(): void {
    clearTimeout(this.aiming);
    this.aiming = window.setTimeout(() => this.rest(), REST_MS);
  }

  private rest(): void {
    clearTimeout(this.aiming);
    this.aiming = 0;
    if (this.held) this.changed();
  }

  destroy(): void {
    clearTimeout(this.timer);
    clearTimeout(this.aiming);
    cancelAnimationFrame(this.frame);
    this.current = this.ahead = null;
    this.hint.remove();
    this.focus.handle.remove();
    this.gd.removeAttribute("aria-description");
  }

  /** Puts the moved point where the pointer has it into the traces that are drawn. */
  apply(data: Trace[]): void {
    const { ahead } = this;
    // a goal is on each of several plots
    for (const trace of data.filter(isSupport)) {
      if (!ahead || ahead.index >= (trace.x?.length ?? 0)) continue;
      for (const axis of ["x", "y"] as const) {
        const values = Array.from((trace[axis] ?? []) as ArrayLike<number>);
        values[ahead.index] = ahead[axis];
        trace[axis] = values;
      }
    }
  }

  /** All of them, the moved one where it is shown. */
  private points(): Point[] {
    const { x, y } = supportOf(this.figure()?.data ?? []) ?? {};
    const points = Array.from({ length: pointCount(x, y) }, (_, i) => ({
      x: Number(x?.[i]),
      y: Number(y?.[i]),
    }));
    const { ahead } = this;
    if (ahead && ahead.index < points.length) points[ahead.index] = ahead;
    return points;
  }

  /** That of the axes, from that of the panel. */
  private corner(): { left: number; top: number } {
    const { left, top } = this.internals.dragLayer()?.getBoundingClientRect() ?? new DOMRect();
    const panel = this.gd.parentElement?.getBoundingClientRect() ?? new DOMRect();
    return { left: left - panel.left, top: top - panel.top };
  }

  private place(
    event: Pick<PointerEvent, "clientX" | "clientY">,
    pressed: HTMLElement | null,
  ): Place | null {
    const layer = pressed ?? this.internals.dragLayer();
    if (!layer) return null;
    const [across, up] = this.internals.mainAxes();
    const box = layer.getBoundingClientRect();
    const along = (offset: number, size: number, length: number) =>
      Math.min(Math.max(offset / size, 0), 1) * length;
    const px = along(event.clientX - box.left, box.width, across.length);
    const py = along(event.clientY - box.top, box.height, up.length);
    return { px, py, x: across.toValue(px), y: up.toValue(py) };
  }

  private nearest(at: Place, within = REACH): number {
    const [across, up] = this.internals.mainAxes();
    const { x, y } = supportOf(this.figure()?.data ?? []) ?? {};
    let best = -1;
    let reach = within;
    for (let i = 0; i < pointCount(x, y); i += 1) {
      const away = Math.hypot(across.toPixels(x?.[i]) - at.px, up.toPixels(y?.[i]) - at.py);
      if (away <= reach) [best, reach] = [i, away];
    }
    return best;
  }

  private press(event: PointerEvent): void {
    const layer = this.internals.pressedLayer(event);
    if (!layer || event.button !== 0 || !event.isPrimary) return;
    const at = this.place(event, layer);
    if (!at) return;
    this.layer = layer;
    // no mouse events follow: plotly sees no click
    event.preventDefault();
    const within = event.pointerType === "touch" ? REACH_OF_A_FINGER : REACH;
    this.current = { index: this.nearest(at, within), start: at, at, dragged: false };
    this.gd.setPointerCapture(event.pointerId);
  }

  private move(event: PointerEvent): void {
    const { current } = this;
    const layer = current ? this.layer : this.internals.pressedLayer(event);
    const at = this.place(event, layer);
    if (!at) return;
    if (!current) {
      if (layer) layer.style.cursor = this.nearest(at) < 0 ? "crosshair" : "grab";
      return;
    }
    const { start, index } = current;
    current.at = at;
    current.dragged ||= Math.hypot(at.px - start.px, at.py - start.py) > STILL;
    if (index < 0 || !current.dragged) return;
    this.moveTo(index, at, false);
  }

  private release(event: PointerEvent): void {
    const { current } = this;
    const at = this.place(event, this.layer);
    if (!current || !at) return;
    this.current = null;
    if (current.dragged && current.index >= 0) {
      this.moveTo(current.index, at, true);
    } else if (!current.dragged) {
      this.drop();
      if (this.isSecondClick(at)) return;
      // where it was pressed: the axes may have moved since
      if (this.single) this.moveTo(0, current.start, true);
      else if (current.index >= 0) this.send("remove", current.index, current.start, true);
      else this.send("add", null, current.start, true);
    }
  }

  /** Whether a click is the second of two at one place, which are one. */
  private isSecondClick({ px, py }: Place): boolean {
    const before = this.clicked;
    this.clicked = { px, py, time: performance.now() };
    const near = Math.hypot(px - before.px, py - before.py) <= STILL;
    return near && this.clicked.time - before.time < DOUBLE_CLICK_MS;
  }

  /** Shows a point elsewhere, and tells the kernel: once a frame, and of the last place at once. */
  private moveTo(index: number, { x, y }: Point, final: boolean): void {
    clearTimeout(this.timer);
    this.ahead = { index, x, y };
    this.changed();
    if (!final) {
      this.frame ||= requestAnimationFrame(() => {
        this.frame = 0;
        if (this.ahead) this.send("move", this.ahead.index, this.ahead, false);
      });
      return;
    }
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.send("move", index, { x, y }, true);
    this.timer = window.setTimeout(() => this.drop(), ANSWER_MS);
  }

  /** From here on the kernel's points are shown as they are. */
  private drop(): void {
    this.current = this.ahead = null;
    this.changed();
  }

  private send(
    action: SupportMessage["action"],
    index: number | null,
    { x, y }: Point,
    final: boolean,
  ): void {
    this.emit({ kind: "support", action, index, x, y, final });
  }
}

function isSupport(trace: Trace): boolean {
  return Boolean(trace.meta?.support);
}

function supportOf(data: Trace[]): Trace | undefined {
  return data.find(isSupport);
}
