// What the page loads: anywidget's two functions, and the parts that work without Jupyter.

import "./styles/controls.css";
import "./styles/dashboard.css";

import { pageClock } from "./clock";
import { showDashboard } from "./dashboard";
import { showInstrument } from "./instrument";
import { jupyterHost, type WidgetModel } from "./jupyter_host";
import { mendOutputs } from "./notebook_outputs";

export { pageClock } from "./clock";
export { toolbars } from "./controls/toolbars";
export { showDashboard } from "./dashboard";
export { showInstrument } from "./instrument";
export { missingInternals } from "./plots/plotly_internals";
export { plotlyLibrary, providePlotly } from "./plots/plotly_loader";
export { PANELS, Plots } from "./plots/plots";

interface RenderOptions {
  model: WidgetModel;
  el: HTMLElement;
  signal?: AbortSignal;
}

export default {
  /** The page has got the model, and with it those of the lab around it. */
  initialize({ model }: { model: WidgetModel }): void {
    mendOutputs(model.widget_manager, pageClock);
  },

  render({ model, el, signal }: RenderOptions): () => void {
    const heading = model.get("heading");
    const host = jupyterHost(model);
    const stop = heading ? showInstrument(host, String(heading), el) : showDashboard(host, el);
    signal?.addEventListener("abort", stop);
    return stop;
  },
};
