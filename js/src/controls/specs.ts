// Controls as the kernel describes them; labkit/widgets/controls.py says what each field means.

export type Value = string | number | boolean | null;
export type Option = [value: Value, words: string];

export type Place = "top" | "adaptation" | "task" | "training";

interface Named {
  name: string;
  essential: boolean;
}

interface Labelled extends Named {
  label: string;
  tooltip: string;
}

export interface TextSpec extends Named {
  kind: "text";
  live: boolean;
}

export interface SliderSpec extends Labelled {
  kind: "slider";
  low: number;
  high: number;
  scale: "log" | "linear";
  whole: boolean;
}

interface Choice extends Labelled {
  options: Option[];
  /** What choosing does, where it is asked for first. */
  confirm?: string;
}

export interface SelectSpec extends Choice {
  kind: "select";
}

export interface SegmentsSpec extends Choice {
  kind: "segments";
}

export type ChoiceSpec = SelectSpec | SegmentsSpec;

export interface Pressable extends Labelled {
  icon?: string;
  primary: boolean;
  compact: boolean;
  debounce: boolean;
  /** Presses it while the focus is in the lab, as in KeyboardEvent.key. */
  key?: string;
}

export interface ButtonSpec extends Pressable {
  kind: "button";
}

export interface ToggleSpec extends Pressable {
  kind: "toggle";
}

export interface MenuSpec extends Pressable {
  kind: "menu";
  items: Option[];
}

export interface FieldSpec extends Labelled {
  kind: "field";
}

export type ControlSpec =
  | TextSpec
  | SliderSpec
  | SelectSpec
  | SegmentsSpec
  | ButtonSpec
  | ToggleSpec
  | MenuSpec
  | FieldSpec;

export interface GroupSpec {
  place: Place;
  name: string;
  controls: ControlSpec[];
}

interface Condition {
  value?: Value;
  disabled?: boolean;
  /** Why it is disabled. */
  reason?: string;
  hidden?: boolean;
  pressed?: boolean;
  tone?: string;
}

/** A specification with what a state has put in its place. */
export type Shown<Spec extends ControlSpec> = Spec & Condition;

export type ControlChanges = Record<string, unknown>;
