"""One navigation task: the paths of a policy before and after each inner step, and the goal."""

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.basedatatypes import BaseTraceType
from torch import Tensor

from labkit.figures.panels.curve_task import MOST_STEPS, spread_steps, styles_of
from labkit.figures.style import AFTER, AXIS, BEFORE, SUPPORT, Update, axis, axis_suffix, on
from labkit.tasks import PathPortrait

Arrangement: TypeAlias = Literal["overlaid", "by step"]
"""Paths after all inner steps on one plot, or on one plot for each."""

SIDE = 0.75
"""Half of the side of the square that is shown."""

MOST_PLOTS = 4
"""In a row: before, and after three inner steps."""

GAP = 0.02
"""Between two plots, as a share of the figure's width."""


@dataclass(frozen=True, slots=True)
class PathPanel:
    """A navigation task, seen from above; the last paths have the given colour.

    Attributes:
        portrait: What is drawn.
        color: Of the last paths.
        arrangement: On one plot, or on one for each inner step: the paths before, and those after
            as many as have room, evenly spaced with the last.
    """

    portrait: PathPortrait
    color: str = AFTER
    arrangement: Arrangement = "overlaid"

    @property
    def kind(self) -> str:
        """One figure cannot become another with more plots."""
        if self.arrangement == "overlaid":
            return "paths"
        return f"paths on {len(self._plots)} plots"

    @property
    def title(self) -> str:
        """What task this is."""
        return self.portrait.title

    @property
    def attribution(self) -> str:
        """Whose task this is."""
        return self.portrait.attribution

    @property
    def _last(self) -> int:
        return len(self.portrait.paths) - 1

    @property
    def _plots(self) -> list[int]:
        """The inner step of each plot."""
        return [0, *spread_steps(self._last, MOST_PLOTS - 1)]

    def traces(self) -> list[BaseTraceType]:
        """The paths before, those after each inner step, and the goal; the goal on each plot."""
        before = {"color": BEFORE, "width": 1, "dash": "dot"}
        paths: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip"}
        if self.arrangement == "by step":
            lines = [
                go.Scatter(name=f"plot {n}", line={"width": 1.5}, **paths, **on(n))
                for n in range(len(self._plots))
            ]
            goals = [_goal(n) for n in range(len(self._plots))]
            return [trace.update(showlegend=False) for trace in (*lines, *goals)]
        steps = [
            go.Scatter(name=f"step {i + 1}", line={"width": 1.5}, showlegend=False, **paths)
            for i in range(MOST_STEPS)
        ]
        return [
            go.Scatter(name="before", line=before, meta={"inner_step": 0}, **paths),
            *steps,
            _goal(0),  # above the paths
        ]

    def layout(self) -> dict[str, Any]:
        """Axes of equal units, and the obstacles."""
        if self.arrangement == "overlaid":
            return {**self._axes(0, [0.0, 1.0]), "shapes": self._obstacles(0)}
        count = len(self._plots)
        wide = (1 - GAP * (count - 1)) / count
        layout: dict[str, Any] = {"shapes": []}
        for n in range(count):
            left = n * (wide + GAP)
            layout |= self._axes(n, [left, min(left + wide, 1.0)])
            layout["shapes"] += self._obstacles(n)
        return layout

    def updates(self) -> list[Update]:
        """The paths, their styles, and the goal."""
        portrait = self.portrait
        x, y = portrait.goal.tolist()
        goal = {"x": np.array([x]), "y": np.array([y])}
        if self.arrangement == "by step":
            plots = self._plots
            data = [joined(portrait.paths[step]) for step in plots]
            styles = [
                {"name": _name(step), "line.color": self._color(step), "meta": {"inner_step": step}}
                for step in plots
            ]
            headings = {
                f"xaxis{axis_suffix(n)}.title.text": _name(step) for n, step in enumerate(plots)
            }
            return [Update(0, [*data, *[goal] * len(plots)], headings), Update(0, styles)]
        steps = spread_steps(self._last)
        nothing = {"x": np.empty(0), "y": np.empty(0)}
        data = [
            *(joined(portrait.paths[step]) for step in [0, *steps]),
            *[nothing] * (MOST_STEPS - len(steps)),
            goal,
        ]
        return [Update(0, data), Update(1, styles_of(steps, self.color))]

    def _color(self, step: int) -> str:
        return BEFORE if step == 0 else self.color

    def _axes(self, number: int, domain: list[float]) -> dict[str, Any]:
        square = {"range": [-SIDE, SIDE], "constrain": "domain"}
        suffix = axis_suffix(number)
        x = axis("x", hoverformat=".2f") | square | {"domain": domain}
        y = axis("y") | square | {"scaleanchor": f"x{suffix}"}
        if number:
            x |= {"matches": "x"}
            y |= {"matches": "y", "showticklabels": False, "title": None, "anchor": f"x{suffix}"}
        if self.arrangement == "by step":
            x |= {"nticks": 4, "anchor": f"y{suffix}"}
        return {f"xaxis{suffix}": x, f"yaxis{suffix}": y}

    def _obstacles(self, number: int) -> list[dict[str, Any]]:
        suffix = axis_suffix(number)
        return [
            {
                "type": "circle",
                "xref": f"x{suffix}",
                "yref": f"y{suffix}",
                "x0": x - radius,
                "x1": x + radius,
                "y0": y - radius,
                "y1": y + radius,
                "fillcolor": AXIS,
                "line": {"width": 0},
                "layer": "below",
            }
            for x, y, radius in self.portrait.obstacles.tolist()
        ]


def _goal(number: int) -> go.Scatter:
    return go.Scatter(
        name="goal",
        mode="markers",
        marker={"color": SUPPORT, "size": 13, "symbol": "star"},
        hovertemplate="(%{x:.2f}, %{y:.2f})<extra>goal</extra>",
        meta={"support": True},
        **on(number),
    )


def _name(step: int) -> str:
    return "before" if step == 0 else f"step {step}"


def joined(paths: Tensor) -> dict[str, NDArray[np.float64]]:
    """All paths as one line with gaps.

    Args:
        paths: (episodes, positions, 2), nan after the end of an episode.

    Example:
        >>> import torch
        >>> joined(torch.tensor([[[0.0, 0.0], [1.0, 2.0]], [[0.0, 0.0], [3.0, 4.0]]]))["y"]
        array([ 0.,  2., nan,  0.,  4., nan])
    """
    points = paths.detach().cpu().double().numpy()
    gaps = np.full((len(points), 1, 2), math.nan)
    x, y = np.concatenate([points, gaps], 1).reshape(-1, 2).T
    return {"x": x.copy(), "y": y.copy()}
