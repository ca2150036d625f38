// What the page loads: anywidget's two functions, and the parts that work without Jupyter.

import "./styles/controls.css";
import "./styles/dashboard.css";

import { showDashboard } from "./dashboard";
import { jupyterHost, type WidgetModel } from "./jupyter_host";
import { beginPlotly } from "./plots/plotly_loader";

export { toolbars } from "./controls/toolbars";
export { showDashboard } from "./dashboard";
export { missingInternals } from "./plots/plotly_internals";
export { PANELS, Plots } from "./plots/plots";

interface InitializeOptions {
  model: WidgetModel;
}

interface RenderOptions {
  model: WidgetModel;
  el: HTMLElement;
  signal?: AbortSignal;
}

export default {
  /** The model that holds plotly.js: the page begins to evaluate it before any view is there. */
  initialize({ model }: InitializeOptions): void {
    if (model.get("packed") !== undefined) beginPlotly(model);
  },

  render({ model, el, signal }: RenderOptions): () => void {
    const stop = showDashboard(jupyterHost(model), el);
    signal?.addEventListener("abort", stop);
    return stop;
  },
};
