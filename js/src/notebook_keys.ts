// Single keys are commands of a notebook ("x" cuts the cell) unless the element that has the focus
// forbids it. JupyterLab looks as a key goes down through the document.

const MARK = "data-lm-suppress-shortcuts";
const FOCUSABLE = "a, button, input, label, select, textarea, [tabindex]";
/** What a person types into. */
export const WRITABLE = "input:not([type=range], [type=radio], [type=checkbox]), textarea";

/** Keeps the keys that are pressed in an element, which can get the focus, from the notebook. */
export function keepKeys(root: HTMLElement, signal: AbortSignal): void {
  // whoever clicks on a plot, which keeps the browser from it, has the focus in the lab, and neither
  // in the field typed in last nor on the cell around it
  root.tabIndex = -1;
  const take = ({ target }: PointerEvent) => {
    if (target instanceof Element && target.closest(FOCUSABLE) === root)
      root.focus({ preventScroll: true });
  };
  root.addEventListener("pointerdown", take, { signal });
  const keep = (event: KeyboardEvent) => {
    const { target } = event;
    if (!(target instanceof Element) || !root.contains(target) || target.matches(WRITABLE)) return;
    // Ctrl+S saves the notebook, from wherever it is pressed
    target.toggleAttribute(MARK, !event.ctrlKey && !event.metaKey);
  };
  window.addEventListener("keydown", keep, { capture: true, signal });
}
