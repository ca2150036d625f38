// What a page and its session say to each other.

import type { Value } from "./controls/specs";
import type { Figure, FigureChanges } from "./plots/figure";

export interface SetMessage {
  kind: "set";
  name: string;
  value: Value | undefined;
  /** False during a drag. */
  final: boolean;
}

export interface PressMessage {
  kind: "press";
  name: string;
}

export interface SupportMessage {
  kind: "support";
  action: "add" | "move" | "remove";
  index: number | null;
  x: number;
  y: number;
  final: boolean;
}

export interface LookMessage {
  kind: "look";
  meta_step: number;
}

/** A point of a trace that can be picked: of a cell its number, row by row. */
export interface PickMessage {
  kind: "pick";
  name: string;
  index: number;
}

export interface PictureMessage {
  kind: "picture";
  images: Record<string, string>;
}

export interface DrawnMessage {
  kind: "drawn";
  number: number;
}

export interface ReadyMessage {
  kind: "ready";
}

/** The view has gone with its cell or its output, not with its page. */
export interface GoneMessage {
  kind: "gone";
}

/** The answer of a view to a roll call. */
export interface HereMessage {
  kind: "here";
}

/** Not part of what a view says: its host sends for the library that it needs. */
export interface LibraryRequest {
  kind: "library";
  view: string;
}

export type Outgoing =
  | SetMessage
  | PressMessage
  | SupportMessage
  | LookMessage
  | PickMessage
  | PictureMessage
  | DrawnMessage
  | ReadyMessage
  | GoneMessage
  | HereMessage;

/** A message with the view that sends it and the number of questions that the view has asked. */
export type Addressed = Outgoing & { view: string; asked: number };

export type Emit = (message: Outgoing) => void;

/** View → the number of its questions that a picture answers. */
type Answers = Record<string, number>;

export interface WholeMessage {
  kind: "whole";
  number: number;
  answers: Answers;
  figures: Record<string, Figure>;
}

export interface ChangesMessage {
  kind: "changes";
  number: number;
  answers: Answers;
  figures: Record<string, FigureChanges>;
}

export type PlotMessage = WholeMessage | ChangesMessage;

export interface ExportMessage {
  kind: "export";
  view: string;
  filename: string;
  format: "png" | "svg";
  scale: number;
}

export interface SnapshotMessage {
  kind: "snapshot";
  view: string;
}

export interface CopyMessage {
  kind: "copy";
  view: string;
  text: string;
}

export interface FileMessage {
  kind: "file";
  view: string;
  filename: string;
}

/** The library that a view has asked for is the only content of the message's buffers. */
export interface LibraryMessage {
  kind: "library";
}

/** Another still picture for the notebook's outputs that contain a mark. */
export interface StillMessage {
  kind: "still";
  mark: string;
  html: string;
}

/** All views answer that they are there. */
export interface RollMessage {
  kind: "roll";
}

export interface AttendMessage {
  kind: "attend";
  view: string;
}

export type Incoming =
  | PlotMessage
  | ExportMessage
  | SnapshotMessage
  | CopyMessage
  | FileMessage
  | StillMessage
  | RollMessage
  | AttendMessage;

const QUESTIONS = new Set(["set", "press", "support", "look", "pick"]);

/** Whether a person waits for what follows from a message. */
export function isQuestion(message: Outgoing): boolean {
  return QUESTIONS.has(message.kind);
}

/** Whether a message only ends a drag whose last value has been sent already. */
export function endsDrag(message: Outgoing, last: Outgoing | null): boolean {
  if (message.kind !== "set" || last?.kind !== "set") return false;
  const ends = message.final && !last.final;
  return ends && message.name === last.name && message.value === last.value;
}
