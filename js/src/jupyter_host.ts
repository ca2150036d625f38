// A kernel as host: the widget's model carries state and messages over its comm.

import type { Connection, Host, LabState } from "./host";
import type { Incoming } from "./messages";
import { type PlotlyModel, plotlyLibrary } from "./plots/plotly_loader";

/** The parts of anywidget's model that the lab uses. */
export interface WidgetModel {
  get(name: string): unknown;
  on(event: string, listener: (...args: never[]) => void): void;
  off(event: string, listener: (...args: never[]) => void): void;
  send(message: unknown): void;
  widget_manager: WidgetManager;
  comm_live?: boolean;
}

interface WidgetManager {
  get_model(id: string): Promise<WidgetModel>;
  /** Not everything that shows widgets tells of its kernel. */
  kernel?: Kernel | null;
}

interface Kernel {
  connectionStatus: string;
  connectionStatusChanged?: Signal;
}

interface Signal {
  connect(listener: () => void): void;
  disconnect(listener: () => void): void;
}

export function jupyterHost(model: WidgetModel): Host {
  const reference = model.get("bundle") as string;
  const bundle = model.widget_manager.get_model(reference.replace("IPY_MODEL_", ""));
  const kernel = model.widget_manager.kernel ?? undefined;
  const subscribe = (event: string, listener: (...args: never[]) => void) => {
    model.on(event, listener);
    return () => model.off(event, listener);
  };
  return {
    get: <Name extends keyof LabState>(name: Name) => model.get(name) as LabState[Name],
    onChange: (name, listener) => subscribe(`change:${name}`, listener),
    send: (message) => model.send(message),
    onMessage: (listener) =>
      subscribe("msg:custom", (message: Incoming, buffers: DataView[]) =>
        listener(message, buffers),
      ),
    plotly: async () => plotlyLibrary((await bundle) as PlotlyModel),
    onConnection(listener) {
      const connection = (plotlyModel: WidgetModel): Connection => {
        // JupyterLab tells every model of a kernel that restarts; the bundle's can be asked
        if (plotlyModel.comm_live === false) return "ended";
        return kernel && kernel.connectionStatus !== "connected" ? "apart" : "live";
      };
      const update = async () => listener(connection(await bundle));
      kernel?.connectionStatusChanged?.connect(update);
      const unsubscribe = subscribe("comm_live_update", update);
      return () => {
        kernel?.connectionStatusChanged?.disconnect(update);
        unsubscribe();
      };
    },
  };
}
