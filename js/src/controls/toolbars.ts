// The controls of the lab, what a person sets and presses, built from the kernel's specifications.

import { element, write } from "../dom";
import { keyName, type Shortcut } from "../keys";
import type { Emit } from "../messages";
import { button, menu, toggle } from "./buttons";
import { segments, select } from "./choice";
import type { Control } from "./control";
import { slider } from "./slider";
import type {
  ButtonSpec,
  ControlChanges,
  ControlSpec,
  GroupSpec,
  Place,
  Shown,
  ToggleSpec,
} from "./specs";
import { field, status } from "./texts";

const BUTTONS = ["button", "toggle", "menu"];

export interface Toolbars {
  places: Record<Place, HTMLElement>;
  /** Unfolds what a narrow page has no room for, if anything is folded there. */
  fold: HTMLElement | null;
  /** The keys that press what is in sight. */
  shortcuts: Shortcut[];
  /** @param state - name of a control → what of it differs from its specification */
  update(state: Record<string, ControlChanges>): void;
}

/** @param waiting - whether the kernel has yet to answer what was asked last */
export function toolbars(groups: GroupSpec[], emit: Emit, waiting: () => boolean): Toolbars {
  const updates = new Map<string, (changes: ControlChanges) => void>();
  const shortcuts: Shortcut[] = [];
  const bar = (place: Place) => element("div", { class: `maml-lab-place maml-lab-place-${place}` });
  const places: Record<Place, HTMLElement> = {
    top: bar("top"),
    adaptation: bar("adaptation"),
    task: bar("task"),
    training: bar("training"),
  };
  for (const { place, name, controls } of groups) {
    const row = element("div", { class: `maml-lab-row${name && ` maml-lab-row-${name}`}` });
    let buttons: HTMLElement | undefined;
    for (const spec of controls) {
      const { node, update } = updatable(spec, emit, waiting);
      updates.set(spec.name, update);
      if (isPressed(spec) && spec.key) shortcuts.push(shortcutFor(spec, spec.key, node));
      if (!BUTTONS.includes(spec.kind)) {
        buttons = undefined;
        row.append(node);
        continue;
      }
      // buttons in succession stand, and wrap, together
      if (!buttons) {
        buttons = element("div", { class: "maml-lab-buttons" });
        row.append(buttons);
      }
      buttons.append(node);
    }
    places[place].append(row);
  }
  // where nothing is needed more than the rest, nothing is folded
  const folds = groups.some(({ controls }) => controls.some(({ essential }) => essential));
  const fold = folds ? folding(places.top) : null;
  // first: it stays below the pointer that has pressed it
  if (fold) places.top.firstElementChild?.prepend(fold);
  return {
    places,
    fold,
    shortcuts,
    update(state) {
      for (const [name, changes] of Object.entries(state)) updates.get(name)?.(changes);
    },
  };
}

function isPressed(spec: ControlSpec): spec is ButtonSpec | ToggleSpec {
  return spec.kind === "button" || spec.kind === "toggle";
}

/** Does what a click does, wherever the button is folded; one that is not shown has no key. */
function shortcutFor(spec: ButtonSpec | ToggleSpec, key: string, node: HTMLElement): Shortcut {
  const press = () => {
    if (!node.hidden) node.click();
  };
  return { key, words: spec.tooltip, repeats: !spec.debounce, press };
}

/** Unfolds, where the style sheet shows it, the controls that a narrow page has no room for. */
function folding(place: HTMLElement): HTMLElement {
  const about = "Show or hide all controls";
  const attributes = { type: "button", class: "maml-lab-fold", title: about };
  const button = element("button", attributes, "Controls");
  const fold = (open: boolean) => {
    place.classList.toggle("maml-lab-unfolded", open);
    button.ariaExpanded = String(open);
  };
  button.addEventListener("click", () => fold(button.ariaExpanded === "false"));
  button.setAttribute("aria-description", about);
  fold(false);
  return button;
}

/** One control; what a state leaves out is as in the specification. */
function updatable(spec: ControlSpec, emit: Emit, waiting: () => boolean) {
  const control = build(spec, emit, waiting);
  const { node } = control;
  node.classList.add("maml-lab-control", `maml-lab-${spec.kind}`);
  node.dataset.name = spec.name;
  const key = isPressed(spec) && spec.key;
  if (key) node.setAttribute("aria-keyshortcuts", key === " " ? "Space" : key);
  let last: string | undefined;
  const update = (changes: ControlChanges) => {
    const text = JSON.stringify(changes);
    if (text === last) return;
    const state = { ...spec, ...changes } as Shown<ControlSpec> & { label: string };
    const tooltip = "tooltip" in state ? state.tooltip : "";
    const about = (state.disabled && state.reason) || tooltip;
    const appears = last !== undefined && node.hidden && !state.hidden;
    node.hidden = Boolean(state.hidden);
    node.classList.toggle("maml-lab-essential", state.essential);
    if (appears) control.appear?.();
    node.title = key && !state.disabled ? `${about} (${keyName(key)})` : about;
    node.classList.toggle("maml-lab-unused", Boolean(state.disabled));
    if (control.label) write(control.label, state.label);
    control.show(state);
    for (const input of control.inputs()) {
      input.disabled = Boolean(state.disabled);
      input.setAttribute("aria-description", about);
    }
    last = text;
  };
  update({});
  return { node, update };
}

function build(spec: ControlSpec, emit: Emit, waiting: () => boolean): Control {
  switch (spec.kind) {
    case "slider":
      return slider(spec, emit, waiting);
    case "select":
      return select(spec, emit, waiting);
    case "segments":
      return segments(spec, emit, waiting);
    case "button":
      return button(spec, emit);
    case "toggle":
      return toggle(spec, emit);
    case "menu":
      return menu(spec, emit);
    case "text":
      return status(spec);
    case "field":
      return field(spec, emit, waiting);
  }
}
