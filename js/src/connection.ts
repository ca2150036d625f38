// What a view does while its kernel is away: it says so, takes no keys, and gives the focus back.

import type { Connection } from "./host";
import type { Outbox } from "./outbox";
import { lossOf } from "./surroundings";

/**
 * Lets a view follow its connection.
 *
 * @param root - of the view
 * @param lost - the child of it that says what is lost
 * @returns what to call with each connection
 */
export function followConnection(
  root: HTMLElement,
  lost: HTMLElement,
  outbox: Outbox,
): (connection: Connection) => void {
  let focused: HTMLElement | null = null;
  return (connection) => {
    const away = connection !== "live";
    outbox.close(connection === "ended");
    if (away) lost.textContent = lossOf(connection);
    const active = document.activeElement;
    if (away && active instanceof HTMLElement && root.contains(active)) {
      focused = active;
      active.blur(); // at once: the browser takes its time
    }
    root.classList.toggle("maml-lab-is-lost", away);
    // what cannot do anything takes no keys either
    for (const part of root.children) part.toggleAttribute("inert", away && part !== lost);
    if (away) return;
    if (active === document.body) focused?.focus();
    focused = null;
  };
}
