// A training that nobody sees is paused. A view that goes with its cell or its output tells the
// kernel; one that goes with its page does not, and its training continues.

import type { Clock } from "./clock";

/** A cell that is moved, or deleted and brought back, has a view again by then. */
export const RETURN_MS = 2000;

/** Lab → its views on this page. */
const views = new WeakMap<object, number>();

/**
 * Counts a view of a lab.
 *
 * @param tell - says that the last one has gone, and none has come in its place
 * @returns says that this one has gone
 */
export function countView(lab: object, root: Element, tell: () => void, clock: Clock): () => void {
  let notebook: Element | null = null;
  // the page's part that holds the view is known once the view is in it
  const sight = new IntersectionObserver(() => {
    notebook = root.closest(".jp-Notebook") ?? notebook;
  });
  sight.observe(root);
  views.set(lab, (views.get(lab) ?? 0) + 1);
  return () => {
    sight.disconnect();
    views.set(lab, (views.get(lab) ?? 1) - 1);
    clock.after(RETURN_MS, () => {
      if (!views.get(lab) && notebook?.isConnected) tell();
    });
  };
}
