import { beforeEach, describe, expect, it } from "vitest";
import type { Addressed, SetMessage } from "../src/messages";
import { END_MS, Outbox } from "../src/outbox";
import { FakeClock } from "./fake_clock";

let clock: FakeClock;
let sent: Addressed[];
let expected: number[];
let outbox: Outbox;

const set = (value: number, final: boolean, name = "alpha"): SetMessage => ({
  kind: "set",
  name,
  value,
  final,
});

beforeEach(() => {
  clock = new FakeClock();
  [sent, expected] = [[], []];
  outbox = new Outbox(
    "a view",
    (message) => sent.push(message),
    (asked) => expected.push(asked),
    clock,
  );
});

describe("what a view sends", () => {
  it("names the view and counts what it asks", () => {
    outbox.emit({ kind: "ready" });
    outbox.emit({ kind: "press", name: "play" });
    outbox.emit({ kind: "look", meta_step: 3 });
    outbox.emit({ kind: "drawn", number: 1 });
    expect(sent.map(({ kind, asked }) => [kind, asked])).toEqual([
      ["ready", 0],
      ["press", 1],
      ["look", 2],
      ["drawn", 2],
    ]);
    expect(sent.every(({ view }) => view === "a view")).toBe(true);
    expect(expected).toEqual([1, 2]);
  });

  it("lets plots follow a support point without an answer", () => {
    outbox.emit({ kind: "support", action: "add", index: null, x: 1, y: 2, final: true });
    expect(sent[0].asked).toBe(1);
    expect(expected).toEqual([]);
  });

  it("stops while nobody listens", () => {
    outbox.close(true);
    outbox.emit({ kind: "press", name: "play" });
    outbox.close(false);
    outbox.emit({ kind: "press", name: "step" });
    expect(sent.map((message) => message.kind === "press" && message.name)).toEqual(["step"]);
  });
});

describe("the end of a drag", () => {
  it("lets the answer to its last value pass, and asks nothing", () => {
    outbox.emit(set(1, false));
    outbox.emit(set(1, true));
    clock.pass(END_MS - 1);
    expect(sent).toHaveLength(1);
    clock.pass(1);
    expect(sent[1]).toMatchObject({ value: 1, final: true, asked: 1 });
    expect(expected).toEqual([1]);
  });

  it("goes before what follows", () => {
    outbox.emit(set(1, false));
    outbox.emit(set(1, true));
    outbox.emit({ kind: "press", name: "play" });
    expect(sent.map(({ kind }) => kind)).toEqual(["set", "set", "press"]);
    clock.pass(END_MS);
    expect(sent).toHaveLength(3);
  });

  it.each([
    ["another value", set(2, true)],
    ["another control", set(1, true, "beta")],
    ["the drag itself", set(1, false)],
  ])("is not %s", (_, message) => {
    outbox.emit(set(1, false));
    outbox.emit(message);
    expect(sent).toHaveLength(2);
    expect(expected).toEqual([1, 2]);
  });

  it("is not the same value once more", () => {
    outbox.emit(set(1, true));
    outbox.emit(set(1, true));
    expect(sent).toHaveLength(2);
    expect(expected).toEqual([1, 2]);
  });

  it("is not sent to nobody", () => {
    outbox.emit(set(1, false));
    outbox.emit(set(1, true));
    outbox.close(true);
    clock.pass(END_MS);
    expect(sent).toHaveLength(1);
  });
});
