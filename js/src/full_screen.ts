// One panel on the whole screen, for a room.

export interface FullScreen {
  /** The element that fills the screen; null if none of these does. */
  readonly current: HTMLElement | null;
  toggle(panel: HTMLElement): void;
}

/**
 * @param panels - each may fill the screen
 * @param changed - one has begun or ended to do so, or has another size
 * @returns null where the page may not fill the screen
 */
export function fullScreen(
  panels: HTMLElement[],
  changed: () => void,
  signal: AbortSignal,
): FullScreen | null {
  if (!document.fullscreenEnabled) return null;
  let current: HTMLElement | null = null;
  const note = () => {
    const now = panels.find((panel) => panel === document.fullscreenElement) ?? null;
    if (!now && !current) return;
    current = now;
    changed();
  };
  document.addEventListener("fullscreenchange", note, { signal });
  addEventListener("resize", () => current && changed(), { signal });
  signal.addEventListener("abort", () => {
    if (current) void document.exitFullscreen();
  });
  return {
    get current() {
      return current;
    },
    toggle(panel) {
      if (current) void document.exitFullscreen();
      else
        panel.requestFullscreen().catch((error) => console.warn("MAML Lab: no full screen", error));
    },
  };
}

/** The height that a panel on the whole screen leaves for its last visible part. */
export function roomIn(panel: HTMLElement, head: HTMLElement): number {
  const { paddingTop, paddingBottom } = getComputedStyle(panel);
  const padding = Number.parseFloat(paddingTop) + Number.parseFloat(paddingBottom);
  return Math.floor(panel.clientHeight - padding - head.offsetHeight);
}
