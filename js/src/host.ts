// What a view of the lab needs of whatever holds its session: a kernel behind a comm
// (jupyter_host.ts), or a recording kept in a page.

import type { ControlChanges, GroupSpec } from "./controls/specs";
import type { Addressed, Incoming } from "./messages";
import type { Figure } from "./plots/figure";
import type { Plotly } from "./plots/plotly";

export type Unsubscribe = () => void;

/** Carries messages to the session and back. */
export interface Channel {
  send(message: Addressed): void;
  onMessage(listener: (message: Incoming, buffers: DataView[]) => void): Unsubscribe;
}

/** What all views of a session show alike. */
export interface LabState {
  controls: GroupSpec[];
  /** Name of a control → what of it differs from its specification. */
  state: Record<string, ControlChanges>;
  /** Colour on a light theme → colour on a dark one. */
  dark: Record<string, string>;
  /** Colour on a light theme → colour for a projector, with large type. */
  room: Record<string, string>;
  /** The picture that a page begins with; empty once the session has sent a later one. */
  first: { figures?: Record<string, Figure>; buffers?: DataView[] };
  large: boolean;
  /** The inner step that all panels show; null for all steps. */
  inner_step: number | null;
  /** Whether something is lost with the session. */
  trained: boolean;
}

/** "apart" may pass; a session that has "ended" does not return. */
export type Connection = "live" | "apart" | "ended";

export interface Host extends Channel {
  /** The same object for all views of a lab on this page. */
  lab: object;
  get<Name extends keyof LabState>(name: Name): LabState[Name];
  onChange(name: keyof LabState, listener: () => void): Unsubscribe;
  onConnection(listener: (connection: Connection) => void): Unsubscribe;
  /** Puts another still picture into the saved outputs around the lab that contain a mark. */
  replaceStill(mark: string, html: string): void;
  /** Keeps a session that something is at stake in until its page has really gone. */
  keepWhileAsking?(atStake: () => boolean, signal: AbortSignal): void;
  /** The plotting library; `signal` says that nobody waits for it any longer. */
  plotly(signal: AbortSignal): Promise<Plotly>;
}
