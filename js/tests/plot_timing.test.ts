import { beforeEach, describe, expect, it } from "vitest";
import { ASIDE_ASKED_MS, ASIDE_MS, Aside } from "../src/plots/aside";
import { RECEIPT_MS, Receipts } from "../src/plots/receipts";
import { FakeClock } from "./fake_clock";

let clock: FakeClock;
let done: unknown[];

beforeEach(() => {
  clock = new FakeClock();
  done = [];
});

describe("what changes next to the plots", () => {
  it("is done with the next plot, and only the latest of it", () => {
    const aside = new Aside(clock);
    aside.offer(() => done.push("old"), false);
    aside.offer(() => done.push("new"), false);
    aside.catchUp();
    aside.catchUp();
    clock.pass(ASIDE_MS);
    expect(done).toEqual(["new"]);
  });

  it.each([
    [false, ASIDE_MS],
    [true, ASIDE_ASKED_MS],
  ])("waits for a plot a moment only (asked: %s)", (asked, ms) => {
    const aside = new Aside(clock);
    aside.offer(() => done.push("words"), asked);
    clock.pass(ms - 1);
    expect(done).toEqual([]);
    clock.pass(1);
    expect(done).toEqual(["words"]);
  });

  it("is not done on a page that has gone", () => {
    const aside = new Aside(clock);
    aside.offer(() => done.push("words"), false);
    aside.stop();
    clock.pass(ASIDE_MS);
    expect(done).toEqual([]);
  });
});

describe("a receipt", () => {
  it("is sent at once, and the next after a while with the latest number", () => {
    const receipts = new Receipts((number) => done.push(number), clock);
    receipts.confirm(1);
    receipts.confirm(2);
    receipts.confirm(3);
    expect(done).toEqual([1]);
    clock.pass(RECEIPT_MS);
    expect(done).toEqual([1, 3]);
  });

  it("is not sent twice", () => {
    const receipts = new Receipts((number) => done.push(number), clock);
    receipts.confirm(1);
    clock.pass(RECEIPT_MS);
    receipts.confirm(1);
    expect(done).toEqual([1]);
    expect(clock.waiting).toBe(0);
  });
});
