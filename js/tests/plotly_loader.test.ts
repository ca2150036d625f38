import { beforeEach, describe, expect, it, vi } from "vitest";
import { ANSWER_MS, plotlyLibrary, providePlotly } from "../src/plots/plotly_loader";
import { FakeClock } from "./fake_clock";

let clock: FakeClock;
let digest: string;
let number = 0;

beforeEach(() => {
  clock = new FakeClock();
  number += 1;
  digest = `library ${number}`;
});

const view = (ask: () => void, gone = new AbortController()) => {
  // what is no library is an error, which is for views that draw
  plotlyLibrary(digest, ask, clock, gone.signal).catch(() => {});
  return gone;
};

describe("a page without the library", () => {
  it("asks once for all its views", () => {
    const [one, other] = [vi.fn(), vi.fn()];
    view(one);
    view(other);
    expect([one, other].map((ask) => ask.mock.calls.length)).toEqual([1, 0]);
  });

  it("asks a second kernel where the first does not answer", () => {
    const [dead, alive] = [vi.fn(), vi.fn()];
    const gone = view(dead);
    view(alive);
    gone.abort();
    clock.pass(ANSWER_MS);
    expect([dead, alive].map((ask) => ask.mock.calls.length)).toEqual([1, 1]);
  });

  it("asks no more once it has it, or nobody waits for it", () => {
    const ask = vi.fn();
    const gone = view(ask);
    gone.abort();
    view(ask);
    providePlotly(digest, "");
    clock.pass(3 * ANSWER_MS);
    expect(ask).toHaveBeenCalledTimes(1);
  });
});
