// A recording as host: what a session showed at many meta-steps, in the page itself
// (labkit/widgets/replay_page.py), for the same front end as in a notebook.

import type { Clock } from "./clock";
import type { ControlChanges, GroupSpec } from "./controls/specs";
import type { Host, LabState } from "./host";
import type { Addressed, Incoming, PlotMessage } from "./messages";
import type { Figure, FigureChanges } from "./plots/figure";
import type { Plotly } from "./plots/plotly";

/** Between two frames while it plays, unless the page takes longer to draw one. */
const FRAME_MS = 100;

type FrameFigure = FigureChanges | { whole: Figure };

export interface Frame {
  meta_step: number;
  /** Panel → what differs from the first frame. */
  figures: Record<string, FrameFigure>;
  state: Record<string, ControlChanges>;
}

/** Numbers of arrays are in one buffer, as in a message. */
export interface Recording {
  controls: GroupSpec[];
  first: Record<string, Figure>;
  frames: Frame[];
  dark: Record<string, string>;
  room: Record<string, string>;
}

/** A figure at a frame, whatever is shown now. */
export function wholeAt(first: Figure, at: FrameFigure): Figure {
  if ("whole" in at) return at.whole;
  const data = [...first.data];
  for (const [index, changes] of at.traces) data[index] = { ...data[index], ...changes };
  return { data, layout: { ...first.layout, ...at.layout } };
}

/** What changes from one frame to another; null where the whole figure has to be redrawn. */
export function changesTo(first: Figure, from: FrameFigure, to: FrameFigure): FigureChanges | null {
  if ("whole" in from || "whole" in to) return from === to ? { traces: [], layout: {} } : null;
  const goal = wholeAt(first, to);
  const indexes = new Set([...from.traces, ...to.traces].map(([index]) => index));
  const changed = ({ traces }: FigureChanges, wanted: number) =>
    Object.keys(traces.find(([index]) => index === wanted)?.[1] ?? {});
  const traces = [...indexes].map((index): [number, Record<string, unknown>] => {
    const names = [...changed(from, index), ...changed(to, index)];
    const trace = goal.data[index] as unknown as Record<string, unknown>;
    return [index, Object.fromEntries(names.map((name) => [name, trace[name] ?? null]))];
  });
  const names = [...Object.keys(from.layout), ...Object.keys(to.layout)];
  const layout = Object.fromEntries(names.map((name) => [name, goal.layout[name] ?? null]));
  return { traces, layout };
}

/** The frame of the nearest recorded meta-step. */
export function nearestFrame(frames: Pick<Frame, "meta_step">[], wanted: number): number {
  const away = frames.map(({ meta_step }) => Math.abs(meta_step - wanted));
  return away.indexOf(Math.min(...away));
}

export class RecordedHost implements Host {
  readonly lab = {};
  private readonly values: LabState;
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly hearers = new Set<(message: Incoming, buffers: DataView[]) => void>();
  private readonly answers: Record<string, number> = {};
  private current = 0;
  private playing = false;
  private step: number | null = null;
  /** Number of the last message, and when it was sent. */
  private sent = 0;
  private sentAt = 0;

  constructor(
    private readonly recording: Recording,
    private readonly arrays: DataView,
    private readonly library: (signal: AbortSignal) => Promise<Plotly>,
    private readonly clock: Clock,
  ) {
    const { controls, dark, room } = recording;
    const first = { figures: recording.first, buffers: [arrays] };
    const rest = { large: false, inner_step: null, trained: false };
    this.values = { controls, dark, room, first, state: {}, ...rest };
    this.values.state = this.state();
  }

  get<Name extends keyof LabState>(name: Name): LabState[Name] {
    return this.values[name];
  }

  onChange(name: keyof LabState, listener: () => void): () => void {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  onMessage(listener: (message: Incoming, buffers: DataView[]) => void): () => void {
    this.hearers.add(listener);
    return () => this.hearers.delete(listener);
  }

  onConnection(): () => void {
    return () => {};
  }

  replaceStill(): void {}

  plotly(signal: AbortSignal): Promise<Plotly> {
    return this.library(signal);
  }

  send(message: Addressed): void {
    if (message.asked) this.answers[message.view] = message.asked;
    switch (message.kind) {
      case "ready":
        this.post({ kind: "whole", figures: this.whole() });
        return;
      case "drawn":
        if (message.number === this.sent) this.playOn();
        return;
      case "look":
        this.goTo(nearestFrame(this.recording.frames, message.meta_step));
        return;
      case "set":
        if (message.name === "look") {
          this.playing = false;
          this.goTo(nearestFrame(this.recording.frames, Number(message.value)));
        } else {
          if (message.name === "shown_step") this.show(Number(message.value));
          this.answer();
        }
        return;
      case "press":
        this.press(message.name);
    }
  }

  private press(name: string): void {
    if (name === "play") {
      this.playing = !this.playing;
      const ended = this.current === this.recording.frames.length - 1;
      if (this.playing && ended) this.goTo(0);
      else this.answer();
      return;
    }
    if (name === "large") this.change("large", !this.values.large);
    if (name === "all_steps") this.show(this.step === null ? this.steps() : null);
    this.answer();
  }

  private playOn(): void {
    if (!this.playing) return;
    const left = Math.max(0, this.sentAt + FRAME_MS - this.clock.now());
    const { sent } = this;
    this.clock.after(left, () => {
      if (!this.playing || this.sent !== sent) return;
      const next = this.current + 1;
      this.playing = next < this.recording.frames.length - 1;
      this.goTo(Math.min(next, this.recording.frames.length - 1));
    });
  }

  private steps(): number {
    const { state } = this.recording.frames[this.current];
    return Number(state.shown_step?.high ?? 1);
  }

  private show(step: number | null): void {
    this.step = step === null ? null : Math.min(step, this.steps());
    this.change("inner_step", this.step);
  }

  private goTo(frame: number): void {
    const { first, frames } = this.recording;
    const pairs = Object.keys(first).map((name): [string, FigureChanges | null] => [
      name,
      changesTo(first[name], frames[this.current].figures[name], frames[frame].figures[name]),
    ]);
    this.current = frame;
    if (this.step !== null) this.show(this.step);
    this.change("state", this.state());
    if (pairs.some(([, changes]) => !changes)) {
      this.post({ kind: "whole", figures: this.whole() });
      return;
    }
    this.post({ kind: "changes", figures: Object.fromEntries(pairs) as never });
  }

  /** Tells that what was asked for has been done. */
  private answer(): void {
    this.change("state", this.state());
    this.post({ kind: "changes", figures: {} });
  }

  private whole(): Record<string, Figure> {
    const { first, frames } = this.recording;
    const { figures } = frames[this.current];
    return Object.fromEntries(
      Object.entries(first).map(([name, figure]) => [name, wholeAt(figure, figures[name])]),
    );
  }

  private state(): Record<string, ControlChanges> {
    const { state } = this.recording.frames[this.current];
    return {
      ...state,
      play: this.playing ? { label: "Pause", icon: "pause" } : {},
      large: { pressed: this.values?.large ?? false },
      shown_step: { ...state.shown_step, value: this.step ?? this.steps() },
      all_steps: { pressed: this.step === null },
    };
  }

  private change<Name extends keyof LabState>(name: Name, value: LabState[Name]): void {
    this.values[name] = value;
    for (const listener of this.listeners.get(name) ?? []) listener();
  }

  private post(message: Pick<PlotMessage, "kind" | "figures">): void {
    this.sent += 1;
    this.sentAt = this.clock.now();
    const whole = { ...message, number: this.sent, answers: { ...this.answers } } as Incoming;
    for (const hearer of this.hearers) hearer(whole, [this.arrays]);
  }
}
