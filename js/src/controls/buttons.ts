// What is pressed: buttons, toggles, and buttons that open a menu.

import { element } from "../dom";
import type { Emit } from "../messages";
import type { Control } from "./control";
import { ICONS } from "./icons";
import { listTarget } from "./list_keys";
import { overlay } from "./overlay";
import type { ButtonSpec, MenuSpec, Pressable, ToggleSpec } from "./specs";

/** A double click means what one click means. */
const DEBOUNCE_MS = 350;

export function button(spec: ButtonSpec, emit: Emit): Control<ButtonSpec> {
  const node = pressable(spec, emit);
  return { node, inputs: () => [node], show: (state) => showFace(node, state) };
}

export function toggle(spec: ToggleSpec, emit: Emit): Control<ToggleSpec> {
  const node = pressable(spec, emit);
  return {
    node,
    inputs: () => [node],
    show(state) {
      showFace(node, state);
      node.setAttribute("aria-pressed", String(Boolean(state.pressed)));
    },
  };
}

export function menu(spec: MenuSpec, emit: Emit): Control<MenuSpec> {
  const opener = element("button", { type: "button", "aria-haspopup": "menu" });
  const list = element("div", { role: "menu" });
  const node = element("div", {}, opener, list);
  const setExpanded = (open: boolean) => opener.setAttribute("aria-expanded", String(open));
  const over = overlay(node, list, () => opener.focus(), setExpanded);
  setExpanded(false);
  const items = spec.items.map(([value, words], index) => {
    const attributes = { type: "button", role: "menuitem", tabindex: -1 };
    const item = element("button", attributes, words);
    item.addEventListener("click", () => {
      over.close();
      emit({ kind: "set", name: spec.name, value, final: true });
    });
    item.addEventListener("keydown", (event) => {
      const to = listTarget(event, index, items.length);
      if (to === undefined) return;
      event.preventDefault();
      items[to].focus();
    });
    return item;
  });
  items[0].autofocus = true;
  list.append(...items);
  // the browser opens and closes it: a press on the opener is not one elsewhere
  opener.popoverTargetElement = list;
  opener.addEventListener("keydown", (event) => {
    const first = { ArrowDown: items[0], ArrowUp: items[items.length - 1] }[event.key];
    if (!first) return;
    event.preventDefault();
    over.open();
    first.focus();
  });
  return {
    node,
    inputs: () => [opener],
    show(state) {
      showFace(opener, state);
      list.setAttribute("aria-label", state.label);
      if (state.disabled) over.close(false);
    },
  };
}

function pressable(spec: ButtonSpec | ToggleSpec, emit: Emit): HTMLButtonElement {
  const node = element("button", { type: "button" });
  node.classList.toggle("maml-lab-primary", Boolean(spec.primary));
  let last = -Infinity;
  node.addEventListener("click", (event) => {
    if (spec.debounce && event.timeStamp - last < DEBOUNCE_MS) return;
    last = event.timeStamp;
    emit({ kind: "press", name: spec.name });
  });
  return node;
}

/** What a button shows; without its words if it is compact. */
function showFace(node: HTMLButtonElement, { icon, label, compact }: Pressable): void {
  const face = JSON.stringify([icon, label, compact]);
  if (node.dataset.face === face) return;
  node.dataset.face = face;
  const parts: HTMLElement[] = [];
  if (icon) {
    const drawing = element("span", { class: "maml-lab-icon", "aria-hidden": "true" });
    drawing.innerHTML = `<svg viewBox="0 0 16 16">${ICONS[icon]}</svg>`;
    parts.push(drawing);
  }
  if (compact) node.setAttribute("aria-label", label);
  else parts.push(element("span", { class: "maml-lab-words" }, label));
  node.replaceChildren(...parts);
}
