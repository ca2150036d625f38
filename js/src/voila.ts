// In Voilà a session ends with its page, so the page asks before it goes. Elsewhere the kernel
// keeps the session.

/** What Voilà ends: its connection to the kernel. */
export interface EndedKernel {
  dispose?(): void;
}

const isApplication = () => Boolean(document.body.dataset.voila);

/**
 * Lets the browser ask before it leaves the page.
 *
 * @param atStake - whether the session has something that would be lost
 */
export function askBeforeLeaving(atStake: () => boolean, signal: AbortSignal): void {
  const ask = (event: BeforeUnloadEvent) => {
    if (isApplication() && atStake()) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask, { signal });
}

/**
 * Lets the kernel live until the page has really gone.
 *
 * Voilà ends it as soon as the browser may ask, also for a reader who then stays: in an event
 * listener that comes before any of a widget, it sends a beacon to its server and disposes of the
 * connection. Both wait here. If Voilà does something else one day, it is no worse than before.
 */
export function keepKernel(kernel: EndedKernel, atStake: () => boolean, signal: AbortSignal): void {
  if (!isApplication()) return;
  let last: Event | undefined;
  let waiting: (() => void)[] = [];
  const whenGone = (end: () => void) => {
    const { event } = window;
    if (event?.type !== "beforeunload" || !atStake()) return end();
    if (event !== last) waiting = []; // the reader has stayed
    last = event;
    waiting.push(end);
  };
  const { sendBeacon } = navigator;
  const { dispose } = kernel;
  navigator.sendBeacon = (url, data) => {
    whenGone(() => sendBeacon.call(navigator, url, data));
    return true;
  };
  kernel.dispose = () => whenGone(() => dispose?.call(kernel));
  const end = () => {
    for (const call of waiting.splice(0)) call();
  };
  window.addEventListener("pagehide", end, { signal });
  signal.addEventListener("abort", () => {
    navigator.sendBeacon = sendBeacon;
    kernel.dispose = dispose;
  });
}
