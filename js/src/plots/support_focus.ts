// The support point, or the goal, that has the keyboard's focus. One stop of the Tab key leads to the points;
// further keys lead from one to the next, so a thousand shots are not a thousand stops.

import { element } from "../dom";
import type { PixelAxis } from "./plotly_internals";

/** How far a key moves a point, and with Shift, as a share of an axis. */
const STEP = 0.01;
const LEAP = 0.1;
/** How far from the point that has the focus another one is added. */
const BESIDE = 0.05;

const KEYS =
  "Arrow keys move the point, further with Shift; Page Up and Page Down lead to the next ones; " +
  "Enter adds a point, Delete removes this one";
const KEYS_FOR_GOAL = "Arrow keys move the goal, further with Shift";

/** @param single - there is one point, the goal */
export function hintForKeys(single: boolean): string {
  if (single) return "arrows: move the goal · with Shift: further";
  return "arrows: move · Page Up/Down: next · Enter: add · Delete: remove";
}

const MOVES: Record<string, [across: number, up: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface Point {
  x: number;
  y: number;
}

/** What is done to the points, of which each has its number. */
export interface PointEditor {
  points(): Point[];
  axes(): [across: PixelAxis, up: PixelAxis];
  /** Where the corner of the axes is, in pixels from that of the handle's parent. */
  corner(): { left: number; top: number };
  /** @param final - the key is up again */
  move(index: number, to: Point, final: boolean): void;
  add(at: Point): void;
  remove(index: number): void;
}

export class SupportFocus {
  /** What has the focus: it lies on the point. */
  readonly handle = element("div", {
    class: "maml-lab-point",
    tabindex: 0,
    role: "slider",
    "aria-label": "Support points",
    "aria-roledescription": "support point",
    "aria-description": KEYS,
  });
  /** Of the point; that of one that the kernel has yet to add is beyond those there are. */
  private wanted = 0;
  private moving = false;

  /** @param single - there is one point, the goal, which is never added nor removed */
  constructor(
    private readonly editor: PointEditor,
    private readonly single: boolean,
    signal: AbortSignal,
  ) {
    const { handle } = this;
    if (single) {
      handle.ariaLabel = "Goal";
      handle.ariaRoleDescription = "goal";
      handle.setAttribute("aria-description", KEYS_FOR_GOAL);
    }
    handle.addEventListener("keydown", (event) => this.press(event), { signal });
    for (const end of ["keyup", "blur"]) handle.addEventListener(end, () => this.end(), { signal });
    handle.addEventListener("focus", () => this.follow(), { signal });
  }

  /** Puts the handle where the point is by now, and says where that is. */
  follow(): void {
    const { handle, editor } = this;
    const points = editor.points();
    const index = this.among(points);
    const point = points[index];
    if (!point) return;
    const [across, up] = editor.axes();
    // to ask where the axes are costs a layout of the page
    if (handle.matches(":focus")) {
      const { left, top } = editor.corner();
      handle.style.left = `${left + across.toPixels(point.x)}px`;
      handle.style.top = `${top + up.toPixels(point.y)}px`;
    }
    handle.ariaValueMin = short(across.toValue(0));
    handle.ariaValueMax = short(across.toValue(across.length));
    handle.ariaValueNow = short(point.x);
    const rank = fromLeft(points).indexOf(index) + 1;
    const which = this.single ? "" : `${rank} of ${points.length}: `;
    handle.ariaValueText = `${which}x ${short(point.x)}, y ${short(point.y)}`;
  }

  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const points = this.editor.points();
    const index = this.among(points);
    const point = points[index];
    if (!point) return;
    const move = MOVES[event.key];
    const next = neighbour(event.key, points, index);
    if (move) {
      const size = event.shiftKey ? LEAP : STEP;
      this.moving = true;
      this.editor.move(index, this.beside(point, move[0] * size, move[1] * size), false);
    } else if (next !== undefined) {
      this.end();
      this.wanted = next;
    } else if (this.single) {
      return;
    } else if (event.key === "Enter") {
      this.end();
      this.wanted = points.length;
      this.editor.add(this.beside(point, BESIDE, 0));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.end();
      this.editor.remove(index);
    } else {
      return;
    }
    event.preventDefault();
    this.follow();
  }

  /** A place a share of the axes away, and not beyond them. */
  private beside(point: Point, across: number, up: number): Point {
    const along = (axis: PixelAxis, value: number, share: number) => {
      const pixels = axis.toPixels(value) + share * axis.length;
      return axis.toValue(Math.min(Math.max(pixels, 0), axis.length));
    };
    const [x, y] = this.editor.axes();
    return { x: along(x, point.x, across), y: along(y, point.y, up) };
  }

  private end(): void {
    if (!this.moving) return;
    this.moving = false;
    const points = this.editor.points();
    const index = this.among(points);
    if (points[index]) this.editor.move(index, points[index], true);
  }

  private among(points: Point[]): number {
    return Math.min(this.wanted, points.length - 1);
  }
}

/** Numbers of the points, as they lie from left to right. */
function fromLeft(points: Point[]): number[] {
  return [...points.keys()].sort((a, b) => points[a].x - points[b].x);
}

/** To which point a key leads from another; undefined for other keys. */
function neighbour(key: string, points: Point[], index: number): number | undefined {
  const order = fromLeft(points);
  const rank = order.indexOf(index);
  const last = order.length - 1;
  const ranks: Record<string, number> = {
    PageDown: Math.min(rank + 1, last),
    PageUp: Math.max(rank - 1, 0),
    Home: 0,
    End: last,
  };
  return order[ranks[key]];
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
