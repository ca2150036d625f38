"""Many runs at once: their training curves, and what their parameters have to do with a metric."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from labkit.figures.style import COLORS, axis, panel_figure, title

MOST_CURVES = 60
"""Training curves in one figure; of more, the last ones."""

COLORSCALE = "Viridis"

_COLUMNS = 3
_ROW, _EDGES = 190, 90
"""Pixels of a row of small plots, and around all of them."""

_MOST_LETTERS = 18
"""Of a tick's text."""


@dataclass(frozen=True, slots=True)
class CurveOfRun:
    """The training curve of a run.

    Attributes:
        label: The run, plain text.
        meta_step: (entries,).
        loss_after: Query loss after adaptation, (entries,); nan where it is not finite.
        running: Whether it still grows.
    """

    label: str
    meta_step: Sequence[float]
    loss_after: Sequence[float]
    running: bool


@dataclass(frozen=True, slots=True)
class VariedParameter:
    """A parameter that differs between runs.

    Attributes:
        name: Plain text.
        positions: Where each run is on its axis, (runs,); nan where a run lacks it.
        ticks: Positions that are labelled.
        labels: Their texts, plain.
        log: Whether positions are logarithms to base 10.
    """

    name: str
    positions: NDArray[np.float64]
    ticks: Sequence[float]
    labels: Sequence[str]
    log: bool = False

    @classmethod
    def of(cls, name: str, values: Sequence[object]) -> "VariedParameter":
        """Numbers have an axis, a logarithmic one if they span more than a factor of ten.

        Example:
            >>> VariedParameter.of("alpha", [0.001, 0.1]).labels
            ('0.001', '0.1')
            >>> VariedParameter.of("algorithm", ["maml", "anil"]).positions
            array([1., 0.])
        """
        present = [value for value in values if value is not None]
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in present):
            numbers = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
            different = np.unique(numbers[np.isfinite(numbers)])
            log = bool(len(different) and different[0] > 0 and different[-1] > 10 * different[0])
            at = different
            if len(different) > 6:
                at = np.geomspace(at[0], at[-1], 5) if log else np.linspace(at[0], at[-1], 5)
            labels = tuple(f"{value:.3g}" for value in at)
            if log:
                numbers, at = np.log10(numbers), np.log10(at)
            return cls(name, numbers, at.tolist(), labels, log)
        texts = sorted({str(value) for value in present})
        place = {text: float(index) for index, text in enumerate(texts)}
        positions = [np.nan if value is None else place[str(value)] for value in values]
        return cls(name, np.array(positions), list(place.values()), tuple(texts))

    @property
    def tick_texts(self) -> list[str]:
        """The labels, short and escaped."""
        return [_short(label) for label in self.labels]

    @property
    def span(self) -> tuple[float, float]:
        """Least and largest position, with some room."""
        finite = self.positions[np.isfinite(self.positions)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        room = 0.06 * (high - low) or 0.5
        return low - room, high + room


def curves_figure(curves: Sequence[CurveOfRun]) -> go.Figure:
    """Query loss after adaptation over meta-steps, a line for each run.

    Args:
        curves: At most `MOST_CURVES` are drawn, the last ones; without points none.
    """
    curves = [curve for curve in curves if len(curve.meta_step)]
    cut = f"last {MOST_CURVES} of {len(curves)} runs" if len(curves) > MOST_CURVES else ""
    losses = np.array([loss for curve in curves for loss in curve.loss_after], dtype=np.float64)
    finite = losses[np.isfinite(losses)]
    log = bool(len(finite) and finite.min() > 0 and finite.max() > 20 * finite.min())
    traces = [
        go.Scatter(
            name=_short(curve.label),
            x=list(curve.meta_step),
            y=list(curve.loss_after),
            mode="lines+markers" if len(curve.meta_step) == 1 else "lines",
            line={
                "color": COLORS[number % len(COLORS)],
                "width": 2 if curve.running else 1,
                "dash": ("solid", "dash", "dot")[number // len(COLORS) % 3],
            },
            text=_escaped(curve.label),
            hovertemplate="%{text}<br>meta-step %{x}<br>loss %{y:.4g}<extra></extra>",
        )
        for number, curve in enumerate(curves[-MOST_CURVES:])
    ]
    return panel_figure(
        traces,
        title("Training", "loss after adaptation", cut),
        height=320,
        showlegend=False,
        hovermode="closest",
        xaxis=axis("meta-steps"),
        yaxis=axis("query loss", type="log" if log else "linear"),
    )


def parallel_figure(
    parameters: Sequence[VariedParameter], metric: VariedParameter, labels: Sequence[str]
) -> go.Figure:
    """A line for each run over an axis for each parameter and one for the metric.

    Args:
        parameters: Those that differ.
        metric: Its values colour the lines.
        labels: A name for each run, plain.
    """
    axes = [*parameters, metric]
    shares = [_shares(each) for each in axes]
    tints = _tints(shares[-1])
    traces: list[go.Scatter] = [
        go.Scatter(
            x=list(range(len(axes))),
            y=[_number(share[run]) for share in shares],
            mode="lines+markers",
            line={"color": tints[run], "width": 1.5},
            marker={"size": 5},
            text=_escaped(label),
            hovertemplate="%{text}<extra></extra>",
        )
        for run, label in enumerate(labels)
    ]
    notes: list[dict[str, Any]] = [
        {
            "x": number,
            "y": 1.09,
            "text": f"<b>{_escaped(each.name)}</b>",
            "showarrow": False,
            "xanchor": "right" if number == len(axes) - 1 else "left",
        }
        for number, each in enumerate(axes)
    ]
    for number, each in enumerate(axes):
        low, high = each.span
        notes += [
            {
                "x": number,
                "y": (tick - low) / (high - low),
                "text": text,
                "showarrow": False,
                "xanchor": "left" if number < len(axes) - 1 else "right",
                "xshift": 4 if number < len(axes) - 1 else -4,
                "font": {"size": 11},
                "bgcolor": "rgba(255,255,255,0.75)",
            }
            for tick, text in zip(each.ticks, each.tick_texts, strict=True)
        ]
    figure = panel_figure(
        traces,
        title("Parallel coordinates", "a line a run, darker is lower"),
        height=340,
        showlegend=False,
        hovermode="closest",
        xaxis=axis(
            "", range=[-0.1, len(axes) - 0.9], showticklabels=False, tickvals=list(range(len(axes)))
        ),
        yaxis=axis("", range=[-0.04, 1.16], visible=False),
        annotations=notes,
    )
    figure.update_xaxes(showline=False, gridcolor="#8c8c8c")
    figure.update_layout(margin={"l": 24, "r": 24})
    return figure


def importance_figure(shares: Mapping[str, float], method: str) -> go.Figure:
    """A bar for each parameter, the most important on top.

    Args:
        shares: Parameter → importance, from 0 to 1.
        method: How it was computed, in words.
    """
    ordered = sorted(shares.items(), key=lambda item: item[1])
    bar = go.Bar(
        y=[_short(name) for name, _ in ordered],
        x=[share for _, share in ordered],
        orientation="h",
        marker={"color": COLORS[0]},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure = panel_figure(
        [bar],
        title("Parameter importance", method),
        height=max(180, 110 + 26 * len(ordered)),
        showlegend=False,
        hovermode="closest",
        xaxis=axis("importance", range=[0, 1]),
        yaxis=axis("", type="category"),
    )
    figure.update_layout(margin={"l": 40 + 7 * max((len(n) for n, _ in ordered), default=0)})
    return figure


def against_figure(
    parameters: Sequence[VariedParameter], metric: VariedParameter, labels: Sequence[str]
) -> go.Figure:
    """The metric against each parameter, a small plot each.

    Args:
        parameters: Those that differ.
        metric: Its values.
        labels: A name for each run, plain.
    """
    rows = -(-len(parameters) // _COLUMNS)
    height = _ROW * rows + _EDGES
    gap = 60 / height if rows > 1 else 0.0
    tall = (1 - gap * (rows - 1)) / max(rows, 1)
    layout: dict[str, Any] = {}
    traces = []
    for number, each in enumerate(parameters):
        row, column = divmod(number, _COLUMNS)
        suffix = str(number + 1) if number else ""
        wide = 1 / _COLUMNS
        left, top = column * wide, 1 - row * (tall + gap)
        layout[f"xaxis{suffix}"] = axis(
            _escaped(each.name),
            domain=[left + 0.02 * (column > 0), left + wide - 0.04],
            anchor=f"y{suffix}",
            range=list(each.span),
            tickvals=list(each.ticks),
            ticktext=each.tick_texts,
        )
        layout[f"yaxis{suffix}"] = axis(
            _escaped(metric.name) if column == 0 else "",
            domain=[max(0.0, top - tall), top],
            anchor=f"x{suffix}",
            range=list(metric.span),
            tickvals=list(metric.ticks),
            ticktext=metric.tick_texts if column == 0 else ["" for _ in metric.ticks],
        )
        traces.append(
            go.Scatter(
                x=[_number(value) for value in each.positions],
                y=[_number(value) for value in metric.positions],
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                mode="markers",
                marker={"color": COLORS[0], "size": 7, "opacity": 0.7},
                text=[_escaped(label) for label in labels],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure = panel_figure(
        traces,
        title(f"{metric.name.replace('_', ' ')} against each parameter"),
        height=height,
        showlegend=False,
        hovermode="closest",
        **layout,
    )
    figure.update_layout(margin={"l": 70})
    return figure


def _shares(parameter: VariedParameter) -> NDArray[np.float64]:
    low, high = parameter.span
    return (parameter.positions - low) / (high - low)


def _tints(shares: NDArray[np.float64]) -> list[str]:
    clipped = np.clip(np.nan_to_num(shares, nan=1.0), 0.0, 0.92)  # the lightest are hard to see
    return list(sample_colorscale(COLORSCALE, clipped.tolist()))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _short(text: str) -> str:
    cut = text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
    return _escaped(cut)
