// What all kinds of controls have.

import { element } from "../dom";
import type { ControlSpec, Shown } from "./specs";

export interface Control<Spec extends ControlSpec = ControlSpec> {
  node: HTMLElement;
  label?: HTMLElement;
  /** What is disabled with the control. */
  inputs(): (HTMLElement & { disabled: boolean })[];
  show(state: Shown<Spec>): void;
  /** Called when a hidden control becomes visible. */
  appear?(): void;
}

/** A label for an input, which gets an id. */
export function labelFor(input: HTMLElement): HTMLLabelElement {
  const id = `maml-lab-${Math.random().toString(36).slice(2)}`;
  input.id = id;
  return element("label", { for: id, id: `${id}-label`, class: "maml-lab-label" });
}

export function textInput(): HTMLInputElement {
  return element("input", { type: "text", autocomplete: "off", spellcheck: "false" });
}

/** Enter takes what is typed, Escape restores what was there. */
export function onTyped(text: HTMLInputElement, take: () => void, restore: () => void): void {
  text.addEventListener("keydown", (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    (event.key === "Enter" ? take : restore)();
    text.select();
  });
}
