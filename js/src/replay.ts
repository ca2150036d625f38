// What a page that plays without a kernel has besides the front end, which the page loads first
// (labkit/widgets/replay_page.py).

import { RecordedHost } from "./recorded_host";
import type * as FrontEnd from "./widget";

function kept(name: string): Uint8Array<ArrayBuffer> {
  const text = document.getElementById(`maml-lab-${name}`)?.textContent ?? "";
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function unpacked(name: string): Response {
  return new Response(new Blob([kept(name)]).stream().pipeThrough(new DecompressionStream("gzip")));
}

/** Shows the recording that the page holds. */
export async function play(frontEnd: typeof FrontEnd): Promise<void> {
  const { pageClock, plotlyLibrary, providePlotly, showDashboard } = frontEnd;
  const recording = await unpacked("recording").json();
  const arrays = new DataView(await unpacked("arrays").arrayBuffer());
  const library = (signal: AbortSignal) => {
    providePlotly(recording.library, kept("plotly"));
    return plotlyLibrary(recording.library, () => {}, pageClock, signal);
  };
  const host = new RecordedHost(recording, arrays, library, pageClock);
  showDashboard(host, document.getElementById("maml-lab") as HTMLElement);
}
