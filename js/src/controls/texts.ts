// Lines of text: one that a person writes, and those that the kernel writes.

import { pageClock } from "../clock";
import { element, write } from "../dom";
import type { Emit } from "../messages";
import { type Control, labelFor, onTyped, patienceOf, textInput } from "./control";
import { SharedValue } from "./shared_value";
import type { FieldSpec, TextSpec } from "./specs";

/** A line to type, sent with Enter. */
export function field(spec: FieldSpec, emit: Emit, waiting: () => boolean): Control<FieldSpec> {
  const text = textInput();
  const label = labelFor(text);
  let untouched = "";
  const put = (value: string) => {
    untouched = text.value = value;
  };
  const show = (value: string) => {
    if (!text.matches(":focus") || text.value === untouched) put(value);
    else untouched = value;
  };
  const send = (value: string, final: boolean) =>
    emit({ kind: "set", name: spec.name, value, final });
  const node = element("div", {}, label, text);
  const model = new SharedValue<string>(send, show, pageClock, patienceOf(node, waiting));
  const restore = () => put(untouched);
  // the same text again is asked for again
  const take = () => {
    if (!text.value) return;
    put(text.value);
    model.settle(untouched);
  };
  onTyped(text, take, restore);
  text.addEventListener("blur", restore);
  return {
    node,
    label,
    inputs: () => [text],
    show: (state) => model.hear(state.value as string | undefined),
    // for whom has just asked for it, on this page
    appear() {
      if (node.closest(".maml-lab")?.contains(document.activeElement)) text.focus();
    },
  };
}

/** A line, or two, that the kernel writes; read out when it changes unless not `live`. */
export function status(spec: TextSpec): Control<TextSpec> {
  const node = element("div", { role: "status", "aria-live": spec.live ? "polite" : "off" });
  return {
    node,
    inputs: () => [],
    show(state) {
      const lines = [state.value ?? []].flat() as string[];
      node.dataset.tone = state.tone ?? "";
      while (node.children.length > lines.length) node.lastChild?.remove();
      while (node.children.length < lines.length) node.append(element("div"));
      lines.forEach((line, index) => {
        const at = node.children[index] as HTMLElement;
        if (at.title === line) return;
        write(at, line);
        at.title = line;
      });
    },
  };
}
