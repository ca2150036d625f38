"""The paper's mean returns in 2D navigation compared with our runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from labkit.experiments import (
    Folders,
    Mean,
    Result,
    curves_frame,
    load_curves,
    mean_interval,
    read_runs,
    text_table,
)
from labkit.figures import MethodCurve, PlainFigure, paper_figure
from labkit.paper.navigation import MOST_STEPS, NAVIGATION_TABLE
from labkit.paper.settings import NavigationSettings
from labkit.paper.verdicts import check_one_sweep, claims_text, departures, verdict

if TYPE_CHECKING:
    from pandas import DataFrame

RETURNS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "maml": (-40.41, -11.68, -3.33, -3.23),
        "pretrained": (-40.81, -19.73, -11.72, -8.47),
        "random": (-82.66, -57.96, -53.84, -46.81),
        "oracle": (-2.29,),
    }
)
"""Method → mean return after 0 … 3 gradient steps (arXiv:1703.03400, Appendix, 2D navigation). The
oracle takes none."""

HALF_DIGIT = 0.005
"""Those numbers are rounded to two decimals."""


@dataclass(frozen=True, slots=True)
class NavigationRow:
    """One mean return of the table, from runs of several seeds.

    Attributes:
        method: As in `NavigationSettings`.
        steps: Gradient steps on each goal.
        paper: The paper's mean return.
        by_seed: Mean return of each seed over its own goals.
        goals_ci95: Half width of the 95 % interval of one seed's mean over its goals, averaged.
        best: Return that no policy exceeds on these goals, averaged over seeds.
    """

    method: str
    steps: int
    paper: float
    by_seed: tuple[float, ...]
    goals_ci95: float
    best: float

    @property
    def mean(self) -> Mean:
        """Over the seeds, with the interval of that mean."""
        return mean_interval(self.by_seed)

    @property
    def verdict(self) -> str:
        """See `labkit.paper.verdicts.verdict`, of the returns with the opposite sign.

        Example:
            >>> NavigationRow("maml", 1, -11.68, (-11.0, -12.0, -11.5), 1.0, -0.7).verdict
            'reproduced'
        """
        losses = [-value for value in self.by_seed]
        return verdict(losses, self.goals_ci95, -self.paper, HALF_DIGIT)

    @property
    def claim(self) -> str:
        """The verdict in a sentence."""
        where = f"{self.method}, after {self.steps} step{'' if self.steps == 1 else 's'}"
        mean = self.mean
        return f"{where}: {self.verdict}, {mean.mean:.2f} ± {mean.ci95:.2f} for {self.paper:.2f}"


@dataclass(frozen=True, slots=True)
class NavigationTable:
    """All rows, and the settings of the runs.

    Attributes:
        rows: By method, in the paper's order, and gradient steps.
        seeds: Those of each method.
        settings: Other parameters, the same in all runs.
        departures: Sentences on those that differ from the paper's.
    """

    rows: tuple[NavigationRow, ...]
    seeds: dict[str, tuple[int, ...]]
    settings: dict[str, Any]
    departures: tuple[str, ...]

    def row(self, method: str, steps: int) -> NavigationRow:
        """Look up a row.

        Raises:
            ValueError: There is no such row.
        """
        for row in self.rows:
            if (row.method, row.steps) == (method, steps):
                return row
        raise ValueError(f"no run has measured {method} after {steps} steps")

    def table(self) -> str:
        """A line for each row: the mean, its 95 % intervals over seeds and goals, and a bound."""
        heads = ("method", "steps", "return", "± seeds", "± goals", "at most", "paper", "verdict")
        rows = [
            (
                row.method,
                f"{row.steps}",
                f"{row.mean.mean:.2f}",
                f"{row.mean.ci95:.2f}",
                f"{row.goals_ci95:.2f}",
                f"{row.best:.2f}",
                f"{row.paper:.2f}",
                row.verdict,
            )
            for row in self.rows
        ]
        return text_table(heads, rows, {"method", "verdict"})

    def claims(self) -> str:
        """A sentence for each number of the paper and each departure from its settings."""
        return claims_text((row.claim for row in self.rows), self.departures)


def navigation_table(folders: Folders) -> NavigationTable:
    """Compare the runs of `experiments/navigation.yaml` with the paper's mean returns.

    Args:
        folders: Of the sweep, or several.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run is done, one is of another notebook, or the runs differ in more than
            method and seed.
    """
    frame = curves_frame(read_runs(folders), NAVIGATION_TABLE)
    settings = check_one_sweep(frame, NavigationSettings, ("method", "seed"))
    groups = {
        (str(method), int(step)): part
        for (method, step), part in frame.groupby(["method", "inner_step"])
    }
    rows = [
        _row(method, steps, paper, groups[method, steps])
        for method, published in RETURNS.items()
        for steps, paper in enumerate(published[: MOST_STEPS + 1])
        if (method, steps) in groups
    ]
    seeds = {row.method: groups[row.method, row.steps]["seed"].tolist() for row in rows}
    return NavigationTable(
        tuple(rows),
        {method: tuple(sorted(numbers)) for method, numbers in seeds.items()},
        settings,
        departures(settings, NavigationSettings()),
    )


def _row(method: str, steps: int, paper: float, part: "DataFrame") -> NavigationRow:
    returns = tuple(part.sort_values("seed")["return"].tolist())
    return NavigationRow(
        method, steps, paper, returns, float(part["ci95"].mean()), float(part["best"].mean())
    )


def navigation_view(folders: Folders) -> go.Figure:
    """Draw minus the mean return over gradient steps for each method, with the paper's numbers.

    Args:
        folders: Of the sweep, or several.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run is done, or one is of another notebook.
    """
    frame = load_curves(folders, NAVIGATION_TABLE)
    curves = []
    for method in RETURNS:
        part = frame[frame["method"] == method]
        by_step = [returns for _, returns in part.groupby("inner_step", sort=True)["return"]]
        if means := [mean_interval(returns.to_numpy()) for returns in by_step]:
            shots = int(part["shots"].to_numpy()[0])
            mean, ci95 = [each.mean for each in means], [each.ci95 for each in means]
            curves.append(_curve(method, shots, mean, ci95))
    return _figure(curves, "mean over seeds, 95 % interval")


def navigation_run_view(result: Result) -> go.Figure:
    """Draw minus the mean return of one run over gradient steps, with the paper's numbers.

    Args:
        result: From `measure_navigation_run`.

    Example:
        >>> from labkit.paper.navigation import measure_navigation_run, train_navigation_run
        >>> few = NavigationSettings(meta_steps=1, meta_batch=2, shots=2, horizon=5)
        >>> figure = navigation_run_view(measure_navigation_run(train_navigation_run(few), goals=3))
        >>> [trace.name for trace in figure.data][1:]
        ['maml', 'maml, published']
    """
    table = result.curves[NAVIGATION_TABLE]
    method, shots = str(result.parameters["method"]), int(result.parameters["shots"])
    curve = _curve(method, shots, table["return"], table["ci95"])
    return _figure([curve], "mean over goals, 95 % interval")


def _curve(method: str, shots: int, returns: ArrayLike, ci95: ArrayLike) -> MethodCurve:
    published = {steps: -paper for steps, paper in enumerate(RETURNS[method])}
    return MethodCurve(method, method, shots, -np.asarray(returns), np.asarray(ci95), published)


def _figure(curves: list[MethodCurve], what: str) -> go.Figure:
    heading, measure = "The paper's 2D navigation", "−(mean return)"
    return PlainFigure.of(paper_figure(curves, what, heading=heading, measure=measure))
