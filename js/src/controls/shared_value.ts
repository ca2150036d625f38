// A value that the person and the kernel both change. While one drags, the next message waits
// for an answer, though not for long, and the latest value wins; what the kernel says meanwhile
// does not move the control.

import type { Clock } from "../clock";

/** A kernel that has not answered by then gets the next value. */
export const ANSWER_MS = 30;

/** A choice that the kernel has not taken by then is put back, unless the kernel is still busy. */
export const HOLD_MS = 1000;

/** A choice that is not taken by then looks pending. */
export const PENDING_MS = 300;

/** How a control learns of a busy kernel, and shows it. */
export interface Patience {
  /** Whether the kernel has yet to answer what was asked last. */
  waiting(): boolean;
  /** Shows, or no longer, that a choice is on its way. */
  pend(on: boolean): void;
}

const NONE: Patience = { waiting: () => false, pend: () => {} };

export class SharedValue<V> {
  private kernelValue: V | undefined;
  private lastSent: V | undefined;
  private next: V | undefined;
  private engaged = false;
  private holding = 0;
  private pending = 0;
  private answering = 0;
  private frame = 0;

  /**
   * @param send - to the kernel
   * @param show - moves the control
   */
  constructor(
    private readonly send: (value: V, final: boolean) => void,
    private readonly show: (value: V) => void,
    private readonly clock: Clock,
    private readonly patience: Patience = NONE,
  ) {}

  /** The kernel says what the value is. */
  hear(value: V | undefined): void {
    if (value === undefined) return;
    if (this.answering && (value !== this.kernelValue || value === this.lastSent)) this.answered();
    this.kernelValue = value;
    if (this.engaged || (this.holding && value !== this.lastSent)) return;
    this.release();
    this.show(value);
  }

  /** A value on the way to another. */
  offer(value: V): void {
    this.release();
    this.engaged = true;
    this.next = value;
    if (!this.frame) this.flush();
  }

  /** The value that is meant. */
  settle(value: V): void {
    this.release();
    const late = this.answering || value !== this.kernelValue; // older values are still to be heard
    this.clock.cancelFrame(this.frame);
    this.clock.cancel(this.answering);
    this.engaged = false;
    this.next = undefined;
    this.frame = this.answering = 0;
    this.tell(value, true);
    if (this.kernelValue === undefined || !late) return;
    this.pending = this.clock.after(PENDING_MS, () => this.patience.pend(true));
    this.hold();
  }

  private hold(): void {
    this.holding = this.clock.after(HOLD_MS, () => {
      if (this.patience.waiting()) {
        this.hold();
        return;
      }
      this.release();
      if (this.kernelValue !== undefined) this.show(this.kernelValue);
    });
  }

  private tell(value: V, final: boolean): void {
    this.lastSent = value;
    this.send(value, final);
  }

  private flush(): void {
    this.frame = 0;
    if (this.answering || this.next === undefined) return;
    this.tell(this.next, false);
    this.next = undefined;
    this.answering = this.clock.after(ANSWER_MS, () => this.answered());
  }

  private answered(): void {
    this.clock.cancel(this.answering);
    this.answering = 0;
    if (this.next !== undefined) this.frame ||= this.clock.nextFrame(() => this.flush());
  }

  private release(): void {
    if (this.holding) this.patience.pend(false);
    this.clock.cancel(this.holding);
    this.clock.cancel(this.pending);
    this.holding = this.pending = 0;
  }
}
