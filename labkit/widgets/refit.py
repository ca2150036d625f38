"""Keeps plotly figures as wide as the page: FigureWidget alone stays at 700 pixels."""

import anywidget


class Refit(anywidget.AnyWidget):
    """An invisible widget: when its place changes width, or a figure appears, figures fit anew.

    A responsive plotly figure fits itself on the window's `resize` event, which neither the first
    display in JupyterLab nor an opened or closed side bar sends.
    """

    _esm = """
    export default {
      render({ el, signal }) {
        el.style.width = "100%";
        el.style.height = "0";
        const appeared = "plotlywidget-after-render";
        const fit = () => requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
        const observer = new ResizeObserver(fit);
        observer.observe(el);
        document.addEventListener(appeared, fit);
        const stop = () => {
          observer.disconnect();
          document.removeEventListener(appeared, fit);
        };
        signal?.addEventListener("abort", stop);
        return stop;
      },
    };
    """
