// Tells the kernel up to which message everything is drawn: it never floods a slow page.

import type { Clock } from "../clock";

/** Least time between two: each costs two frames. */
export const RECEIPT_MS = 900;

export class Receipts {
  private complete = 0;
  private acknowledged = 0;
  private acknowledgedAt = -Infinity;
  private timer = 0;

  constructor(
    private readonly send: (number: number) => void,
    private readonly clock: Clock,
  ) {}

  /** All messages up to this one are on the page. */
  confirm(number: number): void {
    this.complete = number;
    this.acknowledge();
  }

  stop(): void {
    this.clock.cancel(this.timer);
  }

  private acknowledge(): void {
    this.clock.cancel(this.timer);
    if (this.complete === this.acknowledged) return;
    const early = this.acknowledgedAt + RECEIPT_MS - this.clock.now();
    if (early > 0) {
      this.timer = this.clock.after(early, () => this.acknowledge());
      return;
    }
    this.acknowledgedAt = this.clock.now();
    this.acknowledged = this.complete;
    this.send(this.complete);
  }
}
