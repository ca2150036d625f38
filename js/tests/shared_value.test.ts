import { beforeEach, describe, expect, it } from "vitest";
import { ANSWER_MS, HOLD_MS, PENDING_MS, SharedValue } from "../src/controls/shared_value";
import { FakeClock } from "./fake_clock";

let clock: FakeClock;
let sent: [value: number, final: boolean][];
let shown: number[];
let value: SharedValue<number>;

beforeEach(() => {
  clock = new FakeClock();
  [sent, shown] = [[], []];
  const send = (one: number, final: boolean) => sent.push([one, final]);
  value = new SharedValue<number>(send, (one) => shown.push(one), clock);
  value.hear(0);
});

describe("a drag", () => {
  it("has one message unanswered, and the latest value wins", () => {
    for (const one of [1, 2, 3]) value.offer(one);
    expect(sent).toEqual([[1, false]]);
    value.hear(1);
    clock.frame();
    expect(sent).toEqual([
      [1, false],
      [3, false],
    ]);
  });

  it("sends at most once a frame", () => {
    value.offer(1);
    value.offer(2);
    value.hear(1);
    value.offer(3);
    expect(sent).toHaveLength(1);
    clock.frame();
    expect(sent[1]).toEqual([3, false]);
  });

  it("does not wait for long", () => {
    value.offer(1);
    value.offer(2);
    clock.pass(ANSWER_MS - 1);
    clock.frame();
    expect(sent).toHaveLength(1);
    clock.pass(1);
    clock.frame();
    expect(sent[1]).toEqual([2, false]);
  });

  it("takes what it hears for other reasons for no answer", () => {
    value.offer(1);
    value.offer(2);
    value.hear(0);
    clock.frame();
    expect(sent).toHaveLength(1);
  });

  it("is not moved by what the kernel says", () => {
    value.offer(1);
    value.hear(1);
    value.hear(7);
    expect(shown).toEqual([0]);
  });

  it("ends with the value that is meant, and sends nothing after it", () => {
    value.offer(1);
    value.offer(2);
    value.settle(3);
    clock.pass(ANSWER_MS);
    clock.frame();
    expect(sent).toEqual([
      [1, false],
      [3, true],
    ]);
  });

  it("gives way to the kernel after the answer to its end", () => {
    value.offer(1);
    value.settle(2);
    value.hear(1); // older, and still on its way
    expect(shown).toEqual([0]);
    value.hear(2);
    value.hear(5);
    expect(shown).toEqual([0, 2, 5]);
  });
});

describe("a value that is meant", () => {
  it("is put back if the kernel does not take it", () => {
    value.settle(-1);
    clock.pass(HOLD_MS - 1);
    expect(shown).toEqual([0]);
    clock.pass(1);
    expect(shown).toEqual([0, 0]);
  });

  it("stays if the kernel takes it", () => {
    value.settle(2);
    value.hear(2);
    clock.pass(HOLD_MS);
    expect(shown).toEqual([0, 2]);
    expect(clock.waiting).toBe(0);
  });

  it("stays, and looks pending, as long as the kernel is busy", () => {
    let busy = true;
    const pending: boolean[] = [];
    const patience = { waiting: () => busy, pend: (on: boolean) => pending.push(on) };
    const slow = new SharedValue<number>(
      () => {},
      (one) => shown.push(one),
      clock,
      patience,
    );
    slow.hear(0);
    shown = [];
    slow.settle(2);
    clock.pass(PENDING_MS - 1);
    expect(pending).toEqual([]);
    clock.pass(1);
    expect(pending).toEqual([true]);
    clock.pass(5 * HOLD_MS);
    slow.hear(0); // said before it had heard of the choice
    expect(shown).toEqual([]);
    slow.hear(2);
    expect([shown, pending]).toEqual([[2], [true, false]]);
    slow.settle(-1);
    clock.pass(HOLD_MS);
    busy = false; // it has answered, and not taken the choice
    clock.pass(HOLD_MS);
    expect([shown, pending.at(-1), clock.waiting]).toEqual([[2, 2], false, 0]);
  });

  it("is sent again though it is the same", () => {
    value.settle(0);
    expect(sent).toEqual([[0, true]]);
    expect(clock.waiting).toBe(0);
  });

  it("holds nothing before the kernel has said anything", () => {
    const fresh = new SharedValue<number>(
      () => {},
      () => {},
      clock,
    );
    fresh.hear(undefined);
    fresh.settle(1);
    expect(clock.waiting).toBe(0);
  });
});
