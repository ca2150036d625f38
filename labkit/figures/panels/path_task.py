"""One navigation task: the paths of a policy before and after each inner step, and the goal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.basedatatypes import BaseTraceType
from torch import Tensor

from labkit.figures.panels.curve_task import MOST_STEPS, spread_steps, styles_of
from labkit.figures.style import AFTER, AXIS, BEFORE, SUPPORT, Update, axis
from labkit.tasks import PathPortrait

SIDE = 0.75
"""Half of the side of the square that is shown."""


@dataclass(frozen=True, slots=True)
class PathPanel:
    """A navigation task, seen from above; the last paths have the given colour."""

    portrait: PathPortrait
    color: str = AFTER

    kind = "paths"

    @property
    def title(self) -> str:
        """What task this is."""
        return self.portrait.title

    @property
    def attribution(self) -> str:
        """Whose task this is."""
        return self.portrait.attribution

    def traces(self) -> list[BaseTraceType]:
        """The paths before, those after each inner step, and the goal."""
        goal = {"color": SUPPORT, "size": 13, "symbol": "star"}
        before = {"color": BEFORE, "width": 1, "dash": "dot"}
        paths: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip"}
        steps = [
            go.Scatter(name=f"step {i + 1}", line={"width": 1.5}, showlegend=False, **paths)
            for i in range(MOST_STEPS)
        ]
        return [
            go.Scatter(name="before", line=before, meta={"inner_step": 0}, **paths),
            *steps,
            # above the paths
            go.Scatter(
                name="goal",
                mode="markers",
                marker=goal,
                hovertemplate="(%{x:.2f}, %{y:.2f})<extra>goal</extra>",
            ),
        ]

    def layout(self) -> dict[str, Any]:
        """Axes of equal units, and the obstacles."""
        obstacles = [
            {
                "type": "circle",
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
        square = {"range": [-SIDE, SIDE], "constrain": "domain"}
        return {
            "xaxis": axis("x", hoverformat=".2f") | square,
            "yaxis": axis("y") | square | {"scaleanchor": "x"},
            "shapes": obstacles,
        }

    def updates(self) -> list[Update]:
        """The paths, their styles, and the goal."""
        portrait = self.portrait
        steps = spread_steps(len(portrait.paths) - 1)
        x, y = portrait.goal.tolist()
        nothing = {"x": np.empty(0), "y": np.empty(0)}
        data = [
            *(joined(portrait.paths[step]) for step in [0, *steps]),
            *[nothing] * (MOST_STEPS - len(steps)),
            {"x": np.array([x]), "y": np.array([y])},
        ]
        return [Update(0, data), Update(1, styles_of(steps, self.color))]


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
    gaps = np.full((len(points), 1, 2), np.nan)
    x, y = np.concatenate([points, gaps], 1).reshape(-1, 2).T
    return {"x": x.copy(), "y": y.copy()}
