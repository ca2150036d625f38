// src/dom.ts
var KEYS_OF_ITS_OWN = "button, select, [type=range]";
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (node.matches(KEYS_OF_ITS_OWN)) node.dataset.lmSuppressShortcuts = "true";
  node.append(...children);
  return node;
}
function write(target, text) {
  const { firstChild } = target;
  if (!(firstChild instanceof Text)) target.textContent = text;
  else if (firstChild.data !== text) firstChild.data = text;
}
function download(filename, content) {
  const url = URL.createObjectURL(content);
  const link = element("a", { href: url, download: filename });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 6e4);
}

// src/clipboard.ts
async function copyText(root, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { class: "maml-lab-copied" });
    area.value = text;
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// src/clock.ts
var pageClock = {
  now: () => performance.now(),
  after: (ms, run) => window.setTimeout(run, ms),
  cancel: (timer) => window.clearTimeout(timer),
  nextFrame: (run) => window.requestAnimationFrame(run),
  cancelFrame: (frame) => window.cancelAnimationFrame(frame)
};

// src/controls/icons.ts
var ICONS = {
  play: '<path class="f" d="M4.5 2.8v10.4L13 8z"/>',
  pause: '<path class="f" d="M4 3h2.8v10H4zM9.2 3H12v10H9.2z"/>',
  step: '<path class="f" d="M3.5 3v10L10 8z"/><path d="M12 3v10"/>',
  inner: '<path d="m5 4 4 4-4 4M12 3.5v9"/>',
  task: '<path d="m2 4 4 4-4 4M7 4l4 4-4 4M13.5 3.5v9"/>',
  reset: '<path d="M3 8a5 5 0 1 0 1.6-3.7L3 5.8M3 2.5v3.3h3.3"/>',
  dice: '<rect x="2.2" y="2.2" width="11.6" height="11.6" rx="2.4"/><circle class="f" cx="5.5" cy="5.5" r=".7"/><circle class="f" cx="8" cy="8" r=".7"/><circle class="f" cx="10.5" cy="10.5" r=".7"/>',
  undo: '<path d="M5.8 2.8 2.8 5.8l3 3M2.8 5.8h6.4a3.7 3.7 0 0 1 0 7.4H6"/>',
  redo: '<path d="m10.2 2.8 3 3-3 3M13.2 5.8H6.8a3.7 3.7 0 0 0 0 7.4H10"/>',
  pin: '<path d="M5.5 2.5h5M6.3 2.5v4.2L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3"/>',
  unpin: '<path d="M5.5 2.5h5M6.3 2.5v4.2L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3M2.5 13.5l11-11"/>',
  fork: '<path d="M4.5 5.3v5.4M11.5 5.3c0 3-7 2.2-7 5"/><circle cx="4.5" cy="3.7" r="1.6"/><circle cx="11.5" cy="3.7" r="1.6"/><circle cx="4.5" cy="12.3" r="1.6"/>',
  export: '<path d="M8 10V2.5M5 5l3-3 3 3M3 9v4.5h10V9"/>',
  load: '<path d="M8 2.5V10M5 7l3 3 3-3M3 9v4.5h10V9"/>',
  more: '<path d="M2.5 4.5h6M12.5 4.5h1M2.5 11.5h1M7.5 11.5h6"/><circle cx="10.5" cy="4.5" r="1.8"/><circle cx="5.5" cy="11.5" r="1.8"/>',
  type: '<text class="f" x="8" y="12.4">Aa</text>',
  shuffle: '<path d="M2 4.5h2.5l6 7H14M2 11.5h2.5l2-2.3M8.5 6.8l2-2.3H14M12 2.5l2 2-2 2M12 9.5l2 2-2 2"/>',
  live: '<circle class="f" cx="8" cy="8" r="2"/><path d="M4.6 11.4a4.8 4.8 0 0 1 0-6.8M11.4 4.6a4.8 4.8 0 0 1 0 6.8"/>'
};

// src/controls/list_keys.ts
var STEPS = /* @__PURE__ */ new Map([
  ["ArrowRight", 1],
  ["ArrowDown", 1],
  ["ArrowLeft", -1],
  ["ArrowUp", -1]
]);
function listTarget(event, index, count) {
  if (event.ctrlKey || event.altKey || event.metaKey) return void 0;
  if (event.key === "Home") return 0;
  if (event.key === "End") return count - 1;
  const step = STEPS.get(event.key);
  return step === void 0 ? void 0 : (index + step + count) % count;
}

// src/controls/overlay.ts
function overlay(node, panel, focus, changed = () => {
}) {
  const isOpen = () => panel.matches(":popover-open");
  const close = (back = true) => {
    if (!isOpen()) return;
    const held = panel.matches(":focus-within");
    panel.hidePopover();
    if (back && held) focus();
  };
  panel.popover = "auto";
  panel.classList.add("maml-lab-popup");
  panel.addEventListener("beforetoggle", (event) => {
    const opens = event.newState === "open";
    if (opens) place(node, panel);
    node.classList.toggle("maml-lab-anchor", opens);
    changed(opens);
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    close();
  });
  node.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !node.contains(relatedTarget)) close(false);
  });
  return { close, isOpen, open: () => isOpen() || panel.showPopover() };
}
function place(node, panel) {
  const bounds = (node.closest(".maml-lab") ?? document.body).getBoundingClientRect();
  const control = node.getBoundingClientRect();
  const width = widthOf(panel);
  const room = Math.max(bounds.right - (control.left + width), bounds.left - control.left);
  const shift = Math.min(0, room);
  panel.style.setProperty("--maml-lab-shift", `${shift}px`);
  panel.style.setProperty("--maml-lab-left", `${control.left + shift}px`);
  panel.style.setProperty("--maml-lab-top", `${control.bottom}px`);
}
function widthOf(panel) {
  panel.classList.add("maml-lab-measured");
  const { width } = panel.getBoundingClientRect();
  panel.classList.remove("maml-lab-measured");
  return width;
}

// src/controls/buttons.ts
var DEBOUNCE_MS = 350;
function button(spec, emit) {
  const node = pressable(spec, emit);
  return { node, inputs: () => [node], show: (state) => showFace(node, state) };
}
function toggle(spec, emit) {
  const node = pressable(spec, emit);
  return {
    node,
    inputs: () => [node],
    show(state) {
      showFace(node, state);
      node.setAttribute("aria-pressed", String(Boolean(state.pressed)));
    }
  };
}
function menu(spec, emit) {
  const opener = element("button", { type: "button", "aria-haspopup": "menu" });
  const list = element("div", { role: "menu" });
  const node = element("div", {}, opener, list);
  const setExpanded = (open) => opener.setAttribute("aria-expanded", String(open));
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
      if (to === void 0) return;
      event.preventDefault();
      items[to].focus();
    });
    return item;
  });
  items[0].autofocus = true;
  list.append(...items);
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
    }
  };
}
function pressable(spec, emit) {
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
function showFace(node, { icon, label, compact }) {
  const face = JSON.stringify([icon, label, compact]);
  if (node.dataset.face === face) return;
  node.dataset.face = face;
  const parts = [];
  if (icon) {
    const drawing = element("span", { class: "maml-lab-icon", "aria-hidden": "true" });
    drawing.innerHTML = `<svg viewBox="0 0 16 16">${ICONS[icon]}</svg>`;
    parts.push(drawing);
  }
  if (compact) node.setAttribute("aria-label", label);
  else parts.push(element("span", { class: "maml-lab-words" }, label));
  node.replaceChildren(...parts);
}

// src/controls/control.ts
function labelFor(input) {
  const id = `maml-lab-${Math.random().toString(36).slice(2)}`;
  input.id = id;
  return element("label", { for: id, id: `${id}-label`, class: "maml-lab-label" });
}
function textInput() {
  return element("input", { type: "text", autocomplete: "off", spellcheck: "false" });
}
function onTyped(text, take, restore) {
  text.addEventListener("keydown", (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    (event.key === "Enter" ? take : restore)();
    text.select();
  });
}

// src/controls/question.ts
function question(node, focus) {
  const words = element("span");
  const restart = element("button", { type: "button", class: "maml-lab-primary" }, "Restart");
  const keep = element("button", { type: "button" }, "Keep");
  const panel = element("dialog", {}, words, restart, keep);
  const over = overlay(node, panel, focus);
  let agreed = () => {
  };
  restart.autofocus = true;
  node.append(panel);
  restart.addEventListener("click", () => {
    over.close();
    agreed();
  });
  restart.addEventListener("keydown", (event) => {
    if (event.repeat) event.preventDefault();
  });
  keep.addEventListener("click", () => over.close());
  return {
    close: over.close,
    ask(text, then) {
      over.close(false);
      agreed = then;
      words.textContent = text;
      panel.setAttribute("aria-label", text);
      over.open();
    }
  };
}

// src/controls/shared_value.ts
var ANSWER_MS = 30;
var HOLD_MS = 1e3;
var SharedValue = class {
  /**
   * @param send - to the kernel
   * @param show - moves the control
   */
  constructor(send, show, clock) {
    this.send = send;
    this.show = show;
    this.clock = clock;
  }
  send;
  show;
  clock;
  kernelValue;
  lastSent;
  next;
  engaged = false;
  holding = 0;
  answering = 0;
  frame = 0;
  /** The kernel says what the value is. */
  hear(value) {
    if (value === void 0) return;
    if (this.answering && (value !== this.kernelValue || value === this.lastSent)) this.answered();
    this.kernelValue = value;
    if (this.engaged || this.holding && value !== this.lastSent) return;
    this.release();
    this.show(value);
  }
  /** A value on the way to another. */
  offer(value) {
    this.release();
    this.engaged = true;
    this.next = value;
    if (!this.frame) this.flush();
  }
  /** The value that is meant. */
  settle(value) {
    this.release();
    const late = this.answering || value !== this.kernelValue;
    this.clock.cancelFrame(this.frame);
    this.clock.cancel(this.answering);
    this.engaged = false;
    this.next = void 0;
    this.frame = this.answering = 0;
    this.tell(value, true);
    if (this.kernelValue === void 0 || !late) return;
    this.holding = this.clock.after(HOLD_MS, () => {
      this.holding = 0;
      if (this.kernelValue !== void 0) this.show(this.kernelValue);
    });
  }
  tell(value, final) {
    this.lastSent = value;
    this.send(value, final);
  }
  flush() {
    this.frame = 0;
    if (this.answering || this.next === void 0) return;
    this.tell(this.next, false);
    this.next = void 0;
    this.answering = this.clock.after(ANSWER_MS, () => this.answered());
  }
  answered() {
    this.clock.cancel(this.answering);
    this.answering = 0;
    if (this.next !== void 0) this.frame ||= this.clock.nextFrame(() => this.flush());
  }
  release() {
    this.clock.cancel(this.holding);
    this.holding = 0;
  }
};

// src/controls/choice.ts
function choice(spec, emit, node, paint, focus) {
  let options = spec.options;
  let current;
  const show = (value) => {
    current = value;
    paint(value);
  };
  const send = (value, final) => emit({ kind: "set", name: spec.name, value, final });
  const model = new SharedValue(send, show, pageClock);
  const confirmation = spec.confirm ? question(node, focus) : void 0;
  const take = (value) => {
    show(value);
    model.settle(value);
  };
  const words = (value) => options.find(([held]) => held === value)?.[1] ?? String(value);
  return {
    choose(value) {
      if (value === current) return;
      if (!confirmation) {
        take(value);
        return;
      }
      const chosen = words(value);
      const text = current === void 0 ? chosen : `${words(current)} → ${chosen}`;
      paint(current);
      confirmation.ask(`${text}: ${spec.confirm}`, () => take(value));
    },
    hear(state) {
      options = state.options;
      confirmation?.close(false);
      if (current !== void 0) paint(current);
      model.hear(state.value);
    }
  };
}
function select(spec, emit) {
  const list = element("select");
  const label = labelFor(list);
  const node = element("div", {}, label, element("div", { class: "maml-lab-body" }, list));
  let options = [];
  const paint = (value) => {
    list.selectedIndex = options.findIndex(([held]) => held === value);
  };
  const picker = choice(spec, emit, node, paint, () => list.focus());
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
    }
  };
}
function segments(spec, emit) {
  const row = element("div", { role: "radiogroup", class: "maml-lab-body" });
  const label = labelFor(row);
  label.removeAttribute("for");
  row.setAttribute("aria-labelledby", label.id);
  const node = element("div", {}, label, row);
  let options = [];
  let buttons = [];
  const paint = (value) => {
    const at = options.findIndex(([held]) => held === value);
    buttons.forEach((button2, index) => {
      button2.setAttribute("aria-checked", String(index === at));
      button2.tabIndex = index === Math.max(at, 0) ? 0 : -1;
    });
  };
  const focus = () => buttons.find((button2) => button2.tabIndex === 0)?.focus();
  const picker = choice(spec, emit, node, paint, focus);
  const segment = ([value, words], index) => {
    const button2 = element("button", { type: "button", role: "radio" }, words);
    button2.addEventListener("click", () => picker.choose(value));
    button2.addEventListener("keydown", (event) => {
      const to = listTarget(event, index, buttons.length);
      if (to === void 0) return;
      event.preventDefault();
      buttons[to].focus();
      if (!spec.confirm) picker.choose(options[to][0]);
    });
    return button2;
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
    }
  };
}
function sameOptions(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

// src/controls/numbers.ts
var NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;
function formatNumber(value) {
  const number = Number(value.toPrecision(7));
  return Math.abs(number) < 1e7 ? String(number) : number.toExponential().replace("e+", "e");
}
function parseNumber(text, whole) {
  const plain = text.trim().replace("−", "-");
  const value = NUMBER.test(plain) ? Number(plain.replace(",", ".")) : NaN;
  if (whole && !(Number.isSafeInteger(value) && !plain.includes(","))) return "whole numbers only";
  if (Number.isFinite(value)) return value;
  const shown = plain.length > 12 ? `${plain.slice(0, 11)}…` : plain;
  return shown ? `“${shown}” is not a number` : "a number is needed";
}

// src/controls/scale.ts
var DECADE = 100;
var PLAIN = 200;
var Scale = class {
  low;
  high;
  /** The last position; the first is 0. */
  count;
  log;
  whole;
  span;
  constructor({ low, high, scale, whole }) {
    this.low = low;
    this.high = high;
    this.log = scale === "log";
    this.whole = whole;
    this.span = this.log ? Math.log10(high / low) : high - low;
    const linear = whole ? this.span : PLAIN;
    this.count = Math.max(1, this.log ? Math.round(DECADE * this.span) : linear);
  }
  value(position) {
    const share = position / this.count * this.span;
    const value = this.log ? this.low * 10 ** share : this.low + share;
    return this.whole ? Math.round(value) : Number(value.toPrecision(3));
  }
  /** The nearest position of a value, which may lie beyond the slider. */
  position(value) {
    const share = this.log ? Math.log10(Math.max(value, this.low) / this.low) : value - this.low;
    return this.within(Math.round(share / this.span * this.count));
  }
  /**
   * Where a key leads from a position at which a value is shown.
   *
   * @returns undefined for other keys, and beyond the slider where it leads no further
   */
  keyTarget(key, position, shown) {
    const by = this.keyStep(key);
    if (by === void 0) return void 0;
    let target = this.within(position + by);
    while (this.whole && this.value(target) === shown && target % this.count) {
      target += Math.sign(by);
    }
    const beyond = shown !== void 0 && (shown < this.low || shown > this.high);
    return beyond && target === position ? void 0 : target;
  }
  /** By how many positions a key moves; undefined for other keys. */
  keyStep(key) {
    const page2 = Math.max(1, Math.round(this.log ? DECADE / 3 : this.count / 10));
    const steps = /* @__PURE__ */ new Map([
      ["ArrowRight", 1],
      ["ArrowUp", 1],
      ["ArrowLeft", -1],
      ["ArrowDown", -1],
      ["PageUp", page2],
      ["PageDown", -page2],
      ["Home", -Infinity],
      ["End", Infinity]
    ]);
    return steps.get(key);
  }
  within(position) {
    return Math.min(this.count, Math.max(0, position));
  }
};

// src/controls/slider.ts
var MESSAGE_MS = 5e3;
function slider(spec, emit) {
  const range = element("input", { type: "range", min: 0, step: 1 });
  const text = textInput();
  text.inputMode = spec.whole ? "numeric" : "decimal";
  const alert = element("span", { role: "alert", class: "maml-lab-alert" });
  const label = labelFor(range);
  const body = element("div", { class: "maml-lab-body" }, range, text);
  const node = element("div", {}, label, body, alert);
  node.classList.toggle("maml-lab-whole", spec.whole);
  let scale = new Scale(spec);
  let current;
  let [dragged, silence, untouched] = [false, 0, ""];
  const rescale2 = (next) => {
    scale = next;
    range.max = String(scale.count);
    if (current !== void 0) show(current);
  };
  const paint = (value, position) => {
    current = value;
    range.style.setProperty("--maml-lab-share", String(position / scale.count));
    range.setAttribute("aria-valuetext", formatNumber(value));
    if (!text.matches(":focus") || text.value === untouched) write2();
  };
  const write2 = () => {
    untouched = text.value = current === void 0 ? "" : formatNumber(current);
  };
  const show = (value) => {
    range.value = String(scale.position(value));
    paint(value, scale.position(value));
  };
  const send = (value, final) => emit({ kind: "set", name: spec.name, value, final });
  const model = new SharedValue(send, show, pageClock);
  const slide = (position) => {
    const value = scale.value(position);
    if (value === current) return;
    dragged = true;
    paint(value, position);
    model.offer(value);
  };
  const finish = () => {
    if (dragged && current !== void 0) model.settle(current);
    dragged = false;
  };
  range.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (scale.keyStep(event.key) === void 0) return;
    event.preventDefault();
    const target = scale.keyTarget(event.key, range.valueAsNumber, current);
    if (target === void 0) return;
    range.value = String(target);
    slide(target);
  });
  range.addEventListener("input", () => slide(range.valueAsNumber));
  for (const end of ["change", "lostpointercapture", "keyup", "blur"])
    range.addEventListener(end, finish);
  const complain = (message) => {
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
    write2();
  };
  onTyped(text, take, write2);
  text.addEventListener("blur", take);
  text.addEventListener("input", () => complain(""));
  rescale2(scale);
  return {
    node,
    label,
    inputs: () => [range, text],
    show(state) {
      text.setAttribute("aria-label", `${state.label}, typed value`);
      if (scale.low !== state.low || scale.high !== state.high) rescale2(new Scale(state));
      model.hear(state.value);
    }
  };
}

// src/controls/texts.ts
function field(spec, emit) {
  const text = textInput();
  const label = labelFor(text);
  let untouched = "";
  const put = (value) => {
    untouched = text.value = value;
  };
  const show = (value) => {
    if (!text.matches(":focus") || text.value === untouched) put(value);
    else untouched = value;
  };
  const send = (value, final) => emit({ kind: "set", name: spec.name, value, final });
  const model = new SharedValue(send, show, pageClock);
  const restore = () => put(untouched);
  const take = () => {
    if (!text.value) return;
    put(text.value);
    model.settle(untouched);
  };
  onTyped(text, take, restore);
  text.addEventListener("blur", restore);
  const node = element("div", {}, label, text);
  return {
    node,
    label,
    inputs: () => [text],
    show: (state) => model.hear(state.value),
    // for whom has just asked for it, on this page
    appear() {
      if (node.closest(".maml-lab")?.contains(document.activeElement)) text.focus();
    }
  };
}
function status(spec) {
  const node = element("div", { role: "status", "aria-live": spec.live ? "polite" : "off" });
  return {
    node,
    inputs: () => [],
    show(state) {
      const lines = [state.value ?? []].flat();
      node.dataset.tone = state.tone ?? "";
      while (node.children.length > lines.length) node.lastChild?.remove();
      while (node.children.length < lines.length) node.append(element("div"));
      lines.forEach((line, index) => {
        const at = node.children[index];
        if (at.title === line) return;
        write(at, line);
        at.title = line;
      });
    }
  };
}

// src/controls/toolbars.ts
var BUTTONS = ["button", "toggle", "menu"];
function toolbars(groups, emit) {
  const updates = /* @__PURE__ */ new Map();
  const bar = (place2) => element("div", { class: `maml-lab-place maml-lab-place-${place2}` });
  const places = {
    top: bar("top"),
    adaptation: bar("adaptation"),
    task: bar("task"),
    training: bar("training")
  };
  for (const { place: place2, name, controls } of groups) {
    const row = element("div", { class: `maml-lab-row${name && ` maml-lab-row-${name}`}` });
    let buttons;
    for (const spec of controls) {
      const { node, update } = updatable(spec, emit);
      updates.set(spec.name, update);
      if (!BUTTONS.includes(spec.kind)) {
        buttons = void 0;
        row.append(node);
        continue;
      }
      if (!buttons) {
        buttons = element("div", { class: "maml-lab-buttons" });
        row.append(buttons);
      }
      buttons.append(node);
    }
    places[place2].append(row);
  }
  return {
    places,
    update(state) {
      for (const [name, changes] of Object.entries(state)) updates.get(name)?.(changes);
    }
  };
}
function updatable(spec, emit) {
  const control = build(spec, emit);
  const { node } = control;
  node.classList.add("maml-lab-control", `maml-lab-${spec.kind}`);
  node.dataset.name = spec.name;
  let last;
  const update = (changes) => {
    const text = JSON.stringify(changes);
    if (text === last) return;
    const state = { ...spec, ...changes };
    const tooltip = "tooltip" in state ? state.tooltip : "";
    const about = state.disabled && state.reason || tooltip;
    const appears = last !== void 0 && node.hidden && !state.hidden;
    node.hidden = Boolean(state.hidden);
    if (appears) control.appear?.();
    node.title = about;
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
function build(spec, emit) {
  switch (spec.kind) {
    case "slider":
      return slider(spec, emit);
    case "select":
      return select(spec, emit);
    case "segments":
      return segments(spec, emit);
    case "button":
      return button(spec, emit);
    case "toggle":
      return toggle(spec, emit);
    case "menu":
      return menu(spec, emit);
    case "text":
      return status(spec);
    case "field":
      return field(spec, emit);
  }
}

// src/messages.ts
var QUESTIONS = /* @__PURE__ */ new Set(["set", "press", "support", "look"]);
function isQuestion(message) {
  return QUESTIONS.has(message.kind);
}
function endsDrag(message, last) {
  if (message.kind !== "set" || last?.kind !== "set") return false;
  const ends = message.final && !last.final;
  return ends && message.name === last.name && message.value === last.value;
}

// src/outbox.ts
var END_MS = 250;
var Outbox = class {
  /**
   * @param expect - hears how many questions the view has asked, before the last is sent
   */
  constructor(view, send, expect, clock) {
    this.view = view;
    this.send = send;
    this.expect = expect;
    this.clock = clock;
  }
  view;
  send;
  expect;
  clock;
  asked = 0;
  last = null;
  ending = null;
  timer = 0;
  closed = false;
  emit = (message) => {
    if (this.closed) return;
    this.end();
    if (isQuestion(message)) {
      const ends = endsDrag(message, this.last);
      this.last = message;
      if (ends) {
        this.ending = message;
        this.timer = this.clock.after(END_MS, () => this.end());
        return;
      }
      this.asked += 1;
      if (message.kind !== "support") this.expect(this.asked);
    }
    this.post(message);
  };
  /** Nobody listens any more, or somebody does again. */
  close(closed) {
    this.closed = closed;
  }
  end() {
    this.clock.cancel(this.timer);
    const ending = this.ending;
    this.ending = null;
    if (ending && !this.closed) this.post(ending);
  }
  post(message) {
    this.send({ ...message, view: this.view, asked: this.asked });
  }
};

// src/plots/figure.ts
var AXIS = /^[xy]axis\d*$/;
function axisLayout(layout, name) {
  return layout[name];
}
function isEditable(figure) {
  return Boolean(figure.layout.meta?.editable);
}
function hasPoints({ x, y }) {
  return pointCount(x, y) > 0;
}
function pointCount(x, y) {
  return Math.min(x?.length ?? 0, y?.length ?? 0);
}

// src/plots/theme.ts
var LARGE = 1.5;
var MARGINS = /* @__PURE__ */ new Set(["l", "r", "t", "b"]);
var SIZES = /* @__PURE__ */ new Set(["size", "standoff", "xshift", "yshift", "ticklen"]);
var POINTS = /* @__PURE__ */ new Set(["x", "y", "z", "text", "customdata", "ids", "hovertext", "source"]);
function applyTheme(part, theme, lists) {
  const convert = (value, key, parent) => {
    if (typeof value === "string") return theme.dark ? recolour(value, theme.colours) : value;
    if (typeof value === "number") return theme.large ? resize(value, key, parent) : value;
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    if (Array.isArray(value)) {
      if (POINTS.has(key)) return value;
      let list = lists.get(value);
      if (!list) {
        list = value.map((held) => convert(held, key, parent));
        lists.set(value, list);
      }
      return list;
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, held]) => [name, convert(held, name, key)])
    );
  };
  return convert(part, "", "");
}
function recolour(text, colours) {
  return text.replace(/#[0-9a-f]{6}\b/gi, (hex) => colours[hex.toLowerCase()] ?? hex).replace(
    /#([0-9a-f])([0-9a-f])([0-9a-f])\b/gi,
    (hex, r, g, b) => colours[`#${r}${r}${g}${g}${b}${b}`.toLowerCase()] ?? hex
  ).replace(
    /\b(rgba?)\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*/g,
    (start, kind, ...channels) => {
      const digits = (channel) => Number(channel).toString(16).padStart(2, "0");
      const mapped = colours[`#${channels.slice(0, 3).map(digits).join("")}`];
      if (!mapped) return start;
      return `${kind}(${[1, 3, 5].map((i) => parseInt(mapped.slice(i, i + 2), 16)).join(",")}`;
    }
  );
}
function resize(value, key, parent) {
  const width = key === "width" && parent === "line";
  const scaled = width || SIZES.has(key) || parent === "margin" && MARGINS.has(key);
  return scaled ? value * LARGE : value;
}

// src/plots/look.ts
var LARGE_HEIGHT = 1.25;
var DIMMED = 0.15;
var LEGEND_LETTER = 6.2;
var LEGEND_MARK = 41;
var LEGEND_ROW = 19;
var HEIGHTS = { adaptation: 272, task: 272, training: 174 };
var LIGHT_AXIS = { gridcolor: "#e6e6e6", linecolor: "#999999", zerolinecolor: "#999999" };
var DARK_AXIS = { gridcolor: "#3a3a3a", linecolor: "#888888", zerolinecolor: "#888888" };
function titleHeight(figure, titled = false) {
  return titled ? 0 : figure?.layout.meta?.title_height ?? 0;
}
function plotHeight(panel, figure, { large, titled }) {
  const height = (figure?.layout.height ?? HEIGHTS[panel]) - titleHeight(figure, titled);
  return Math.round(height * (large ? LARGE_HEIGHT : 1));
}
function deriveFigure(figure, look) {
  const shown = nearestStep(figure, look.step);
  const data = figure.data.map((trace) => deriveTrace(trace, look, shown));
  return { data, layout: deriveLayout(figure, look) };
}
function deriveTrace(described, look, shown) {
  const trace = applyTheme(described, look, look.lists);
  if (look.large) enlarge(trace);
  if (trace.type === "scatter") trace.line = { simplify: false, ...trace.line };
  if (trace.meta?.cursor && look.panel === "adaptation") {
    trace.x = cursorAt(look.step, look.cursor);
    trace.visible = look.step !== null;
  }
  const step = trace.meta?.inner_step;
  if (shown !== null && Number.isInteger(step) && step !== shown) {
    trace.opacity = (trace.opacity ?? 1) * DIMMED;
  }
  return trace;
}
function deriveLayout(figure, look) {
  const layout = applyTheme(figure.layout, look, look.lists);
  const text = look.dark ? "#dddddd" : "#333333";
  const size = look.large ? LARGE : 1;
  layout.font = { color: text, size: 12 * size, ...layout.font };
  layout.width = look.width;
  layout.height = plotHeight(look.panel, figure, look);
  const elsewhere = titleHeight(figure, look.titled);
  if (elsewhere) {
    layout.title = { text: "" };
    raiseMargin(layout, -elsewhere * size);
  }
  layout.autosize = false;
  layout.paper_bgcolor = layout.plot_bgcolor = look.paper ?? "rgba(0,0,0,0)";
  layout.hoverlabel = {
    bgcolor: look.dark ? "#1c1c1c" : "#ffffff",
    bordercolor: look.dark ? "#666666" : "#bbbbbb",
    ...layout.hoverlabel,
    font: { color: text, ...layout.hoverlabel?.font }
  };
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: "#999999", activecolor: text };
  layout.uirevision ??= "lab";
  if (isEditable(figure)) layout.dragmode = false;
  const more = legendRows(figure, look) - 1;
  if (more > 0) raiseMargin(layout, more * LEGEND_ROW * size);
  for (const name of Object.keys(layout).filter((key) => AXIS.test(key))) {
    const axis = {
      ...look.dark ? DARK_AXIS : LIGHT_AXIS,
      // otherwise a third of each redraw goes into measuring every label
      ticklabeloverflow: "allow",
      ...layout[name]
    };
    if (axis.range) axis.range = [...axis.range];
    layout[name] = axis;
  }
  return layout;
}
function raiseMargin(layout, by) {
  if (layout.margin?.t !== void 0) layout.margin.t += by;
}
function legendRows(figure, { large, width }) {
  const { legend, margin } = figure.layout;
  if (legend?.orientation !== "h" || legend.y !== 1) return 1;
  const names = figure.data.filter((trace) => trace.showlegend !== false && trace.visible !== false).filter((trace) => (trace.legend ?? "legend") === "legend" && trace.type === "scatter").map((trace) => trace.name ?? "");
  const size = large ? LARGE : 1;
  const widths = names.map((name) => name.length * LEGEND_LETTER * size + LEGEND_MARK);
  const room = width - ((margin?.l ?? 0) + (margin?.r ?? 0)) * size;
  const sum = widths.reduce((total, one) => total + one, 0);
  if (sum <= room) return 1;
  return Math.ceil(names.length / Math.max(1, Math.floor(room / Math.max(...widths))));
}
function enlarge(trace) {
  if (trace.type !== "scatter") return;
  trace.line = { ...trace.line, width: trace.line?.width ?? 2 * LARGE };
  trace.marker = { ...trace.marker, size: trace.marker?.size ?? 6 * LARGE };
}
function nearestStep(figure, wanted) {
  if (wanted === null) return null;
  const steps = figure.data.filter((trace) => trace.visible !== false).map((trace) => trace.meta?.inner_step).filter((step) => step !== void 0 && Number.isInteger(step));
  if (!steps.length) return null;
  return steps.reduce((best, k) => Math.abs(k - wanted) < Math.abs(best - wanted) ? k : best);
}
function cursorAt(step, memory) {
  if (!memory.x || memory.step !== step) {
    memory.step = step;
    memory.x = [step, step];
  }
  return memory.x;
}

// src/plots/paths.ts
function keysOf(path) {
  return path.match(/[^.[\]]+/g) ?? [];
}
function withValue(holder, keys, value) {
  const [key, ...rest] = keys;
  const copy = Array.isArray(holder) ? [...holder] : { ...holder };
  const fresh = /^\d+$/.test(rest[0]) ? [] : {};
  const held = holder?.[key] ?? fresh;
  copy[key] = rest.length ? withValue(held, rest, value) : value;
  return copy;
}

// src/plots/zoom.ts
var OTHER_AXIS = /^yaxis\d*\.title|^[xy]axis\d*\.type/;
function keepZoom(axes, layout, replaced) {
  for (const axis of axes.zoomed()) {
    const { range } = axisLayout(layout, axis) ?? {};
    if (!range) continue;
    const before = axes.before(axis).map((value, end) => value ?? range[end]);
    if (replaced && !sameRange(before, range)) axes.forget(axis);
    else layout[axis] = { ...axisLayout(layout, axis), range: before };
  }
}
function holdRanges(axes, layout) {
  for (const name of axes.names()) {
    const range = [...axes.range(name)];
    layout[name] = { ...axisLayout(layout, name), range, autorange: false };
  }
}
function setWayBack(axes, layout) {
  for (const [name, axis] of Object.entries(layout)) {
    if (!AXIS.test(name)) continue;
    const { range } = axis;
    if (range) axes.setHome(name, range);
  }
}
function endZoom(axes) {
  for (const axis of axes.zoomed()) {
    if (sameRange(axes.range(axis), axes.home(axis))) axes.forget(axis);
  }
}
function leaveZoom(axes, before, after, changed) {
  const others = changed.filter((path) => OTHER_AXIS.test(path)).map((path) => keysOf(path)[0]);
  if (before.meta?.x !== after.meta?.x) others.push("xaxis");
  for (const axis of axes.zoomed()) {
    const range = axisLayout(after, axis)?.range;
    const gone = range !== void 0 && areApart(axes.range(axis), range);
    if (gone || others.includes(axis)) axes.forget(axis);
  }
}
function areApart(one, other) {
  const [[low, high], [least, most]] = [one, other].map((range) => {
    const ends = range;
    return [Math.min(...ends), Math.max(...ends)];
  });
  return most <= low || least >= high;
}
function sameRange(one, other) {
  return one[0] === other[0] && one[1] === other[1];
}

// src/plots/pictures.ts
async function takePictures(plots) {
  const drawn = plots.panels.filter((panel) => panel.drawn && panel.width > 0);
  const images = await Promise.all(drawn.map((panel) => takePicture(plots, panel)));
  return Object.fromEntries(drawn.map((panel, i) => [panel.name, images[i]]));
}
async function savePicture(plots, wanted) {
  const images = await takePictures(plots);
  const placed = plots.panels.flatMap(({ name, gd, figure }) => {
    const image = images[name];
    if (!image) return [];
    const { left, right, bottom } = gd.getBoundingClientRect();
    const tall = plotHeight(name, figure, { large: plots.look.large, titled: true });
    const svg2 = decodeURIComponent(image.slice(image.indexOf(",") + 1));
    return [{ svg: svg2, left, right, bottom, tall }];
  });
  const { svg, width, height } = compose(placed);
  let blob = new Blob([svg], { type: "image/svg+xml" });
  if (wanted.format === "png") blob = await rasterise(blob, width, height, wanted.scale);
  download(wanted.filename, blob);
}
async function takePicture(plots, panel) {
  const { plotly } = plots;
  if (!plotly) throw new Error("plotly.js is not loaded yet");
  const look = { ...plots.currentLook, dark: false, titled: true, paper: "#ffffff" };
  const { data, layout } = panel.derive({ ...look, lists: /* @__PURE__ */ new WeakMap(), cursor: {} });
  holdRanges(panel.internals ?? documentedRanges(panel.gd), layout);
  const { width = 0, height = 0 } = layout;
  return plotly.toImage({ data, layout }, { format: "svg", width, height });
}
function documentedRanges({ layout }) {
  const range = (name) => axisLayout(layout, name)?.range ?? [];
  const names = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  return { range, names: () => names.filter((name) => range(name).length > 0) };
}
function compose(pictures) {
  const left = Math.min(...pictures.map((picture) => picture.left));
  const right = Math.max(...pictures.map((picture) => picture.right));
  const bottoms = new Set(pictures.map(({ bottom }) => Math.round(bottom)));
  let height = 0;
  const parts = [];
  for (const row of [...bottoms].sort((a, b) => a - b)) {
    const members = pictures.filter(({ bottom }) => Math.round(bottom) === row);
    const tallest = Math.max(...members.map(({ tall }) => tall));
    for (const { svg: svg2, left: x, tall } of members) {
      const y = height + tallest - tall;
      parts.push(svg2.replace("<svg", `<svg x="${x - left}" y="${y}"`));
    }
    height += tallest;
  }
  const width = Math.ceil(right - left);
  height = Math.ceil(height);
  const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  const paper = '<rect width="100%" height="100%" fill="#ffffff"/>';
  const svg = `<svg ${names} width="${width}" height="${height}">${paper}${parts.join("")}</svg>`;
  return { svg, width, height };
}
async function rasterise(svg, width, height, scale) {
  const url = URL.createObjectURL(svg);
  try {
    const image = new Image(width, height);
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: width * scale, height: height * scale });
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => blob ? resolve(blob) : reject(new Error("no PNG")), "image/png");
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

// src/plots/arrays.ts
var TYPES = {
  f8: Float64Array,
  f4: Float32Array,
  i4: Int32Array,
  u4: Uint32Array,
  i2: Int16Array,
  u2: Uint16Array,
  i1: Int8Array,
  u1: Uint8Array
};
function unpackArrays(value, view) {
  return unpack(value, view);
}
function unpack(value, view) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((held) => unpack(held, view));
  if ("$array" in value) return array(value.$array, view);
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, unpack(held, view)]));
}
function array([start, count, type, shape], view) {
  const Kind = TYPES[type];
  if (!count || !view) return reshape(new Kind(0), shape);
  const first = view.byteOffset + start;
  const bytes = view.buffer.slice(first, first + count * Kind.BYTES_PER_ELEMENT);
  return reshape(new Kind(bytes), shape);
}
function reshape(numbers, [rows, ...columns]) {
  if (!columns.length) return numbers;
  const size = numbers.length / rows;
  return Array.from(
    { length: rows },
    (_, row) => reshape(numbers.subarray(row * size, (row + 1) * size), columns)
  );
}

// src/plots/aside.ts
var ASIDE_MS = 120;
var ASIDE_ASKED_MS = 40;
var Aside = class {
  constructor(clock) {
    this.clock = clock;
  }
  clock;
  act = null;
  timer = 0;
  /** Does this with the next plot, or in a moment; only the latest counts. */
  offer(act, asked) {
    this.act = act;
    this.timer ||= this.clock.after(asked ? ASIDE_ASKED_MS : ASIDE_MS, () => this.catchUp());
  }
  catchUp() {
    const { act } = this;
    this.stop();
    act?.();
  }
  stop() {
    this.clock.cancel(this.timer);
    this.timer = 0;
    this.act = null;
  }
};

// src/plots/plotly_internals.ts
var ENDS = ["0", "1"];
var ZOOMED_RANGE = /^[xy]axis\d*\.range\[/;
var DRAG_LAYER = ".nsewdrag";
var PlotlyInternals = class {
  constructor(gd) {
    this.gd = gd;
  }
  gd;
  get layout() {
    return this.gd._fullLayout;
  }
  axis(name) {
    return this.layout[name];
  }
  names() {
    return Object.keys(this.layout).filter((name) => AXIS.test(name) && this.axis(name).range);
  }
  range(axis) {
    return this.axis(axis).range;
  }
  follows(axis) {
    return Boolean(this.axis(axis).autorange);
  }
  zoomed() {
    const noted = Object.keys(this.layout._preGUI).filter((path) => ZOOMED_RANGE.test(path));
    const axes = new Set(noted.map((path) => keysOf(path)[0]));
    return new Set([...axes].filter((axis) => !this.follows(axis)));
  }
  before(axis) {
    return ENDS.map((end) => this.layout._preGUI[`${axis}.range[${end}]`]);
  }
  home(axis) {
    return ENDS.map((end) => this.axis(axis)[`_rangeInitial${end}`]);
  }
  setHome(axis, [low, high]) {
    const full = this.axis(axis);
    if (full) [full._rangeInitial0, full._rangeInitial1] = [low, high];
  }
  forget(axis) {
    const noted = this.layout._preGUI;
    for (const path of Object.keys(noted)) if (keysOf(path)[0] === axis) delete noted[path];
  }
  /** The axes of the traces that name no others. */
  mainAxes() {
    return [pixelAxis(this.axis("xaxis")), pixelAxis(this.axis("yaxis"))];
  }
  /** What takes the pointer over the main axes. */
  dragLayer() {
    return this.gd.querySelector(DRAG_LAYER);
  }
  /** That layer if a pointer is over it, while plotly itself does nothing with a drag. */
  pressedLayer(event) {
    if (this.layout.dragmode !== false || !(event.target instanceof Element)) return null;
    return event.target.closest(DRAG_LAYER);
  }
  /** Whether plotly draws a trace; not while it is hidden, or has no points. */
  isVisible(index) {
    return this.fullTrace(index).visible === true;
  }
  /** A trace as it is drawn; null if it is not, or no scatter. */
  scatter(index) {
    const full = this.fullTrace(index);
    const element2 = this.gd.querySelector(`.scatterlayer .trace${full.uid}`);
    if (!element2 || full.visible !== true || full.type !== "scatter") return null;
    const all = (selector) => [...element2.querySelectorAll(selector)];
    const fill = full.fill ?? "none";
    const straight = (full.line?.shape ?? "linear") === "linear";
    const axis = (id) => pixelAxis(this.axis(id.replace(/^[xy]/, "$&axis")));
    return {
      mode: full.mode,
      filled: fill === "toself",
      straight: straight && ["toself", "none"].includes(fill),
      axes: [axis(full.xaxis), axis(full.yaxis)],
      lines: () => all("path.js-line"),
      fills: () => all("path.js-fill"),
      points: () => all("path.point"),
      words: () => all(".textpoint")
    };
  }
  fullTrace(index) {
    return this.gd._fullData[index];
  }
};
function topOf(point) {
  const { yaxis } = point;
  if (typeof yaxis?.d2p !== "function") return null;
  return yaxis.d2p(point.y) + yaxis._offset;
}
function missingInternals(gd) {
  const { _fullLayout: layout, _fullData: data } = gd;
  if (!layout || typeof layout !== "object") return ["_fullLayout"];
  if (!Array.isArray(data) || data.length !== gd.data.length) return ["_fullData"];
  const axes = Object.keys(layout).filter((name) => AXIS.test(name));
  return [
    ...isRecord(layout._preGUI) ? [] : ["_fullLayout._preGUI"],
    ..."dragmode" in layout ? [] : ["_fullLayout.dragmode"],
    ...axes.flatMap(
      (name) => missingOfAxis(layout[name]).map((part) => `_fullLayout.${name}.${part}`)
    ),
    ...!axes.length || gd.querySelector(DRAG_LAYER) ? [] : [DRAG_LAYER],
    ...data.flatMap(({ uid }, index) => typeof uid === "string" ? [] : `_fullData[${index}].uid`)
  ];
}
function missingOfAxis(axis) {
  const kinds = { _id: "string", _offset: "number", _length: "number" };
  const calls = { d2p: "function", p2d: "function" };
  const expected = Object.entries({ ...kinds, ...calls });
  const missing = expected.filter(([part, kind]) => typeof axis[part] !== kind).map(([part]) => part);
  if (!Array.isArray(axis.range)) missing.push("range");
  if (!("autorange" in axis)) missing.push("autorange");
  const home = axis.autorange || ENDS.every((end) => `_rangeInitial${end}` in axis);
  return home ? missing : [...missing, "_rangeInitial"];
}
function isRecord(value) {
  return typeof value === "object" && value !== null;
}
function pixelAxis(axis) {
  return {
    letter: axis._id[0],
    follows: Boolean(axis.autorange),
    length: axis._length,
    toPixels: (value) => axis.d2p(value),
    toValue: (pixels) => axis.p2d(pixels)
  };
}

// src/plots/hover.ts
var NEAR_CURVE = 24;
var CLICK_MS = 350;
function pointedStep(panel, clientY) {
  if (!panel.points) return null;
  if (panel.name === "adaptation") return Math.max(Math.round(Number(panel.points[0].x)), 0);
  const y = clientY - panel.gd.getBoundingClientRect().top;
  let nearest = null;
  let reach = NEAR_CURVE;
  for (const point of panel.points) {
    const step = point.data.meta?.inner_step;
    const top = topOf(point);
    if (step === void 0 || !Number.isInteger(step) || top === null) continue;
    const away = Math.abs(top - y);
    if (away < reach || away === reach && nearest === null) [nearest, reach] = [step, away];
  }
  return nearest;
}
function followPointer(panel, hovered, emit, signal) {
  const { gd, name } = panel;
  const point = (clientY) => {
    if (name !== "training") hovered(pointedStep(panel, clientY));
  };
  gd.on("plotly_hover", ({ event, points }) => {
    panel.points = points;
    point(event.clientY);
  });
  gd.on("plotly_unhover", () => {
    panel.points = null;
    point(0);
  });
  const follow = (event) => {
    if (panel.points) point(event.clientY);
  };
  gd.addEventListener("mousemove", follow, { signal });
  const act = (x) => {
    if (name === "adaptation") emit({ kind: "set", name: "shown_step", value: x, final: true });
    if (name !== "training" || panel.figure?.layout.meta?.x === "seconds") return;
    emit({ kind: "look", meta_step: x });
  };
  let [clicked, left] = [0, -Infinity];
  gd.on("plotly_click", ({ points }) => {
    const x = Math.round(Number(points[0].x));
    clearTimeout(clicked);
    if (!(x >= 0) || performance.now() - left < CLICK_MS) return;
    clicked = window.setTimeout(() => act(x), CLICK_MS);
  });
  gd.on("plotly_doubleclick", () => {
    clearTimeout(clicked);
    left = performance.now();
  });
  signal.addEventListener("abort", () => clearTimeout(clicked));
}

// src/plots/moves.ts
var MOVING = /* @__PURE__ */ new Set(["x", "y", "text", "hovertext"]);
var SCALE = /^[xy]axis\.(range|tickvals|ticktext)$/;
function isScale(path) {
  return SCALE.test(path);
}
function onlyMoves({ traces, layout }, titled) {
  const other = (path) => keysOf(path)[0] !== "meta" && !isScale(path);
  const drawn = (path) => other(path) && (titled || path !== "title.text");
  const paths = traces.flatMap(([, changed]) => Object.keys(changed));
  return paths.every((path) => MOVING.has(path)) && !Object.keys(layout).some(drawn);
}
async function rescale(plotly, gd, internals, scales) {
  if (scales.some(([path]) => internals.follows(keysOf(path)[0]))) return false;
  const lists = scales.map(([path, value]) => [path, Array.isArray(value) ? [...value] : value]);
  await plotly.relayout(gd, Object.fromEntries(lists));
  return true;
}
function move(gd, internals, figure, changed) {
  const acts = [];
  for (const [index, paths] of changed) {
    const hidden = (gd.data[index].visible ?? true) !== true;
    const trace = figure.data[index];
    if (hidden || !internals.isVisible(index) && !hasPoints(trace)) continue;
    const scatter = internals.scatter(index);
    const moved = scatter && moveScatter(scatter, trace, paths);
    if (!moved) return false;
    acts.push(...moved);
  }
  for (const act of acts) act();
  for (const [index, paths] of changed) {
    for (const path of paths) gd.data[index][path] = figure.data[index][path];
  }
  gd.layout.meta = figure.layout.meta;
  return true;
}
function moveScatter(drawn, trace, paths) {
  const written = drawn.mode.includes("text");
  if (!paths.has("x") && !paths.has("y") && !(written && paths.has("text"))) return [];
  const follows = drawn.axes.some((axis) => axis.follows && paths.has(axis.letter));
  const pieces = follows ? [] : pixelPieces(drawn.axes, trace);
  if (!pieces.length) return null;
  if (!written) return movePoints(drawn, pieces);
  return drawn.mode === "text" ? moveWords(drawn.words(), pieces, trace.text) : null;
}
function movePoints(drawn, pieces) {
  const [lines, fills, points] = [drawn.lines(), drawn.fills(), drawn.points()];
  const { filled } = drawn;
  const marked = drawn.mode.includes("markers");
  const whole = pieces.length === 1;
  const same = (drawn.mode.includes("lines") ? lines.length > 0 : !lines.length) && fills.length === Number(filled) && (whole || !filled && !marked && pieces.every((piece) => piece.length > 1)) && points.length === (marked ? pieces[0].length : 0) && drawn.straight;
  if (!same) return null;
  const paths = pieces.map((piece) => `M${piece.map(coordinates).join("L")}`);
  return [
    ...lines.length ? asMany(lines, paths, (line, path) => line.setAttribute("d", path)) : [],
    ...fills.map((fill) => () => fill.setAttribute("d", `${paths[0]}Z`)),
    ...points.map(
      (point, i) => () => point.setAttribute("transform", `translate(${coordinates(pieces[0][i])})`)
    )
  ];
}
function moveWords(groups, [places, ...more], words) {
  const plain = Array.isArray(words) && words.length === places.length && !words.some((word) => /[<&]/.test(word));
  if (more.length || !plain || !groups.length) return null;
  return asMany(groups, places, (group, [left, top], i) => {
    const text = group.querySelector("text");
    if (!text) return;
    text.setAttribute("x", String(left));
    text.setAttribute("y", String(top));
    text.textContent = words[i];
  });
}
function asMany(elements, values, put) {
  const last = elements[elements.length - 1];
  const copy = () => {
    const twin = last.cloneNode(true);
    last.parentNode?.appendChild(twin);
    return twin;
  };
  return [
    () => {
      for (const element2 of elements.splice(values.length)) element2.remove();
    },
    ...values.map((value, i) => () => {
      elements[i] ??= copy();
      put(elements[i], value, i);
    })
  ];
}
function coordinates([left, top]) {
  return `${left.toFixed(2)},${top.toFixed(2)}`;
}
function pixelPieces([across, up], { x, y }) {
  const pieces = [];
  let piece = null;
  for (let i = 0; i < pointCount(x, y); i += 1) {
    const place2 = [across.toPixels(x?.[i]), up.toPixels(y?.[i])];
    if (!place2.every(Number.isFinite)) {
      piece = null;
    } else if (piece) {
      piece.push(place2);
    } else {
      piece = [place2];
      pieces.push(piece);
    }
  }
  return pieces;
}

// src/plots/title.ts
function showTitle(target, figure) {
  const text = titleHeight(figure) && figure.layout.title?.text || "";
  if (target.dataset.text === text) return;
  target.dataset.text = text;
  const { childNodes, textContent } = new DOMParser().parseFromString(text, "text/html").body;
  target.replaceChildren(
    ...[...childNodes].map(
      (part) => element(part.nodeName === "B" ? "b" : "span", {}, part.textContent ?? "")
    )
  );
  target.title = textContent ?? "";
}

// src/plots/panel.ts
var PlotPanel = class {
  constructor(name, gd, title) {
    this.name = name;
    this.gd = gd;
    this.title = title;
  }
  name;
  gd;
  title;
  figure = null;
  width = 0;
  dirty = false;
  drawn = false;
  /** Since when it is to be drawn. */
  since = 0;
  lists = /* @__PURE__ */ new WeakMap();
  support = null;
  /** What plotly's label at the pointer tells of. */
  points = null;
  listening = null;
  /** The plot beyond plotly's documented interface; null if that is not as expected. */
  internals = null;
  cursor = {};
  /** What has changed since the last drawing, and moves without plotly. */
  moves = /* @__PURE__ */ new Map();
  /** The same since plotly drew last. */
  movesSincePlotly = /* @__PURE__ */ new Map();
  /** Path of an axis' range or numbers → its new value. */
  scales = /* @__PURE__ */ new Map();
  /** Whether the kernel has sent another figure. */
  replaced = false;
  /** Whether anything has changed that plotly must draw. */
  needsPlotly = true;
  /** Whether plotly has to restart with an empty element. */
  mustRestart = false;
  margin;
  config = {};
  whole(figure) {
    if (this.drawn && this.figure && isEditable(figure) !== isEditable(this.figure)) {
      this.mustRestart = true;
    }
    this.figure = figure;
    this.replaced = this.drawn;
    this.touch();
  }
  change(changes) {
    const { figure } = this;
    if (!figure) return;
    const before = figure.layout;
    const quick = onlyMoves(changes, titleHeight(figure) === 0);
    for (const [index, paths] of changes.traces) {
      for (const changed of [this.moves, this.movesSincePlotly]) {
        changed.set(index, /* @__PURE__ */ new Set([...changed.get(index) ?? [], ...Object.keys(paths)]));
      }
      for (const [path, value] of Object.entries(paths)) {
        figure.data[index] = withValue(figure.data[index], keysOf(path), value);
      }
    }
    for (const [path, value] of Object.entries(changes.layout)) {
      if (isScale(path)) this.scales.set(path, value);
      figure.layout = withValue(figure.layout, keysOf(path), value);
    }
    if (this.internals) {
      leaveZoom(this.internals, before, figure.layout, Object.keys(changes.layout));
    }
    this.touch(!quick);
  }
  /** It is to be drawn again. */
  touch(needsPlotly = true) {
    if (!this.dirty) this.since = performance.now();
    this.dirty = true;
    this.needsPlotly ||= needsPlotly;
  }
  get drawable() {
    return this.dirty && this.figure !== null && this.width > 0;
  }
  /** What plotly draws of the figure on this page. */
  derive(look) {
    const { figure, name, width } = this;
    if (!figure) throw new Error(`the ${name} panel has no figure yet`);
    return deriveFigure(figure, { ...look, panel: name, width });
  }
  leave(plotly) {
    this.support?.destroy();
    this.listening?.abort();
    if (this.drawn) plotly?.purge(this.gd);
    this.support = this.points = this.internals = null;
    this.mustRestart = this.drawn = false;
  }
  /** Whether plotly does not know of the last drawing. */
  get behind() {
    return this.movesSincePlotly.size > 0;
  }
  /** Whether it could be drawn without plotly, whose label at the pointer must know of all points. */
  get movable() {
    const still = this.drawn && !this.mustRestart && !this.needsPlotly && !this.support?.ahead;
    return still && this.internals !== null && !this.gd.matches(":hover");
  }
  /** Whether that would take no time worth mentioning. */
  get quick() {
    return this.movable && !this.scales.size;
  }
  /** @returns whether it took no time */
  async draw(plotly, look, attach) {
    const { figure, quick, movable } = this;
    if (!figure) return false;
    let moved = false;
    this.dirty = this.needsPlotly = false;
    try {
      moved = movable && await this.move(plotly, figure);
      if (moved) showTitle(this.title, figure);
      else await this.drawByPlotly(plotly, figure, look, attach);
      if (this.internals) setWayBack(this.internals, (this.figure ?? figure).layout);
    } catch (error) {
      this.needsPlotly = true;
      throw error;
    }
    this.gd.dispatchEvent(new CustomEvent("maml-lab-drawn"));
    return quick && moved;
  }
  /** @returns false where it is left to plotly */
  async move(plotly, figure) {
    const { gd, internals, moves, movesSincePlotly } = this;
    if (!internals) return false;
    const zoomed = internals.zoomed();
    const scales = [...this.scales].filter(([path]) => !zoomed.has(keysOf(path)[0]));
    this.moves = /* @__PURE__ */ new Map();
    this.scales = /* @__PURE__ */ new Map();
    if (!scales.length) return move(gd, internals, figure, moves);
    return await rescale(plotly, gd, internals, scales) && move(gd, internals, figure, movesSincePlotly);
  }
  async drawByPlotly(plotly, figure, look, attach) {
    for (const changes of [this.moves, this.movesSincePlotly, this.scales]) changes.clear();
    const { replaced, gd } = this;
    this.replaced = false;
    const { data, layout } = this.derive({ ...look, lists: this.lists, cursor: this.cursor });
    const margin = JSON.stringify(layout.margin);
    if (this.mustRestart || this.drawn && margin !== this.margin) this.leave(plotly);
    this.margin = margin;
    this.support?.apply(data);
    if (this.support?.ahead && this.internals) holdRanges(this.internals, layout);
    showTitle(this.title, figure);
    if (this.drawn) {
      if (this.internals) keepZoom(this.internals, layout, replaced);
      await plotly.react(gd, data, layout, this.config);
      return;
    }
    this.drawn = true;
    this.config = plotConfig(figure);
    await plotly.newPlot(gd, data, layout, this.config);
    this.internals = expectedInternals(gd, plotly);
    attach(this, figure);
  }
};
function plotConfig(figure) {
  const buttons = isEditable(figure) ? [] : ["zoom2d", "pan2d"];
  return {
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtons: [[...buttons, "resetScale2d"]],
    doubleClick: "reset",
    responsive: false
  };
}
function expectedInternals(gd, plotly) {
  const missing = missingInternals(gd);
  if (!missing.length) return new PlotlyInternals(gd);
  console.warn(
    `MAML Lab: plotly.js ${plotly.version} lacks ${missing.join(", ")}: it redraws plots plainly`
  );
  return null;
}

// src/plots/receipts.ts
var RECEIPT_MS = 900;
var Receipts = class {
  constructor(send, clock) {
    this.send = send;
    this.clock = clock;
  }
  send;
  clock;
  complete = 0;
  acknowledged = 0;
  acknowledgedAt = -Infinity;
  timer = 0;
  /** All messages up to this one are on the page. */
  confirm(number) {
    this.complete = number;
    this.acknowledge();
  }
  stop() {
    this.clock.cancel(this.timer);
  }
  acknowledge() {
    this.clock.cancel(this.timer);
    if (this.complete === this.acknowledged) return;
    const early = this.acknowledgedAt + RECEIPT_MS - this.clock.now();
    if (early > 0) {
      this.timer = this.clock.after(early, () => this.acknowledge());
      return;
    }
    this.acknowledgedAt = this.clock.now();
    this.acknowledged = this.complete;
    this.send(this.complete);
  }
};

// src/plots/support.ts
var REACH = 12;
var STILL = 4;
var ANSWER_MS2 = 500;
var DOUBLE_CLICK_MS = 350;
var EDITING = "Support points: click free space to add one, drag one to move it, click one to remove it";
var HINT = "click: add or remove · drag: move";
var SupportPoints = class {
  /**
   * @param figure - gives the figure as it is now
   * @param changed - hears that the plot is to be drawn again
   */
  constructor(gd, internals, figure, emit, changed, signal) {
    this.gd = gd;
    this.internals = internals;
    this.figure = figure;
    this.emit = emit;
    this.changed = changed;
    gd.addEventListener("pointerdown", (event) => this.press(event), { capture: true, signal });
    gd.addEventListener("pointermove", (event) => this.move(event), { signal });
    gd.addEventListener("pointerup", (event) => this.release(event), { signal });
    gd.addEventListener("pointercancel", () => this.drop(), { signal });
    const own = (event) => {
      if (internals.pressedLayer(event)) event.stopPropagation();
    };
    gd.addEventListener("touchstart", own, { capture: true, passive: true, signal });
    gd.setAttribute("aria-label", EDITING);
    gd.setAttribute("role", "group");
    gd.after(this.hint);
  }
  gd;
  internals;
  figure;
  emit;
  changed;
  /** The point that is shown where the pointer has it. */
  ahead = null;
  current = null;
  timer = 0;
  frame = 0;
  clicked = { px: NaN, py: NaN, time: 0 };
  hint = element("span", { class: "maml-lab-hint", "aria-hidden": "true" }, HINT);
  destroy() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.current = this.ahead = null;
    this.hint.remove();
    for (const name of ["aria-label", "role"]) this.gd.removeAttribute(name);
  }
  /** Puts the moved point where the pointer has it into the traces that are drawn. */
  apply(data) {
    const trace = supportOf(data);
    const { ahead } = this;
    if (!ahead || !trace || ahead.index >= (trace.x?.length ?? 0)) return;
    for (const axis of ["x", "y"]) {
      const values = Array.from(trace[axis] ?? []);
      values[ahead.index] = ahead[axis];
      trace[axis] = values;
    }
  }
  place(event) {
    const layer = this.internals.dragLayer();
    if (!layer) return null;
    const [across, up] = this.internals.mainAxes();
    const box = layer.getBoundingClientRect();
    const along = (offset, size, length) => Math.min(Math.max(offset / size, 0), 1) * length;
    const px = along(event.clientX - box.left, box.width, across.length);
    const py = along(event.clientY - box.top, box.height, up.length);
    return { px, py, x: across.toValue(px), y: up.toValue(py) };
  }
  nearest(at) {
    const [across, up] = this.internals.mainAxes();
    const { x, y } = supportOf(this.figure()?.data ?? []) ?? {};
    let best = -1;
    let reach = REACH;
    for (let i = 0; i < pointCount(x, y); i += 1) {
      const away = Math.hypot(across.toPixels(x?.[i]) - at.px, up.toPixels(y?.[i]) - at.py);
      if (away <= reach) [best, reach] = [i, away];
    }
    return best;
  }
  press(event) {
    if (!this.internals.pressedLayer(event) || event.button !== 0 || !event.isPrimary) return;
    const at = this.place(event);
    if (!at) return;
    event.preventDefault();
    this.current = { index: this.nearest(at), start: at, at, dragged: false };
    this.gd.setPointerCapture(event.pointerId);
  }
  move(event) {
    const at = this.place(event);
    if (!at) return;
    const { current } = this;
    if (!current) {
      const layer = this.internals.pressedLayer(event);
      if (layer) layer.style.cursor = this.nearest(at) < 0 ? "crosshair" : "grab";
      return;
    }
    const { start, index } = current;
    current.at = at;
    current.dragged ||= Math.hypot(at.px - start.px, at.py - start.py) > STILL;
    if (index < 0 || !current.dragged) return;
    this.show(index, at);
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.current) this.send("move", index, this.current.at, false);
    });
  }
  release(event) {
    const { current } = this;
    const at = this.place(event);
    if (!current || !at) return;
    this.current = null;
    if (current.dragged && current.index >= 0) {
      this.show(current.index, at);
      this.send("move", current.index, at, true);
      this.timer = window.setTimeout(() => this.drop(), ANSWER_MS2);
    } else if (!current.dragged) {
      this.drop();
      if (this.isSecondClick(at)) return;
      if (current.index >= 0) this.send("remove", current.index, at, true);
      else this.send("add", null, at, true);
    }
  }
  /** Whether a click is the second of two at one place, which are one. */
  isSecondClick({ px, py }) {
    const before = this.clicked;
    this.clicked = { px, py, time: performance.now() };
    const near = Math.hypot(px - before.px, py - before.py) <= STILL;
    return near && this.clicked.time - before.time < DOUBLE_CLICK_MS;
  }
  show(index, { x, y }) {
    clearTimeout(this.timer);
    this.ahead = { index, x, y };
    this.changed();
  }
  /** From here on the kernel's points are shown as they are. */
  drop() {
    this.current = this.ahead = null;
    this.changed();
  }
  send(action, index, { x, y }, final) {
    this.emit({ kind: "support", action, index, x, y, final });
  }
};
function supportOf(data) {
  return data.find((trace) => trace.meta?.support);
}

// src/plots/turns.ts
var AWAITED_MS = 200;
var OVERDUE_MS = 400;
var Turns = class {
  constructor(clock) {
    this.clock = clock;
  }
  clock;
  asked = 0;
  answered = 0;
  /** The number of the question whose answer is waited for; 0 for none. */
  awaited = 0;
  patience = 0;
  /** Whether an answer is still to be drawn; until then nothing else is waited for. */
  due = false;
  askedAt = -Infinity;
  /** A person has asked so many questions: until the answer no plot takes the time to draw. */
  expect(number) {
    this.asked = number;
    this.askedAt = this.clock.now();
    this.resume();
  }
  /** The kernel has answered so many. */
  hear(answers) {
    this.answered = Math.max(this.answered, answers);
    if (!this.awaited || this.answered < this.awaited) return;
    this.awaited = 0;
    this.due = true;
  }
  /** Whether a person has asked something just now. */
  get recent() {
    return this.clock.now() - this.askedAt < AWAITED_MS;
  }
  /** The first that has changed, unless another has waited for long. */
  next(plots) {
    const now = this.clock.now();
    if (this.awaited && now > this.patience) this.hear(this.asked);
    const waiting = plots.filter((plot) => plot.drawable);
    const overdue = waiting.find((plot) => now - plot.since > OVERDUE_MS);
    return overdue ?? (this.awaited ? void 0 : waiting[0]);
  }
  /** The answer is about to be drawn. */
  begin() {
    this.due = false;
  }
  /** Something more may have been asked before the answer was drawn, as in a drag. */
  resume() {
    if (this.awaited || this.due || this.asked <= this.answered) return;
    this.awaited = this.asked;
    this.patience = this.clock.now() + AWAITED_MS;
  }
};

// src/plots/plots.ts
var PANELS = ["adaptation", "task", "training"];
var MARGIN = "300px";
var Plots = class {
  panels;
  look = { dark: false, large: false, colours: {}, step: null };
  turns = new Turns(pageClock);
  plotly = null;
  visible = false;
  drawing = false;
  /** The frame in which something is drawn; 0 for none. */
  frame = 0;
  emit;
  receipts;
  aside = new Aside(pageClock);
  sizes;
  sight;
  hovered = null;
  /** Number of the last message. */
  received = 0;
  gone = false;
  constructor({ elements, titles, root, library, emit }) {
    this.emit = emit;
    this.panels = PANELS.map(
      (name) => new PlotPanel(name, elements[name], titles[name])
    );
    this.receipts = new Receipts((number) => emit({ kind: "drawn", number }), pageClock);
    this.sizes = new ResizeObserver((entries) => this.resize(entries));
    this.sight = new IntersectionObserver(
      (entries) => this.see(entries[entries.length - 1].isIntersecting),
      { rootMargin: MARGIN }
    );
    for (const panel of this.panels) this.sizes.observe(panel.gd);
    this.sight.observe(root);
    library.then(
      (plotly) => {
        this.plotly = plotly;
        this.schedule();
      },
      (error) => console.error("MAML Lab: plotly.js could not be loaded", error)
    );
  }
  /** What is on the page before the kernel answers. */
  begin({ figures, buffers }) {
    if (figures) this.takeWhole(figures, buffers ?? []);
  }
  receive(message, buffers) {
    if (message.kind === "whole") {
      this.received = message.number;
      this.takeWhole(message.figures, buffers);
    } else if (this.received) {
      this.received = message.number;
      this.takeChanges(message.figures, buffers);
    }
  }
  setLook(changes) {
    Object.assign(this.look, changes);
    for (const panel of this.panels) {
      panel.lists = /* @__PURE__ */ new WeakMap();
      panel.touch();
    }
    this.fit();
    this.schedule();
  }
  setStep(step) {
    this.look.step = step;
    this.emphasise();
  }
  /** The look with the inner step at the pointer. */
  get currentLook() {
    return { ...this.look, step: this.hovered ?? this.look.step };
  }
  /** A person has asked so many questions. */
  expect(number) {
    this.turns.expect(number);
  }
  /** The kernel has answered so many. */
  hear(answers) {
    this.turns.hear(answers);
  }
  /** Does this in the next frame that draws a plot. */
  alongside(act) {
    this.aside.offer(act, this.turns.recent);
  }
  schedule() {
    const awake = this.visible || this.panels.some((panel) => !panel.drawn);
    if (this.gone || !this.plotly || !awake || this.drawing) return;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }
  destroy() {
    this.gone = true;
    cancelAnimationFrame(this.frame);
    this.receipts.stop();
    this.aside.stop();
    this.sizes.disconnect();
    this.sight.disconnect();
    for (const panel of this.panels) panel.leave(this.plotly);
  }
  takeWhole(packed, buffers) {
    const figures = unpackArrays(packed, buffers[0]);
    for (const panel of this.panels) {
      if (figures[panel.name]) panel.whole(figures[panel.name]);
    }
    this.fit();
    this.schedule();
  }
  takeChanges(packed, buffers) {
    const figures = unpackArrays(packed, buffers[0]);
    for (const panel of this.panels) {
      if (figures[panel.name]) panel.change(figures[panel.name]);
    }
    this.fit();
    this.schedule();
  }
  hover(step) {
    if (step === this.hovered) return;
    this.hovered = step;
    this.emphasise();
  }
  emphasise() {
    for (const panel of this.panels) if (panel.name !== "training") panel.touch();
    this.schedule();
  }
  fit() {
    for (const { gd, name, figure } of this.panels) {
      gd.style.height = `${plotHeight(name, figure, this.look)}px`;
    }
  }
  resize(entries) {
    for (const { target, contentRect } of entries) {
      const panel = this.panels.find(({ gd }) => gd === target);
      const width = Math.floor(contentRect.width);
      if (!panel || width === panel.width) continue;
      panel.width = width;
      panel.touch();
    }
    this.schedule();
  }
  see(visible) {
    this.visible = visible;
    this.schedule();
  }
  /** One plot of plotly's a frame, and alone: the first is seen before the others are made. */
  async draw() {
    this.frame = 0;
    this.aside.catchUp();
    this.drawing = true;
    let panel = this.turns.next(this.panels);
    this.turns.begin();
    do {
      const quick = panel !== void 0 && await this.drawPanel(panel);
      this.turns.resume();
      panel = quick ? this.turns.next(this.panels) : void 0;
    } while (panel?.quick);
    this.drawing = false;
    if (this.gone) return;
    if (this.panels.some((waiting) => waiting.drawable)) this.schedule();
    else this.receipts.confirm(this.received);
  }
  async drawPanel(panel) {
    if (!this.plotly) return false;
    try {
      return await panel.draw(this.plotly, this.currentLook, (drawn) => this.attach(drawn));
    } catch (error) {
      if (!this.gone) console.error(`MAML Lab: the ${panel.name} plot failed`, error);
      return false;
    }
  }
  attach(panel) {
    if (this.gone) {
      this.plotly?.purge(panel.gd);
      return;
    }
    panel.listening = new AbortController();
    const { signal } = panel.listening;
    panel.gd.on("plotly_relayout", () => {
      if (panel.internals) endZoom(panel.internals);
    });
    followPointer(panel, (step) => this.hover(step), this.emit, signal);
    const changed = () => {
      panel.touch();
      this.schedule();
    };
    const enter = () => {
      if (panel.behind) changed();
    };
    panel.gd.addEventListener("pointerenter", enter, { signal });
    const { name, gd, internals } = panel;
    const editable = name === "task" && panel.figure !== null && isEditable(panel.figure);
    if (!internals || !editable) return;
    const figure = () => panel.figure;
    panel.support = new SupportPoints(gd, internals, figure, this.emit, changed, signal);
  }
};

// src/dashboard.ts
function showDashboard(host, container) {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  const outbox = new Outbox(
    view,
    (message) => host.send(message),
    (asked) => plots.expect(asked),
    pageClock
  );
  const { emit } = outbox;
  const controls = toolbars(host.get("controls"), emit);
  const { root, elements, titles, lost } = page(controls.places);
  container.append(root);
  const plots = new Plots({ elements, titles, root, library: host.plotly(), emit });
  const media = matchMedia("(prefers-color-scheme: dark)");
  const look = () => {
    const large = host.get("large");
    const dark = isDark(media);
    root.classList.toggle("maml-lab-large", large);
    root.classList.toggle("maml-lab-dark", dark);
    plots.setLook({ large, dark, colours: host.get("dark") });
  };
  const state = () => controls.update(host.get("state"));
  const step = () => plots.setStep(host.get("inner_step"));
  const hear = (message, buffers) => {
    if (message.kind === "whole" || message.kind === "changes") {
      plots.receive(message, buffers);
      plots.hear(message.answers[view] ?? 0);
    } else if (message.view === view) {
      answer(message, buffers);
    }
  };
  const answer = async (message, buffers) => {
    if (message.kind === "copy") await copyText(root, message.text);
    if (message.kind === "file")
      download(message.filename, new Blob([buffers[0]]));
    try {
      if (message.kind === "export") await savePicture(plots, message);
      if (message.kind === "snapshot") emit({ kind: "picture", images: await takePictures(plots) });
    } catch (error) {
      console.error("MAML Lab: the picture failed", error);
    }
  };
  const connect = (connection) => {
    outbox.close(connection === "ended");
    if (connection !== "live") lost.textContent = lossOf(connection);
    root.classList.toggle("maml-lab-is-lost", connection !== "live");
  };
  const theme = new MutationObserver(look);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  media.addEventListener("change", look);
  const subscriptions = [
    host.onChange("large", look),
    host.onChange("dark", look),
    host.onChange("state", () => plots.alongside(state)),
    host.onChange("inner_step", step),
    host.onMessage(hear),
    host.onConnection(connect)
  ];
  look();
  state();
  step();
  plots.begin(host.get("first"));
  emit({ kind: "ready" });
  let gone = false;
  return () => {
    if (gone) return;
    gone = true;
    for (const unsubscribe of subscriptions) unsubscribe();
    theme.disconnect();
    media.removeEventListener("change", look);
    plots.destroy();
    root.remove();
  };
}
function page(places) {
  const div = (names) => element("div", { class: names });
  const all = (names) => ({
    adaptation: div(names),
    task: div(names),
    training: div(names)
  });
  const elements = all("maml-lab-plot");
  const titles = all("maml-lab-title");
  const panels = PANELS.map((name) => {
    elements[name].style.height = `${HEIGHTS[name]}px`;
    titles[name].setAttribute("role", "heading");
    titles[name].ariaLevel = "3";
    const head = element("header", { class: "maml-lab-head" }, titles[name], places[name]);
    const names = `maml-lab-panel maml-lab-${name}`;
    return element("section", { class: names }, head, elements[name]);
  });
  const lost = element("p", { class: "maml-lab-lost", role: "status" });
  const plots = element("div", { class: "maml-lab-plots" }, ...panels);
  const root = element("div", { class: "maml-lab" }, places.top, lost, plots);
  return { root, elements, titles, lost };
}
function isDark(media) {
  const light = document.body.dataset.jpThemeLight;
  return light === void 0 ? media.matches : light === "false";
}
function lossOf(connection) {
  const remedy = document.body.dataset.voila ? "load the page again" : "run all cells again";
  if (connection === "ended") return `The kernel has restarted: ${remedy}.`;
  return `The kernel is out of reach. If it stays so, ${remedy}.`;
}

// src/plots/plotly_loader.ts
function plotlyLibrary(bundle) {
  const key = /* @__PURE__ */ Symbol.for(`maml-lab.plotly.${bundle.get("version")}`);
  const libraries = window;
  libraries[key] ??= evaluate(bundle.get("packed")).catch((error) => {
    delete libraries[key];
    throw error;
  });
  return libraries[key];
}
function beginPlotly(bundle) {
  plotlyLibrary(bundle).catch(() => {
  });
}
async function evaluate(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(stream).blob();
  const names = "const module = {exports: {}}, exports = module.exports, define = undefined;\n";
  const code = [names, source, "\nexport default module.exports;"];
  const url = URL.createObjectURL(new Blob(code, { type: "text/javascript" }));
  const before = Object.getOwnPropertyDescriptor(window, "Plotly");
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
    if (before) Object.defineProperty(window, "Plotly", before);
    else Reflect.deleteProperty(window, "Plotly");
  }
}

// src/jupyter_host.ts
function jupyterHost(model) {
  const reference = model.get("bundle");
  const bundle = model.widget_manager.get_model(reference.replace("IPY_MODEL_", ""));
  const kernel = model.widget_manager.kernel ?? void 0;
  const subscribe = (event, listener) => {
    model.on(event, listener);
    return () => model.off(event, listener);
  };
  return {
    get: (name) => model.get(name),
    onChange: (name, listener) => subscribe(`change:${name}`, listener),
    send: (message) => model.send(message),
    onMessage: (listener) => subscribe(
      "msg:custom",
      (message, buffers) => listener(message, buffers)
    ),
    plotly: async () => plotlyLibrary(await bundle),
    onConnection(listener) {
      const connection = (plotlyModel) => {
        if (plotlyModel.comm_live === false) return "ended";
        return kernel && kernel.connectionStatus !== "connected" ? "apart" : "live";
      };
      const update = async () => listener(connection(await bundle));
      kernel?.connectionStatusChanged?.connect(update);
      const unsubscribe = subscribe("comm_live_update", update);
      return () => {
        kernel?.connectionStatusChanged?.disconnect(update);
        unsubscribe();
      };
    }
  };
}

// src/widget.ts
var widget_default = {
  /** The model that holds plotly.js: the page begins to evaluate it before any view is there. */
  initialize({ model }) {
    if (model.get("packed") !== void 0) beginPlotly(model);
  },
  render({ model, el, signal }) {
    const stop = showDashboard(jupyterHost(model), el);
    signal?.addEventListener("abort", stop);
    return stop;
  }
};
export {
  PANELS,
  Plots,
  widget_default as default,
  missingInternals,
  showDashboard,
  toolbars
};
