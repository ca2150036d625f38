// A value out of options, in a list that opens or as buttons in a row.

import { pageClock } from "../clock";
import { element } from "../dom";
import type { Emit } from "../messages";
import { type Control, labelFor, patienceOf } from "./control";
import { listTarget } from "./list_keys";
import { question } from "./question";
import { SharedValue } from "./shared_value";
import type { ChoiceSpec, Option, SegmentsSpec, SelectSpec, Shown, Value } from "./specs";

interface Choice {
  choose(value: Value): void;
  hear(state: Shown<ChoiceSpec>): void;
}

/**
 * What both kinds share: a choice that has consequences is asked for first.
 *
 * @param paint - shows which value is chosen
 */
function choice(
  spec: ChoiceSpec,
  emit: Emit,
  waiting: () => boolean,
  node: HTMLElement,
  paint: (value?: Value) => void,
  focus: () => void,
): Choice {
  let options: Option[] = spec.options;
  let current: Value | undefined;
  const show = (value: Value) => {
    current = value;
    paint(value);
  };
  const send = (value: Value, final: boolean) =>
    emit({ kind: "set", name: spec.name, value, final });
  const model = new SharedValue<Value>(send, show, pageClock, patienceOf(node, waiting));
  const confirmation = spec.confirm ? question(node, focus) : undefined;
  const take = (value: Value) => {
    show(value);
    model.settle(value);
  };
  const words = (value: Value) => options.find(([held]) => held === value)?.[1] ?? String(value);
  return {
    choose(value) {
      if (value === current) return;
      if (!confirmation) {
        take(value);
        return;
      }
      const chosen = words(value);
      const text = current === undefined ? chosen : `${words(current)} → ${chosen}`;
      paint(current);
      confirmation.ask(`${text}: ${spec.confirm}`, () => take(value));
    },
    hear(state) {
      options = state.options;
      // an answer would be to what is no longer so
      confirmation?.close(false);
      if (current !== undefined) paint(current);
      model.hear(state.value);
    },
  };
}

export function select(spec: SelectSpec, emit: Emit, waiting: () => boolean): Control<SelectSpec> {
  const list = element("select");
  const label = labelFor(list);
  const node = element("div", {}, label, element("div", { class: "maml-lab-body" }, list));
  let options: Option[] = [];
  const paint = (value?: Value) => {
    list.selectedIndex = options.findIndex(([held]) => held === value);
  };
  const picker = choice(spec, emit, waiting, node, paint, () => list.focus());
  list.addEventListener("change", () => picker.choose(options[list.selectedIndex][0]));
  return {
    node,
    label,
    inputs: () => [list],
    show(state) {
      if (!sameOptions(options, state.options)) {
        options = state.options;
        list.replaceChildren(...options.map(([, words]) => element("option", {}, words)));
        list.selectedIndex = -1;
      }
      picker.hear(state);
    },
  };
}

export function segments(
  spec: SegmentsSpec,
  emit: Emit,
  waiting: () => boolean,
): Control<SegmentsSpec> {
  const row = element("div", { role: "radiogroup", class: "maml-lab-body" });
  const label = labelFor(row);
  label.removeAttribute("for"); // names the group; a click on it goes nowhere
  row.setAttribute("aria-labelledby", label.id);
  const node = element("div", {}, label, row);
  let options: Option[] = [];
  let buttons: HTMLButtonElement[] = [];
  const paint = (value?: Value) => {
    const at = options.findIndex(([held]) => held === value);
    buttons.forEach((button, index) => {
      button.setAttribute("aria-checked", String(index === at));
      button.tabIndex = index === Math.max(at, 0) ? 0 : -1;
    });
  };
  const focus = () => buttons.find((button) => button.tabIndex === 0)?.focus();
  const picker = choice(spec, emit, waiting, node, paint, focus);
  const segment = ([value, words]: Option, index: number) => {
    const button = element("button", { type: "button", role: "radio" }, words);
    button.addEventListener("click", () => picker.choose(value));
    button.addEventListener("keydown", (event) => {
      const to = listTarget(event, index, buttons.length);
      if (to === undefined) return;
      event.preventDefault();
      buttons[to].focus();
      // a question is asked only on purpose: with Space, Enter or a click
      if (!spec.confirm) picker.choose(options[to][0]);
    });
    return button;
  };
  return {
    node,
    label,
    inputs: () => buttons,
    show(state) {
      if (!sameOptions(options, state.options)) {
        options = state.options;
        buttons = options.map(segment);
        row.replaceChildren(...buttons);
        paint();
      }
      picker.hear(state);
    },
  };
}

function sameOptions(one: Option[], other: Option[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
