"""A lab's page without Jupyter: the lab as it is now, shown by the front end alone."""

import threading
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from playwright.sync_api import Page

from labkit import Lab
from labkit.widgets.dashboard import PANELS
from labkit.widgets.live_figure import LiveFigure
from labkit.widgets.plotly_bundle import STYLES
from labkit.widgets.protocol import packed

SHOW = """({ state, figures, ...rest }) => {
  window.stop?.();
  Object.assign(lab, { state, ...rest, first: {} });
  show(rest.controls);
  heard.message({ kind: "whole", number: 1, answers: {}, figures: figures.json },
    figures.buffers.map(bytesOf));
}"""

WHOLE = """(figures) => heard.message(
  { kind: "whole", number: 2, answers: {}, figures: figures.json }, figures.buffers.map(bytesOf))"""

BYTES = """
window.bytesOf = (text) =>
  new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
"""
"""Other than from a kernel, arrays come as text."""

DRAWN = """async () => {
  const plots = [...document.querySelectorAll(".maml-lab-plot")];
  const width = (plot) => Math.floor(plot.clientWidth);
  const done = () => plots.every(
    (plot) => plot.querySelector(".main-svg") && plot.layout.width === width(plot));
  // what has changed is drawn by then, a plot a frame
  for (let i = 0; i < 8 || !done(); i += 1) await new Promise(requestAnimationFrame);
  return plots.length === 3;
}"""


def as_text(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures for a page: JSON, and the numbers of all arrays in text."""
    json, buffers = packed(dict(figures))
    return {"json": json, "buffers": [b64encode(buffer).decode() for buffer in buffers]}


def prepare_for_labs(page: Page) -> None:
    """Add what `show_lab` needs to a page with the front end and the script `HOST`."""
    page.add_style_tag(content=STYLES.read_text(encoding="utf-8"))
    page.add_script_tag(content=BYTES)
    page.evaluate("document.body.style.margin = 0")


def show_lab(page: Page, lab: Lab, *, large: bool = False) -> None:
    """Show a lab as it is now, in place of the one before."""
    dashboard = lab.dashboard
    figures = {name: dashboard.figure(name).take_whole() for name in PANELS}
    page.evaluate(
        SHOW,
        {
            "controls": dashboard.controls,
            "state": dashboard.state,
            "dark": dashboard.dark,
            "room": dashboard.room,
            "inner_step": dashboard.inner_step,
            "large": large,
            "figures": as_text(figures),
        },
    )
    wait_for_plots(page)


def show_figures(page: Page, figures: Mapping[str, go.Figure]) -> None:
    """Show other figures in the lab that is on the page."""
    live = {name: LiveFigure(figure, threading.RLock()) for name, figure in figures.items()}
    page.evaluate(WHOLE, as_text({name: figure.take_whole() for name, figure in live.items()}))
    wait_for_plots(page)


def wait_for_plots(page: Page) -> None:
    """Wait until the plots are drawn for the width that they have now."""
    assert page.evaluate(DRAWN)
