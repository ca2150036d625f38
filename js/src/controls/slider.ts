import { pageClock } from "../clock";
import { element } from "../dom";
import type { Emit } from "../messages";
import { type Control, labelFor, onTyped, patienceOf, textInput } from "./control";
import { formatNumber, parseNumber } from "./numbers";
import { Scale } from "./scale";
import { SharedValue } from "./shared_value";
import type { SliderSpec } from "./specs";

const MESSAGE_MS = 5000;

/** A slider, with a field to type any number, also one beyond it. */
export function slider(spec: SliderSpec, emit: Emit, waiting: () => boolean): Control<SliderSpec> {
  const range = element("input", { type: "range", min: 0, step: 1 });
  const text = textInput();
  text.inputMode = spec.whole ? "numeric" : "decimal";
  const alert = element("span", { role: "alert", class: "maml-lab-alert" });
  const label = labelFor(range);
  const body = element("div", { class: "maml-lab-body" }, range, text);
  const node = element("div", {}, label, body, alert);
  node.classList.toggle("maml-lab-whole", spec.whole);
  let scale = new Scale(spec);
  let current: number | undefined;
  let [dragged, silence, untouched] = [false, 0, ""];

  const rescale = (next: Scale) => {
    scale = next;
    range.max = String(scale.count);
    if (current !== undefined) show(current);
  };
  const paint = (value: number, position: number) => {
    current = value;
    range.style.setProperty("--maml-lab-share", String(position / scale.count));
    range.setAttribute("aria-valuetext", formatNumber(value));
    // what is being typed stays
    if (!text.matches(":focus") || text.value === untouched) write();
  };
  const write = () => {
    untouched = text.value = current === undefined ? "" : formatNumber(current);
  };
  const show = (value: number) => {
    range.value = String(scale.position(value));
    paint(value, scale.position(value));
  };
  const send = (value: number, final: boolean) =>
    emit({ kind: "set", name: spec.name, value, final });
  const model = new SharedValue<number>(send, show, pageClock, patienceOf(node, waiting));

  const slide = (position: number) => {
    const value = scale.value(position);
    if (value === current) return;
    dragged = true;
    paint(value, position);
    model.offer(value);
  };
  const finish = () => {
    if (dragged && current !== undefined) model.settle(current);
    dragged = false;
  };
  range.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (scale.keyStep(event.key) === undefined) return;
    event.preventDefault();
    const target = scale.keyTarget(event.key, range.valueAsNumber, current);
    if (target === undefined) return;
    range.value = String(target);
    slide(target);
  });
  range.addEventListener("input", () => slide(range.valueAsNumber));
  // a drag that ends where it began makes no "change"
  for (const end of ["change", "lostpointercapture", "keyup", "blur"])
    range.addEventListener(end, finish);

  const complain = (message: string) => {
    clearTimeout(silence);
    alert.textContent = message;
    if (message) silence = window.setTimeout(() => complain(""), MESSAGE_MS);
  };
  const take = () => {
    if (text.value === untouched) return;
    const value = parseNumber(text.value, spec.whole);
    complain(typeof value === "string" ? value : "");
    if (typeof value === "number" && value !== current) {
      show(value);
      model.settle(value);
    }
    write();
  };
  onTyped(text, take, write);
  text.addEventListener("blur", take);
  text.addEventListener("input", () => complain(""));
  rescale(scale);
  return {
    node,
    label,
    inputs: () => [range, text],
    show(state) {
      text.setAttribute("aria-label", `${state.label}, typed value`);
      if (scale.low !== state.low || scale.high !== state.high) rescale(new Scale(state));
      model.hear(state.value as number | undefined);
    },
  };
}
