"""Figures that plotly alone displays: legible on any paper, and with no way to upload them."""

import json
import re
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import plotly.graph_objects as go
from IPython.core.getipython import get_ipython
from IPython.display import display

from labkit.figures.style import ANY_PAPER

CONFIG: Mapping[str, object] = {"displaylogo": False, "showSendToCloud": False}
"""For plotly.js: no button that uploads the figure."""

MIME = "application/vnd.plotly.v1+json"

_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_CHANNELS = re.compile(r"rgba\((\d+),(\d+),(\d+),")
_CLEAR = "rgba(0,0,0,0)"


class PlainFigure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A figure that a notebook displays by plotly alone, in a light theme or a dark one.

    Plotly knows nothing of a notebook's theme, so paper is clear, and every colour has the
    contrast that it needs on white and on black.

    Example:
        >>> line = go.Scatter(y=np.arange(3.0), line={"color": "#1b1b1b"})
        >>> plain = PlainFigure.of(go.Figure(line))
        >>> plain.layout.paper_bgcolor, plain.data[0].line.color == "#1b1b1b"
        ('rgba(0,0,0,0)', False)
        >>> plain.data[0].y
        array([0., 1., 2.])
    """

    @classmethod
    def of(cls, figure: go.Figure) -> Self:
        """A copy of a figure that is described in the colours for white paper."""
        # by its parts, which keep arrays as arrays; the whole as JSON has them packed
        traces = [_recolored(trace.to_plotly_json()) for trace in figure.data]
        plain = cls(traces, _recolored(figure.layout.to_plotly_json()))
        plain.update_layout(paper_bgcolor=_CLEAR, plot_bgcolor=_CLEAR)
        return plain

    def bundle(self, text: str = "") -> dict[str, Any]:
        """What a notebook's output holds: for viewers with plotly, and for those without.

        A page draws the figure and adds its picture to the output. Nobody does so headless: there
        the output also holds a web page, which loads plotly from the network. A page would keep
        both, and an export to HTML prefers the web page.
        """
        bundle = {
            MIME: {**json.loads(self.to_json()), "config": dict(CONFIG)},
            "text/plain": text or "a figure, which needs Plotly",
        }
        if asking_cell() is None:
            bundle["text/html"] = self.to_html(
                full_html=False, include_plotlyjs="cdn", config=dict(CONFIG)
            )
        return bundle

    def _ipython_display_(self) -> None:
        display(self.bundle(), raw=True)


def asking_cell() -> str | None:
    """Id of the cell that a notebook's page asked the kernel to run; None if there is none.

    JupyterLab, Notebook and VS Code send the id with the request; papermill, nbval, nbconvert and
    Voilà do not.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    metadata = {} if kernel is None else kernel.get_parent("shell").get("metadata", {})
    return str(metadata["cellId"]) if "cellId" in metadata else None


def _recolored(value: Any) -> Any:
    """The same with every colour one for any paper."""
    match value:
        case str():
            text = _COLOR.sub(lambda m: ANY_PAPER.get(m[0].lower(), m[0]), value)
            return _CHANNELS.sub(_channels, text)
        case dict():
            return {name: _recolored(part) for name, part in value.items()}
        case list() | tuple():
            return [_recolored(part) for part in value]
        case np.ndarray() if value.dtype.kind in "OU":
            return [_recolored(part) for part in value.tolist()]
        case _:
            return value


def _channels(match: re.Match[str]) -> str:
    color = ANY_PAPER.get("#" + "".join(f"{int(channel):02x}" for channel in match.groups()))
    if color is None or not color.startswith("#"):
        return match[0]
    return "rgba({},{},{},".format(*(int(color[i : i + 2], 16) for i in (1, 3, 5)))
