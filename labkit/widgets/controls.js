// The controls of the lab: what a person sets and presses, built from the specs of the kernel.
//
// labControls(groups, emit) → {places, update(state)}. The scripts of this folder are joined into
// one module; hence no import, no export, and the prefix of every name.

const LAB_PLACES = ["top", "adaptation", "task", "training"];
const LAB_BUTTONS = ["button", "toggle", "menu"];
const LAB_ANSWER_MS = 30; // a kernel that has not answered by then gets the next value
const LAB_HOLD_MS = 1000; // a choice that the kernel has not taken by then is put back
const LAB_MESSAGE_MS = 5000;
const LAB_DEBOUNCE_MS = 350;
const LAB_DECADE = 100; // positions per power of ten

// 16 × 16, one stroke; "f" fills
const LAB_ICONS = {
  play: '<path class="f" d="M4.5 2.8v10.4L13 8z"/>',
  pause: '<path class="f" d="M4 3h2.8v10H4zM9.2 3H12v10H9.2z"/>',
  step: '<path class="f" d="M3.5 3v10L10 8z"/><path d="M12 3v10"/>',
  inner: '<path d="m5 4 4 4-4 4M12 3.5v9"/>',
  task: '<path d="m2 4 4 4-4 4M7 4l4 4-4 4M13.5 3.5v9"/>',
  reset: '<path d="M3 8a5 5 0 1 0 1.6-3.7L3 5.8M3 2.5v3.3h3.3"/>',
  dice:
    '<rect x="2.2" y="2.2" width="11.6" height="11.6" rx="2.4"/><circle class="f" cx="5.5" cy="5.5" r=".7"/>' +
    '<circle class="f" cx="8" cy="8" r=".7"/><circle class="f" cx="10.5" cy="10.5" r=".7"/>',
  undo: '<path d="M5.8 2.8 2.8 5.8l3 3M2.8 5.8h6.4a3.7 3.7 0 0 1 0 7.4H6"/>',
  redo: '<path d="m10.2 2.8 3 3-3 3M13.2 5.8H6.8a3.7 3.7 0 0 0 0 7.4H10"/>',
  pin: '<path d="M5.5 2.5h5M6.3 2.5v4.2L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3"/>',
  unpin: '<path d="M5.5 2.5h5M6.3 2.5v4.2L4 9.5h8L9.7 6.7V2.5M8 9.5v4.3M2.5 13.5l11-11"/>',
  fork:
    '<path d="M4.5 5.3v5.4M11.5 5.3c0 3-7 2.2-7 5"/><circle cx="4.5" cy="3.7" r="1.6"/>' +
    '<circle cx="11.5" cy="3.7" r="1.6"/><circle cx="4.5" cy="12.3" r="1.6"/>',
  export: '<path d="M8 10V2.5M5 5l3-3 3 3M3 9v4.5h10V9"/>',
  load: '<path d="M8 2.5V10M5 7l3 3 3-3M3 9v4.5h10V9"/>',
  more:
    '<path d="M2.5 4.5h6M12.5 4.5h1M2.5 11.5h1M7.5 11.5h6"/><circle cx="10.5" cy="4.5" r="1.8"/>' +
    '<circle cx="5.5" cy="11.5" r="1.8"/>',
  type: '<text class="f" x="8" y="12.4">Aa</text>',
  shuffle: '<path d="M2 4.5h2.5l6 7H14M2 11.5h2.5l2-2.3M8.5 6.8l2-2.3H14M12 2.5l2 2-2 2M12 9.5l2 2-2 2"/>',
  live: '<circle class="f" cx="8" cy="8" r="2"/><path d="M4.6 11.4a4.8 4.8 0 0 1 0-6.8M11.4 4.6a4.8 4.8 0 0 1 0 6.8"/>',
};

function labControls(groups, emit) {
  const controls = new Map();
  const places = {};
  for (const place of LAB_PLACES) {
    places[place] = labElement("div", { class: `maml-lab-place maml-lab-place-${place}` });
  }
  for (const { place, name, controls: specs } of groups) {
    const row = labElement("div", { class: `maml-lab-row${name && ` maml-lab-row-${name}`}` });
    let buttons;
    for (const spec of specs) {
      const control = labControl(spec, emit);
      controls.set(spec.name, control.update);
      if (!LAB_BUTTONS.includes(spec.kind)) {
        buttons = undefined;
        row.append(control.node);
        continue;
      }
      // buttons in succession stand, and wrap, together
      if (!buttons) row.append((buttons = labElement("div", { class: "maml-lab-buttons" })));
      buttons.append(control.node);
    }
    places[place].append(row);
  }
  return {
    places,
    update(state) {
      for (const [name, changes] of Object.entries(state)) controls.get(name)?.(changes);
    },
  };
}

// One control; what a state leaves out is as in the spec.
function labControl(spec, emit) {
  const made = LAB_MAKERS[spec.kind](spec, emit);
  made.node.classList.add("maml-lab-control", `maml-lab-${spec.kind}`);
  made.node.dataset.name = spec.name;
  let last;
  const update = (changes) => {
    const text = JSON.stringify(changes);
    if (text === last) return;
    const state = { ...spec, ...changes };
    const about = (state.disabled && state.reason) || state.tooltip || "";
    const appears = last !== undefined && made.node.hidden && !state.hidden;
    made.node.hidden = Boolean(state.hidden);
    if (appears) made.appear?.();
    made.node.title = about;
    made.node.classList.toggle("maml-lab-unused", Boolean(state.disabled));
    if (made.label) labWrite(made.label, state.label);
    made.show(state);
    for (const input of made.inputs()) {
      input.disabled = Boolean(state.disabled);
      input.setAttribute("aria-description", about);
    }
    last = text;
  };
  update({});
  return { node: made.node, update };
}

function labElement(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  // JupyterLab takes keys pressed on what cannot be written in for its own ("a" is a new cell),
  // unless the focused element itself says otherwise
  if (element.matches("button, select, [type=range]")) element.dataset.lmSuppressShortcuts = true;
  element.append(...children);
  return element;
}

// for each node that comes or goes the style of all around is asked for again, because of rules with :has()
function labWrite(element, text) {
  const { firstChild } = element;
  if (!firstChild) element.textContent = text;
  else if (firstChild.data !== text) firstChild.data = text;
}

function labLabel(input) {
  const id = `maml-lab-${Math.random().toString(36).slice(2)}`;
  input.id = id;
  return labElement("label", { for: id, id: `${id}-label`, class: "maml-lab-label" });
}

// A value that the person and the kernel both change. While one drags, the next message waits
// for an answer, though not for long, and the latest value wins; what the kernel says meanwhile
// does not move the control.
function labValue(spec, emit, show) {
  let known, sent, next;
  let engaged = false;
  let [hold, answer, frame] = [0, 0, 0];
  const tell = (value, final) => {
    sent = value;
    emit({ kind: "set", name: spec.name, value, final });
  };
  const flush = () => {
    frame = 0;
    if (answer || next === undefined) return;
    tell(next, false);
    next = undefined;
    answer = setTimeout(answered, LAB_ANSWER_MS);
  };
  const answered = () => {
    clearTimeout(answer);
    answer = 0;
    if (next !== undefined) frame ||= requestAnimationFrame(flush);
  };
  const release = () => {
    clearTimeout(hold);
    hold = 0;
  };
  return {
    hear(value) {
      if (value === undefined) return;
      if (answer && (value !== known || value === sent)) answered();
      known = value;
      if (engaged || (hold && value !== sent)) return;
      release();
      show(value);
    },
    offer(value) {
      release();
      engaged = true;
      next = value;
      if (!frame) flush();
    },
    settle(value) {
      release();
      const late = answer || value !== known; // older values are still to be heard
      cancelAnimationFrame(frame);
      clearTimeout(answer);
      engaged = false;
      next = undefined;
      frame = answer = 0;
      tell(value, true);
      if (known === undefined || !late) return;
      hold = setTimeout(() => {
        hold = 0;
        show(known);
      }, LAB_HOLD_MS);
    },
  };
}

// Numbers of a slider by position: value(position), position(value).
function labScale({ low, high, scale, whole }) {
  const log = scale === "log";
  const span = log ? Math.log10(high / low) : high - low;
  const count = Math.max(1, log ? Math.round(LAB_DECADE * span) : whole ? span : 200);
  const rounded = (value) => (whole ? Math.round(value) : Number(value.toPrecision(3)));
  const within = (position) => Math.min(count, Math.max(0, position));
  return {
    low,
    high,
    count,
    page: Math.max(1, Math.round(log ? LAB_DECADE / 3 : count / 10)),
    within,
    value: (position) => {
      const share = (position / count) * span;
      return rounded(log ? low * 10 ** share : low + share);
    },
    position: (value) => {
      const share = log ? Math.log10(Math.max(value, low) / low) : value - low;
      return within(Math.round((share / span) * count));
    },
  };
}

function labFormat(value) {
  const number = Number(Number(value).toPrecision(7));
  // what a field has room for
  return Math.abs(number) < 1e7 ? String(number) : number.toExponential().replace("e+", "e");
}

// The number that a text means, or a message as text.
function labNumber(text, whole) {
  const plain = text.trim().replace("−", "-");
  const number = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;
  const value = number.test(plain) ? Number(plain.replace(",", ".")) : NaN;
  // "1,000" is a thousand to some: not guessed where only whole numbers count
  if (whole && !(Number.isSafeInteger(value) && !plain.includes(","))) return "whole numbers only";
  if (Number.isFinite(value)) return value;
  const shown = plain.length > 12 ? `${plain.slice(0, 11)}…` : plain;
  return shown ? `“${shown}” is not a number` : "a number is needed";
}

function labSlider(spec, emit) {
  const range = labElement("input", { type: "range", min: 0, step: 1 });
  const text = labElement("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  text.inputMode = spec.whole ? "numeric" : "decimal";
  const alert = labElement("span", { role: "alert", class: "maml-lab-alert" });
  const label = labLabel(range);
  const body = labElement("div", { class: "maml-lab-body" }, range, text);
  const node = labElement("div", {}, label, body, alert);
  node.classList.toggle("maml-lab-whole", spec.whole);
  let scale, shown;
  let [moved, silence, written] = [false, 0, ""];

  const paint = (value, position) => {
    shown = value;
    range.style.setProperty("--maml-lab-share", position / scale.count);
    range.setAttribute("aria-valuetext", labFormat(value));
    // what is being typed stays
    if (!text.matches(":focus") || text.value === written) write();
  };
  const write = () => {
    written = text.value = shown === undefined ? "" : labFormat(shown);
  };
  const show = (value) => {
    range.value = scale.position(value);
    paint(value, scale.position(value));
  };
  const model = labValue(spec, emit, show);

  const slide = (position) => {
    const value = scale.value(position);
    if (value === shown) return;
    moved = true;
    paint(value, position);
    model.offer(value);
  };
  const finish = () => {
    if (moved) model.settle(shown);
    moved = false;
  };
  const keys = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
  range.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const pages = { PageUp: scale.page, PageDown: -scale.page };
    const by = { ...keys, ...pages, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    let position = scale.within(range.valueAsNumber + by);
    // small whole numbers lie many positions apart
    while (spec.whole && scale.value(position) === shown && position % scale.count)
      position += Math.sign(by);
    // beyond the slider there is no further, only back
    const beyond = shown < scale.low || shown > scale.high;
    if (beyond && position === range.valueAsNumber) return;
    range.value = position;
    slide(position);
  });
  range.addEventListener("input", () => slide(range.valueAsNumber));
  // a drag that ends where it began makes no "change"
  for (const end of ["change", "lostpointercapture", "keyup", "blur"])
    range.addEventListener(end, finish);

  const complain = (message) => {
    clearTimeout(silence);
    alert.textContent = message;
    if (message) silence = setTimeout(() => complain(""), LAB_MESSAGE_MS);
  };
  const take = () => {
    if (text.value === written) return;
    const value = labNumber(text.value, spec.whole);
    const refused = typeof value === "string";
    complain(refused ? value : "");
    if (!refused && value !== shown) {
      show(value);
      model.settle(value);
    }
    write();
  };
  labTyping(text, take, write);
  text.addEventListener("blur", take);
  text.addEventListener("input", () => complain(""));
  return {
    node,
    label,
    inputs: () => [range, text],
    show: (state) => {
      text.setAttribute("aria-label", `${state.label}, typed value`);
      if (scale?.low !== state.low || scale.high !== state.high) {
        scale = labScale(state);
        range.max = scale.count;
        if (shown !== undefined) show(shown);
      }
      model.hear(state.value);
    },
  };
}

function labTyping(text, take, restore) {
  text.addEventListener("keydown", (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    (event.key === "Enter" ? take : restore)();
    text.select();
  });
}

function labField(spec, emit) {
  const text = labElement("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  const label = labLabel(text);
  let written = "";
  const write = (value) => {
    written = text.value = value;
  };
  const model = labValue(spec, emit, (value) => {
    if (!text.matches(":focus") || text.value === written) write(value);
    else written = value;
  });
  const restore = () => write(written);
  // the same text again is asked for again
  const take = () => {
    if (!text.value) return;
    write(text.value);
    model.settle(written);
  };
  labTyping(text, take, restore);
  text.addEventListener("blur", restore);
  const node = labElement("div", {}, label, text);
  return {
    node,
    label,
    inputs: () => [text],
    show: (state) => model.hear(state.value),
    // for whom has just asked for it, on this page
    appear: () => node.closest(".maml-lab")?.contains(document.activeElement) && text.focus(),
  };
}

// What select and segments share: a value out of options, asked for first if it has consequences.
function labChoice(spec, emit, node, paint, focus) {
  let options, current;
  const show = (value) => {
    current = value;
    paint(value);
  };
  const model = labValue(spec, emit, show);
  const question = spec.confirm && labQuestion(node, focus);
  const take = (value) => {
    show(value);
    model.settle(value);
  };
  const words = (value) => options.find((option) => option[0] === value)?.[1] ?? String(value);
  return {
    choose(value) {
      if (value === current) return;
      if (!question) return take(value);
      const chosen = words(value);
      paint(current);
      const text = current === undefined ? chosen : `${words(current)} → ${chosen}`;
      question.ask(`${text}: ${spec.confirm}`, () => take(value));
    },
    hear(state) {
      options = state.options;
      // an answer would be to what is no longer so
      question?.close(false);
      if (current !== undefined) paint(current);
      model.hear(state.value);
    },
  };
}

function labSelect(spec, emit) {
  const select = labElement("select");
  const label = labLabel(select);
  const node = labElement("div", {}, label, labElement("div", { class: "maml-lab-body" }, select));
  let options = [];
  const paint = (value) => {
    select.selectedIndex = options.findIndex((option) => option[0] === value);
  };
  const choice = labChoice(spec, emit, node, paint, () => select.focus());
  select.addEventListener("change", () => choice.choose(options[select.selectedIndex][0]));
  return {
    node,
    label,
    inputs: () => [select],
    show: (state) => {
      if (JSON.stringify(options) !== JSON.stringify(state.options)) {
        options = state.options;
        select.replaceChildren(...options.map(([, text]) => labElement("option", {}, text)));
        select.selectedIndex = -1;
      }
      choice.hear(state);
    },
  };
}

function labSegments(spec, emit) {
  const row = labElement("div", { role: "radiogroup", class: "maml-lab-body" });
  const label = labLabel(row);
  label.removeAttribute("for"); // names the group; a click on it goes nowhere
  row.setAttribute("aria-labelledby", label.id);
  const node = labElement("div", {}, label, row);
  let options = [];
  let buttons = [];
  const paint = (value) => {
    const at = options.findIndex((option) => option[0] === value);
    buttons.forEach((button, index) => {
      button.setAttribute("aria-checked", index === at);
      button.tabIndex = index === Math.max(at, 0) ? 0 : -1;
    });
  };
  const focus = () => buttons.find((button) => button.tabIndex === 0).focus();
  const choice = labChoice(spec, emit, node, paint, focus);
  const button = ([value, text], index) => {
    const made = labElement("button", { type: "button", role: "radio" }, text);
    made.addEventListener("click", () => choice.choose(value));
    made.addEventListener("keydown", (event) => {
      const to = labMove(event, index, buttons.length);
      if (to === undefined) return;
      buttons[to].focus();
      // a question is asked only on purpose: with Space, Enter or a click
      if (!spec.confirm) choice.choose(options[to][0]);
    });
    return made;
  };
  return {
    node,
    label,
    inputs: () => buttons,
    show: (state) => {
      if (JSON.stringify(options) !== JSON.stringify(state.options)) {
        options = state.options;
        buttons = options.map(button);
        row.replaceChildren(...buttons);
        paint();
      }
      choice.hear(state);
    },
  };
}

// Where a key moves to in a list that goes round, undefined for other keys.
function labMove(event, index, count) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const to = { Home: 0, End: count - 1 }[event.key] ?? index + (steps[event.key] ?? NaN);
  if (Number.isNaN(to) || event.ctrlKey || event.altKey || event.metaKey) return undefined;
  event.preventDefault();
  return (to + count) % count;
}

// A panel over the page beside its control; it listens to the document only while it is open.
function labOverlay(node, panel, focus, changed = () => {}) {
  let listening;
  const close = (back = true) => {
    if (!listening) return;
    listening.abort();
    listening = undefined;
    const held = panel.matches(":focus-within");
    panel.hidden = true;
    changed(false);
    if (back && held) focus();
  };
  const elsewhere = (event) => {
    if (!event.composedPath().includes(node)) close(false);
  };
  panel.hidden = true;
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    close();
  });
  node.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !node.contains(event.relatedTarget)) close(false);
  });
  return {
    close,
    open(first) {
      close(false);
      listening = new AbortController();
      const { signal } = listening;
      document.addEventListener("pointerdown", elsewhere, { capture: true, signal });
      panel.hidden = false;
      panel.style.left = "0";
      // not beyond the right end of the lab
      const bounds = (node.closest(".maml-lab") ?? node.parentElement).getBoundingClientRect();
      const box = panel.getBoundingClientRect();
      const shift = Math.min(0, Math.max(bounds.right - box.right, bounds.left - box.left));
      panel.style.left = `${shift}px`;
      changed(true);
      first.focus();
    },
  };
}

function labQuestion(node, focus) {
  const words = labElement("span");
  const restart = labElement("button", { type: "button", class: "maml-lab-primary" }, "Restart");
  const keep = labElement("button", { type: "button" }, "Keep");
  const panel = labElement("div", { class: "maml-lab-popup", role: "group" }, words, restart, keep);
  const overlay = labOverlay(node, panel, focus);
  let agreed;
  node.append(panel);
  restart.addEventListener("click", () => {
    overlay.close();
    agreed();
  });
  // the Enter that chose the option, held down, is no answer
  restart.addEventListener("keydown", (event) => event.repeat && event.preventDefault());
  keep.addEventListener("click", () => overlay.close());
  return {
    close: overlay.close,
    ask(text, then) {
      agreed = then;
      words.textContent = text;
      panel.setAttribute("aria-label", text);
      overlay.open(restart);
    },
  };
}

// What a button shows; without its words if it is compact.
function labFace(button, { icon, label, compact }) {
  const face = JSON.stringify([icon, label, compact]);
  if (button.dataset.face === face) return;
  button.dataset.face = face;
  const parts = [];
  if (icon) {
    const drawn = labElement("span", { class: "maml-lab-icon", "aria-hidden": "true" });
    drawn.innerHTML = `<svg viewBox="0 0 16 16">${LAB_ICONS[icon]}</svg>`;
    parts.push(drawn);
  }
  if (compact) button.setAttribute("aria-label", label);
  else parts.push(labElement("span", { class: "maml-lab-words" }, label));
  button.replaceChildren(...parts);
}

function labButton(spec, emit) {
  const node = labElement("button", { type: "button" });
  node.classList.toggle("maml-lab-primary", Boolean(spec.primary));
  let pressed = -Infinity;
  node.addEventListener("click", (event) => {
    // a double click means what one click means
    if (spec.debounce && event.timeStamp - pressed < LAB_DEBOUNCE_MS) return;
    pressed = event.timeStamp;
    emit({ kind: "press", name: spec.name });
  });
  return { node, inputs: () => [node], show: (state) => labFace(node, state) };
}

function labToggle(spec, emit) {
  const made = labButton(spec, emit);
  const show = (state) => {
    labFace(made.node, state);
    made.node.setAttribute("aria-pressed", Boolean(state.pressed));
  };
  return { ...made, show };
}

function labMenu(spec, emit) {
  const button = labElement("button", { type: "button", "aria-haspopup": "menu" });
  const list = labElement("div", { role: "menu", class: "maml-lab-popup" });
  const node = labElement("div", {}, button, list);
  const overlay = labOverlay(node, list, () => button.focus(), (open) =>
    button.setAttribute("aria-expanded", open),
  );
  button.setAttribute("aria-expanded", false);
  const items = spec.items.map(([value, text], index) => {
    const item = labElement("button", { type: "button", role: "menuitem", tabindex: -1 }, text);
    item.addEventListener("click", () => {
      overlay.close();
      emit({ kind: "set", name: spec.name, value, final: true });
    });
    item.addEventListener("keydown", (event) => {
      const to = labMove(event, index, items.length);
      if (to !== undefined) items[to].focus();
    });
    return item;
  });
  list.append(...items);
  button.addEventListener("click", () =>
    list.hidden ? overlay.open(items[0]) : overlay.close(),
  );
  button.addEventListener("keydown", (event) => {
    const first = { ArrowDown: items[0], ArrowUp: items.at(-1) }[event.key];
    if (!first) return;
    event.preventDefault();
    overlay.open(first);
  });
  return {
    node,
    inputs: () => [button],
    show: (state) => {
      labFace(button, state);
      list.setAttribute("aria-label", state.label);
      if (state.disabled) overlay.close(false);
    },
  };
}

// A line, or two, that the kernel writes; read out when it changes unless not `live`.
function labText(spec) {
  const node = labElement("div", { role: "status", "aria-live": spec.live === false ? "off" : "polite" });
  const show = (state) => {
    const lines = [state.value ?? []].flat();
    node.dataset.tone = state.tone ?? "";
    while (node.children.length > lines.length) node.lastChild.remove();
    while (node.children.length < lines.length) node.append(labElement("div"));
    lines.forEach((line, index) => {
      const at = node.children[index];
      if (at.title === line) return;
      labWrite(at, line);
      at.title = line;
    });
  };
  return { node, inputs: () => [], show };
}

const LAB_MAKERS = {
  slider: labSlider,
  select: labSelect,
  segments: labSegments,
  button: labButton,
  toggle: labToggle,
  menu: labMenu,
  text: labText,
  field: labField,
};
