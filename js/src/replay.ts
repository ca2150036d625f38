// The script of a page that plays without a kernel (labkit/widgets/replay_page.py).

import { pageClock } from "./clock";
import { showDashboard } from "./dashboard";
import { plotlyLibrary, providePlotly } from "./plots/plotly_loader";
import { RecordedHost } from "./recorded_host";

function kept(name: string): Uint8Array<ArrayBuffer> {
  const text = document.getElementById(`maml-lab-${name}`)?.textContent ?? "";
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function unpacked(name: string): Response {
  return new Response(new Blob([kept(name)]).stream().pipeThrough(new DecompressionStream("gzip")));
}

const recording = await unpacked("recording").json();
const arrays = new DataView(await unpacked("arrays").arrayBuffer());
const library = (signal: AbortSignal) => {
  providePlotly(recording.library, kept("plotly"));
  return plotlyLibrary(recording.library, () => {}, pageClock, signal);
};
const host = new RecordedHost(recording, arrays, library, pageClock);
showDashboard(host, document.getElementById("maml-lab") as HTMLElement);
