import { describe, expect, it } from "vitest";
import type { Incoming } from "../src/messages";
import { changesTo, type Frame, nearestFrame, RecordedHost, wholeAt } from "../src/recorded_host";
import { FakeClock } from "./fake_clock";

const first = { data: [{ type: "scatter", y: [0], name: "a" }, { type: "bar" }], layout: { t: 1 } };
const at = (y: number) => ({ traces: [[0, { y: [y] }]] as never, layout: {} });
const named = { traces: [[0, { name: "b" }]] as never, layout: { t: null, u: 2 } };

describe("a figure at a frame", () => {
  it("is the first one with what differs", () => {
    expect(wholeAt(first, at(5))).toEqual({
      data: [{ type: "scatter", y: [5], name: "a" }, { type: "bar" }],
      layout: { t: 1 },
    });
    expect(first.data[0]).toMatchObject({ y: [0] });
  });

  it("changes to another in what differs of either", () => {
    expect(changesTo(first, at(5), named)).toEqual({
      traces: [[0, { y: [0], name: "b" }]],
      layout: { t: null, u: 2 },
    });
    expect(changesTo(first, named, at(5))).toEqual({
      traces: [[0, { name: "a", y: [5] }]],
      layout: { t: 1, u: null },
    });
  });

  it("is redrawn where it is of another kind", () => {
    const whole = { whole: { data: [], layout: {} } };
    expect(changesTo(first, at(1), whole)).toBeNull();
    expect(changesTo(first, whole, whole)).toEqual({ traces: [], layout: {} });
    expect(wholeAt(first, whole)).toBe(whole.whole);
  });
});

it("goes to the nearest meta-step that was recorded", () => {
  const frames = [0, 10, 30].map((meta_step) => ({ meta_step }));
  expect([-4, 4, 6, 19, 21, 99].map((step) => nearestFrame(frames, step))).toEqual([
    0, 0, 1, 1, 2, 2,
  ]);
});

describe("a recorded host", () => {
  const frames: Frame[] = [0, 10, 20].map((meta_step) => ({
    meta_step,
    figures: { task: at(meta_step) },
    state: { look: { value: meta_step }, shown_step: { high: meta_step ? 2 : 1 } },
  }));
  const begin = () => {
    const clock = new FakeClock();
    const recording = { controls: [], first: { task: first }, frames, dark: {}, room: {} };
    const never = new Promise<never>(() => {});
    const host = new RecordedHost(recording, new DataView(new ArrayBuffer(0)), () => never, clock);
    const heard: Incoming[] = [];
    host.onMessage((message) => heard.push(message));
    const ask = (message: object) => host.send({ view: "v", asked: 1, ...message } as never);
    const draw = () => {
      const last = heard[heard.length - 1] as { number: number };
      host.send({ kind: "drawn", number: last.number, view: "v", asked: 1 });
    };
    return { host, heard, ask, draw, clock };
  };
  const shown = (host: RecordedHost) => host.get("state").look.value;

  it("answers each question, and goes where it is sent", () => {
    const { host, heard, ask } = begin();
    ask({ kind: "ready", asked: 0 });
    ask({ kind: "set", name: "look", value: 14, final: true });
    expect(shown(host)).toBe(10);
    expect(heard[1]).toMatchObject({
      kind: "changes",
      number: 2,
      answers: { v: 1 },
      figures: { task: { traces: [[0, { y: [10] }]] } },
    });
    ask({ kind: "look", meta_step: 0, asked: 2 });
    expect(shown(host)).toBe(0);
    expect(heard[2]).toMatchObject({ answers: { v: 2 } });
  });

  it("plays frame by frame, no faster than they are drawn, and ends", () => {
    const { host, ask, draw, clock } = begin();
    ask({ kind: "press", name: "play" });
    expect(host.get("state").play).toMatchObject({ label: "Pause" });
    clock.pass(1000);
    expect(shown(host)).toBe(0);
    draw();
    clock.pass(1);
    expect(shown(host)).toBe(10);
    draw();
    clock.pass(99);
    expect(shown(host)).toBe(10);
    clock.pass(1);
    expect(shown(host)).toBe(20);
    expect(host.get("state").play).toEqual({});
    ask({ kind: "press", name: "play" });
    expect(shown(host)).toBe(0);
    ask({ kind: "press", name: "play" });
    draw();
    clock.pass(500);
    expect(shown(host)).toBe(0);
  });

  it("shows one inner step or all, of those that there are", () => {
    const { host, ask } = begin();
    ask({ kind: "set", name: "look", value: 10, final: true });
    ask({ kind: "set", name: "shown_step", value: 2, final: true });
    expect(host.get("inner_step")).toBe(2);
    ask({ kind: "set", name: "look", value: 0, final: true });
    expect(host.get("inner_step")).toBe(1);
    expect(host.get("state").all_steps).toEqual({ pressed: false });
    ask({ kind: "press", name: "all_steps" });
    expect(host.get("inner_step")).toBeNull();
    expect(host.get("state").shown_step).toEqual({ high: 1, value: 1 });
  });
});
