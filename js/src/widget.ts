// What the page loads: anywidget's function, and the parts that work without Jupyter.

import "./styles/controls.css";
import "./styles/dashboard.css";

import { showDashboard } from "./dashboard";
import { jupyterHost, type WidgetModel } from "./jupyter_host";

export { toolbars } from "./controls/toolbars";
export { showDashboard } from "./dashboard";
export { missingInternals } from "./plots/plotly_internals";
export { PANELS, Plots } from "./plots/plots";

interface RenderOptions {
  model: WidgetModel;
  el: HTMLElement;
  signal?: AbortSignal;
}

export default {
  render({ model, el, signal }: RenderOptions): () => void {
    const stop = showDashboard(jupyterHost(model), el);
    signal?.addEventListener("abort", stop);
    return stop;
  },
};
