// Which plot is drawn next: what a person waits for goes first, what plays follows.

import type { Clock } from "../clock";

/** How long all plots wait for the kernel's answer to what a person does. */
export const AWAITED_MS = 200;

/** How long a plot may wait while others are drawn. */
export const OVERDUE_MS = 400;

export interface Waiting {
  drawable: boolean;
  since: number;
}

export class Turns {
  private asked = 0;
  private answered = 0;
  /** The number of the question whose answer is waited for; 0 for none. */
  private awaited = 0;
  private patience = 0;
  /** Whether an answer is still to be drawn; until then nothing else is waited for. */
  private due = false;
  private askedAt = -Infinity;

  constructor(private readonly clock: Clock) {}

  /** A person has asked so many questions: until the answer no plot takes the time to draw. */
  expect(number: number): void {
    this.asked = number;
    this.askedAt = this.clock.now();
    this.resume();
  }

  /** The kernel has answered so many. */
  hear(answers: number): void {
    this.answered = Math.max(this.answered, answers);
    if (!this.awaited || this.answered < this.awaited) return;
    this.awaited = 0;
    this.due = true;
  }

  /** Whether a person has asked something just now. */
  get recent(): boolean {
    return this.clock.now() - this.askedAt < AWAITED_MS;
  }

  /** The first that has changed, unless another has waited for long. */
  next<Plot extends Waiting>(plots: Plot[]): Plot | undefined {
    const now = this.clock.now();
    // what is not answered by now is not waited for again
    if (this.awaited && now > this.patience) this.hear(this.asked);
    const waiting = plots.filter((plot) => plot.drawable);
    const overdue = waiting.find((plot) => now - plot.since > OVERDUE_MS);
    return overdue ?? (this.awaited ? undefined : waiting[0]);
  }

  /** The answer is about to be drawn. */
  begin(): void {
    this.due = false;
  }

  /** Something more may have been asked before the answer was drawn, as in a drag. */
  resume(): void {
    if (this.awaited || this.due || this.asked <= this.answered) return;
    this.awaited = this.asked;
    this.patience = this.clock.now() + AWAITED_MS;
  }
}
