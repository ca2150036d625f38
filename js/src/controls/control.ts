// What all kinds of controls have.

import { element } from "../dom";
import type { Patience } from "./shared_value";
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

/** Tells a control's value how busy the kernel is, and shows on its node that a choice is pending. */
export function patienceOf(node: HTMLElement, waiting: () => boolean): Patience {
  const pend = (on: boolean) => {
    node.classList.toggle("maml-lab-pending", on);
    node.ariaBusy = on ? "true" : null;
  };
  return { waiting, pend };
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
