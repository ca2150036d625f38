"""Figures that plotly alone displays: legible on any paper, and with no way to upload them."""

import json
import re
from collections.abc import Mapping
from typing import Any, Self

import plotly.graph_objects as go
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
        >>> plain = PlainFigure.of(go.Figure(go.Scatter(y=[1, 2], line={"color": "#1b1b1b"})))
        >>> plain.layout.paper_bgcolor, plain.data[0].line.color == "#1b1b1b"
        ('rgba(0,0,0,0)', False)
    """

    @classmethod
    def of(cls, figure: go.Figure) -> Self:
        """A copy of a figure that is described in the colours for white paper."""
        # part by part: `Figure.to_plotly_json` would turn arrays into text
        data = [_recolored(trace.to_plotly_json()) for trace in figure.data]
        plain = cls({"data": data, "layout": _recolored(figure.layout.to_plotly_json())})
        plain.update_layout(paper_bgcolor=_CLEAR, plot_bgcolor=_CLEAR)
        return plain

    def bundle(self, text: str = "") -> dict[str, Any]:
        """What a notebook's output holds: for viewers with plotly, with scripts, with neither."""
        return {
            MIME: {**json.loads(self.to_json()), "config": dict(CONFIG)},
            "text/html": self.to_html(full_html=False, include_plotlyjs="cdn", config=dict(CONFIG)),
            "text/plain": text or "a figure, which needs Plotly",
        }

    def _ipython_display_(self) -> None:
        display(self.bundle(), raw=True)


def _recolored(value: Any) -> Any:
    if isinstance(value, str):
        text = _COLOR.sub(lambda match: ANY_PAPER.get(match[0].lower(), match[0]), value)
        return _CHANNELS.sub(_channels, text)
    if isinstance(value, dict):
        return {name: _recolored(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_recolored(held) for held in value]
    return value


def _channels(match: re.Match[str]) -> str:
    color = ANY_PAPER.get("#" + "".join(f"{int(channel):02x}" for channel in match.groups()))
    if color is None or not color.startswith("#"):
        return match[0]
    return "rgba({},{},{},".format(*(int(color[i : i + 2], 16) for i in (1, 3, 5)))
