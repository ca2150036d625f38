// A panel over the page next to its control, in the browser's top layer. The browser closes it for
// a click elsewhere.

export interface Overlay {
  /** @param back - whether the focus returns from the panel to its control */
  close(back?: boolean): void;
  open(): void;
  isOpen(): boolean;
}

/**
 * @param node - the control, which holds the panel
 * @param focus - gives the focus back
 * @param changed - hears whether the panel is open
 */
export function overlay(
  node: HTMLElement,
  panel: HTMLElement,
  focus: () => void,
  changed: (open: boolean) => void = () => {},
): Overlay {
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
    // known before the browser gives the focus to what is in it
    if (opens) place(node, panel);
    // the layout of a page keeps account of each anchor in it
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

/** Below the control, and not beyond the right end of the lab; the style sheet follows the control. */
function place(node: HTMLElement, panel: HTMLElement): void {
  const bounds = (node.closest(".maml-lab") ?? document.body).getBoundingClientRect();
  const control = node.getBoundingClientRect();
  const width = widthOf(panel);
  const room = Math.max(bounds.right - (control.left + width), bounds.left - control.left);
  const shift = Math.min(0, room);
  panel.style.setProperty("--maml-lab-shift", `${shift}px`);
  panel.style.setProperty("--maml-lab-left", `${control.left + shift}px`);
  panel.style.setProperty("--maml-lab-top", `${control.bottom}px`);
}

function widthOf(panel: HTMLElement): number {
  // what is closed has no width yet
  panel.classList.add("maml-lab-measured");
  const { width } = panel.getBoundingClientRect();
  panel.classList.remove("maml-lab-measured");
  return width;
}
