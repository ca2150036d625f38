// Numbers of a slider by position, and where keys lead.

export interface Range {
  low: number;
  high: number;
  scale: "log" | "linear";
  whole: boolean;
}

const DECADE = 100; // positions per power of ten
const PLAIN = 200; // positions of a linear scale

export class Scale {
  readonly low: number;
  readonly high: number;
  /** The last position; the first is 0. */
  readonly count: number;
  private readonly log: boolean;
  private readonly whole: boolean;
  private readonly span: number;

  constructor({ low, high, scale, whole }: Range) {
    this.low = low;
    this.high = high;
    this.log = scale === "log";
    this.whole = whole;
    this.span = this.log ? Math.log10(high / low) : high - low;
    const linear = whole ? this.span : PLAIN;
    this.count = Math.max(1, this.log ? Math.round(DECADE * this.span) : linear);
  }

  value(position: number): number {
    const share = (position / this.count) * this.span;
    const value = this.log ? this.low * 10 ** share : this.low + share;
    return this.whole ? Math.round(value) : Number(value.toPrecision(3));
  }

  /** The nearest position of a value, which may lie beyond the slider. */
  position(value: number): number {
    const share = this.log ? Math.log10(Math.max(value, this.low) / this.low) : value - this.low;
    return this.within(Math.round((share / this.span) * this.count));
  }

  /**
   * Where a key leads from a position at which a value is shown.
   *
   * @returns undefined for other keys, and beyond the slider where it leads no further
   */
  keyTarget(key: string, position: number, shown: number | undefined): number | undefined {
    const by = this.keyStep(key);
    if (by === undefined) return undefined;
    let target = this.within(position + by);
    // small whole numbers lie many positions apart
    while (this.whole && this.value(target) === shown && target % this.count) {
      target += Math.sign(by);
    }
    const beyond = shown !== undefined && (shown < this.low || shown > this.high);
    return beyond && target === position ? undefined : target;
  }

  /** By how many positions a key moves; undefined for other keys. */
  keyStep(key: string): number | undefined {
    const page = Math.max(1, Math.round(this.log ? DECADE / 3 : this.count / 10));
    const steps = new Map([
      ["ArrowRight", 1],
      ["ArrowUp", 1],
      ["ArrowLeft", -1],
      ["ArrowDown", -1],
      ["PageUp", page],
      ["PageDown", -page],
      ["Home", -Infinity],
      ["End", Infinity],
    ]);
    return steps.get(key);
  }

  private within(position: number): number {
    return Math.min(this.count, Math.max(0, position));
  }
}
