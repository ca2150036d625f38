import type { Clock } from "../src/clock";

interface Timer {
  at: number;
  run: () => void;
}

/** A clock whose hands a test turns. */
export class FakeClock implements Clock {
  private time = 1000;
  private count = 0;
  private readonly timers = new Map<number, Timer>();
  private frames = new Map<number, () => void>();

  now(): number {
    return this.time;
  }

  after(ms: number, run: () => void): number {
    this.count += 1;
    this.timers.set(this.count, { at: this.time + ms, run });
    return this.count;
  }

  cancel(timer: number): void {
    this.timers.delete(timer);
  }

  nextFrame(run: () => void): number {
    this.count += 1;
    this.frames.set(this.count, run);
    return this.count;
  }

  cancelFrame(frame: number): void {
    this.frames.delete(frame);
  }

  /** Lets time pass, and the timers of that time run. */
  pass(ms: number): void {
    this.time += ms;
    for (const [id, { at, run }] of [...this.timers]) {
      if (at > this.time) continue;
      this.timers.delete(id);
      run();
    }
  }

  /** Draws a frame. */
  frame(): void {
    const due = this.frames;
    this.frames = new Map();
    for (const run of due.values()) run();
  }

  get waiting(): number {
    return this.timers.size + this.frames.size;
  }
}
