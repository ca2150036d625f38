// What a view must know of the page around it.

import type { Connection, Host } from "./host";

/**
 * Whether the page is dark: JupyterLab's theme, or elsewhere what the reader's system prefers.
 *
 * @param forced - the reader's system gives all pages its own few colours, whatever their theme
 */
function isDark(media: MediaQueryList, forced: MediaQueryList): boolean {
  const light = document.body.dataset.jpThemeLight;
  return light === undefined || forced.matches ? media.matches : light === "false";
}

/**
 * Calls a function when the page may have become dark or light; the return value says which it is.
 */
export function followTheme(changed: () => void, signal: AbortSignal): () => boolean {
  const media = matchMedia("(prefers-color-scheme: dark)");
  const forced = matchMedia("(forced-colors: active)");
  for (const query of [media, forced]) query.addEventListener("change", changed, { signal });
  const theme = new MutationObserver(changed);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  signal.addEventListener("abort", () => theme.disconnect());
  return () => isDark(media, forced);
}

/** Colour of a figure as described → its colour on this page. */
export function coloursOf(host: Host, dark: boolean, large: boolean): Record<string, string> {
  if (dark) return host.get("dark");
  return large ? host.get("room") : {};
}

/** What has become of the kernel, and what helps. */
export function lossOf(connection: Connection): string {
  // Voilà shows no cells, and starts a kernel for each page
  const remedy = document.body.dataset.voila ? "load the page again" : "run all cells again";
  if (connection === "ended") return `The kernel has restarted: ${remedy}.`;
  return `The kernel is out of reach. If it stays so, ${remedy}.`;
}
