import { beforeEach, describe, expect, it } from "vitest";
import { AWAITED_MS, OVERDUE_MS, Turns } from "../src/plots/turns";
import { FakeClock } from "./fake_clock";

let clock: FakeClock;
let turns: Turns;

interface Plot {
  name: string;
  drawable: boolean;
  since: number;
}

const plot = (name: string): Plot => ({ name, drawable: true, since: clock.now() });

beforeEach(() => {
  clock = new FakeClock();
  turns = new Turns(clock);
});

describe("the next plot", () => {
  it("is the first that has changed", () => {
    const still = { ...plot("adaptation"), drawable: false };
    expect(turns.next([still, plot("task"), plot("training")])?.name).toBe("task");
    expect(turns.next([still])).toBeUndefined();
  });

  it("is one that has waited for long", () => {
    const training = plot("training");
    clock.pass(OVERDUE_MS + 1);
    expect(turns.next([plot("adaptation"), training])).toBe(training);
    turns.expect(1);
    expect(turns.next([plot("adaptation"), training])).toBe(training);
  });
});

describe("what a person asks", () => {
  it("goes before what plays", () => {
    turns.expect(1);
    expect(turns.next([plot("training")])).toBeUndefined();
    turns.hear(1);
    expect(turns.next([plot("training")])?.name).toBe("training");
  });

  it("is waited for though an older answer comes", () => {
    turns.expect(2);
    turns.hear(1);
    expect(turns.next([plot("training")])).toBeUndefined();
  });

  it("is waited for a while only, and not again", () => {
    turns.expect(1);
    clock.pass(AWAITED_MS + 1);
    expect(turns.next([plot("training")])?.name).toBe("training");
    turns.begin();
    turns.resume();
    expect(turns.next([plot("training")])?.name).toBe("training");
  });

  it("lets the curve be drawn that has come, as in a drag", () => {
    turns.expect(1);
    turns.hear(1);
    turns.expect(2); // the next move, before the frame in which the curve is drawn
    expect(turns.next([plot("adaptation")])?.name).toBe("adaptation");
    turns.begin();
    turns.resume();
    expect(turns.next([plot("training")])).toBeUndefined();
  });

  it("is recent for as long as it is waited for", () => {
    expect(turns.recent).toBe(false);
    turns.expect(1);
    expect(turns.recent).toBe(true);
    clock.pass(AWAITED_MS);
    expect(turns.recent).toBe(false);
  });
});
