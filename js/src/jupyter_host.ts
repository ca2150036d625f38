// A kernel as host: the widget's model carries state and messages over its comm.

import { pageClock } from "./clock";
import type { Connection, Host, LabState } from "./host";
import type { Addressed, Incoming, LibraryMessage, LibraryRequest } from "./messages";
import { type NotebookManager, replaceHtml } from "./notebook_outputs";
import { plotlyLibrary, providePlotly } from "./plots/plotly_loader";
import { type EndedKernel, keepKernel } from "./voila";

/** The parts of anywidget's model that the lab uses. */
export interface WidgetModel {
  get(name: string): unknown;
  on(event: string, listener: (...args: never[]) => void): void;
  off(event: string, listener: (...args: never[]) => void): void;
  send(message: Addressed | LibraryRequest): void;
  widget_manager: WidgetManager;
}

interface WidgetManager extends NotebookManager {
  /** Not everything that shows widgets tells of its kernel. */
  kernel?: Kernel | null;
}

interface Kernel extends EndedKernel {
  connectionStatus: string;
  connectionStatusChanged?: Signal;
}

interface Signal {
  connect(listener: () => void): void;
  disconnect(listener: () => void): void;
}

/** A model of ipywidgets itself; anywidget's does not say whether its kernel still has it. */
interface LayoutModel {
  comm_live: boolean;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
}

export function jupyterHost(model: WidgetModel): Host {
  const kernel = model.widget_manager.kernel ?? undefined;
  const subscribe = (event: string, listener: (...args: never[]) => void) => {
    model.on(event, listener);
    return () => model.off(event, listener);
  };
  const layout = model.get("layout") as LayoutModel;
  return {
    lab: layout,
    get: <Name extends keyof LabState>(name: Name) => model.get(name) as LabState[Name],
    onChange: (name, listener) => subscribe(`change:${name}`, listener),
    send: (message) => model.send(message),
    onMessage: (listener) =>
      subscribe("msg:custom", (message: Incoming | LibraryMessage, buffers: DataView[]) => {
        if (message.kind !== "library") listener(message, buffers);
      }),
    replaceStill: (mark, html) => replaceHtml(model.widget_manager, mark, html),
    keepWhileAsking(atStake, signal) {
      if (kernel) keepKernel(kernel, atStake, signal);
    },
    plotly(signal) {
      const digest = model.get("library") as string;
      const take = (message: Incoming | LibraryMessage, buffers: DataView[]) => {
        if (message.kind === "library") providePlotly(digest, buffers[0] as DataView<ArrayBuffer>);
      };
      const unsubscribe = subscribe("msg:custom", take);
      signal.addEventListener("abort", unsubscribe);
      const ask = () => model.send({ kind: "library", view: "" });
      return plotlyLibrary(digest, ask, pageClock, signal);
    },
    onConnection(listener) {
      // JupyterLab tells every model of a kernel that restarts
      const connection = (): Connection => {
        if (!layout.comm_live) return "ended";
        return kernel && kernel.connectionStatus !== "connected" ? "apart" : "live";
      };
      const update = () => listener(connection());
      kernel?.connectionStatusChanged?.connect(update);
      layout.on("comm_live_update", update);
      return () => {
        kernel?.connectionStatusChanged?.disconnect(update);
        layout.off("comm_live_update", update);
      };
    },
  };
}
