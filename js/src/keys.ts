// Keys that act while the focus is in the lab: for who lectures, and looks at the room.

import { overlay } from "./controls/overlay";
import { element } from "./dom";
import { WRITABLE } from "./notebook_keys";

export interface Shortcut {
  /** As in KeyboardEvent.key. */
  key: string;
  /** What it does. */
  words: string;
  /** Whether it acts again while the key is held down. */
  repeats?: boolean;
  press(): void;
}

const NAMES: Record<string, string> = { " ": "Space", ArrowRight: "→" };
const PARTS = "[role=menu], dialog, .maml-lab-point"; // with keys of their own

/** A key as it is written on keyboards. */
export function keyName(key: string): string {
  return NAMES[key] ?? key.toUpperCase();
}

/** Whether the element that has the focus needs this key itself. */
export function isTaken(target: Element, key: string): boolean {
  if (target.matches(`${WRITABLE}, select`) || target.closest(PARTS)) return true;
  // a choice that is made already has no use for it
  if (key === " ")
    return target.matches(
      "button, a, summary, input:is([type=checkbox], :not(:checked, [type=range]))",
    );
  return key.startsWith("Arrow") && target.matches("input");
}

/**
 * Lets keys act in an element; "?" lists them.
 *
 * @param place - below which the list opens
 */
export function listenForKeys(
  root: HTMLElement,
  place: HTMLElement,
  shortcuts: Shortcut[],
  signal: AbortSignal,
): void {
  const rows = [...shortcuts, { key: "?", words: "Show or hide this list" }].flatMap(
    ({ key, words }) => [
      element("dt", {}, element("kbd", {}, keyName(key))),
      element("dd", {}, words),
    ],
  );
  const list = element("dialog", { class: "maml-lab-keys", "aria-label": "Keys", tabindex: -1 });
  list.append(element("dl", {}, ...rows));
  list.autofocus = true;
  place.append(list);
  const over = overlay(place, list, () => root.focus());
  const press = (event: KeyboardEvent) => {
    const { key, target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "?" && over.isOpen()) over.close();
    else if (!(target instanceof Element) || isTaken(target, key)) return;
    else if (key === "?") over.open();
    else {
      const shortcut = shortcuts.find((one) => one.key === key.toLowerCase() || one.key === key);
      if (!shortcut) return;
      if (!event.repeat || shortcut.repeats) shortcut.press();
    }
    event.preventDefault();
  };
  root.addEventListener("keydown", press, { signal });
}
