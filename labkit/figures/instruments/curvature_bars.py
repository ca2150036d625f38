"""Second derivatives as several estimators have them, next to the truth."""

from collections.abc import Mapping

import plotly.graph_objects as go

from labkit.figures.instruments.grid import Plot, grid_figure
from labkit.figures.plain import PlainFigure
from labkit.figures.style import AFTER, BEFORE, SUPPORT, TRUTH

TRUTH_WORD, GUESS_WORD = "truth", "your prediction"


def curvature_figure(
    values: Mapping[str, tuple[float, float]],
    *,
    truth: float | None = None,
    prediction: float | None = None,
    title: str = "second derivative",
) -> PlainFigure:
    """A point with its 95 % interval for each estimator, and lines at the truth and a prediction.

    Args:
        values: Name → the mean, and half of the width of its 95 % interval.
        truth: What they estimate; None: not known.
        prediction: What a reader expected; None: nothing.
        title: Of the axis.

    Example:
        >>> figure = curvature_figure({"surrogate": (1.0, 0.1)}, truth=-1.0, prediction=0.5)
        >>> [trace.name for trace in figure.data]
        ['estimates', 'truth', 'your prediction']
    """
    names, pairs = list(values), list(values.values())
    ends = [-0.5, len(names) - 0.5]
    traces = [
        go.Scatter(
            name="estimates",
            x=list(range(len(names))),
            y=[mean for mean, _ in pairs],
            error_y={"type": "data", "array": [ci95 for _, ci95 in pairs]},
            mode="markers",
            marker={"color": AFTER, "size": 10},
        )
    ]
    for name, value, color, dash in (
        (TRUTH_WORD, truth, TRUTH, "solid"),
        (GUESS_WORD, prediction, SUPPORT, "dash"),
    ):
        if value is not None:
            line = {"color": color, "dash": dash, "width": 2}
            traces.append(go.Scatter(name=name, x=ends, y=[value] * 2, mode="lines", line=line))
    ticks = {"tickvals": list(range(len(names))), "ticktext": names, "range": ends}
    level = {"zeroline": True, "zerolinecolor": BEFORE}
    plot = Plot({"title": "", **ticks}, {"title": title, **level})
    figure = grid_figure([plot], traces, {0: ((0,),)})
    figure.update_layout(height=280)
    return PlainFigure.of(figure)
