// What changes next to the plots shares a frame with them: one of its own would cost as much.

import type { Clock } from "../clock";

/** How long it waits for a plot, */
export const ASIDE_MS = 120;

/** and how long where a person has just asked for something. */
export const ASIDE_ASKED_MS = 40;

export class Aside {
  private act: (() => void) | null = null;
  private timer = 0;

  constructor(private readonly clock: Clock) {}

  /** Does this with the next plot, or in a moment; only the latest counts. */
  offer(act: () => void, asked: boolean): void {
    this.act = act;
    this.timer ||= this.clock.after(asked ? ASIDE_ASKED_MS : ASIDE_MS, () => this.catchUp());
  }

  catchUp(): void {
    const { act } = this;
    this.stop();
    act?.();
  }

  stop(): void {
    this.clock.cancel(this.timer);
    this.timer = 0;
    this.act = null;
  }
}
