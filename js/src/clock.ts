// Time as the lab's parts ask for it, so a test can turn the hands itself.

export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  after(ms: number, run: () => void): number;
  cancel(timer: number): void;
  nextFrame(run: () => void): number;
  cancelFrame(frame: number): void;
}

export const pageClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => window.setTimeout(run, ms),
  cancel: (timer) => window.clearTimeout(timer),
  nextFrame: (run) => window.requestAnimationFrame(run),
  cancelFrame: (frame) => window.cancelAnimationFrame(frame),
};
