"""The paper's sinusoid table compared with our runs, as a table and a figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

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
from labkit.paper.settings import PaperSettings
from labkit.paper.sinusoid import STEP_SIZES, STEPS, TABLE
from labkit.paper.verdicts import check_one_sweep, claims_text, departures, verdict

if TYPE_CHECKING:
    from pandas import DataFrame

PUBLISHED: Mapping[tuple[str, int, int], float] = MappingProxyType(
    {
        ("maml", 5, 1): 0.67,
        ("maml", 5, 5): 0.38,
        ("maml", 5, 10): 0.35,
        ("pretrained", 5, 1): 2.41,
        ("pretrained", 5, 5): 2.23,
        ("pretrained", 5, 10): 2.19,
    }
)
"""Method, shots, inner steps → mean squared error (arXiv:1703.03400, Table 2)."""

HALF_DIGIT = 0.005
"""Those numbers are rounded to two digits."""

METHODS = ("maml", "first_order", "pretrained", "oracle")


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One number of the table, as the runs of several seeds have it.

    Attributes:
        method: As in `PaperSettings`.
        shots: Support points per test task.
        step_sizes: The rule for them, see `measure_paper_run`.
        inner_steps: On each test task.
        paper: The paper's number; None if it gives none.
        by_seed: Mean loss of each seed over its own test tasks.
        tasks_ci95: Half width of the 95 % interval of one seed's mean over its tasks, averaged.
        median: Median loss over the tasks, averaged over seeds.
        diverged: Share of diverged tasks over all seeds.
    """

    method: str
    shots: int
    step_sizes: str
    inner_steps: int
    paper: float | None
    by_seed: tuple[float, ...]
    tasks_ci95: float
    median: float
    diverged: float

    @property
    def mean(self) -> Mean:
        """Over the seeds, with the interval of that mean."""
        return mean_interval(self.by_seed)

    @property
    def verdict(self) -> str:
        """Of the paper's number, see `labkit.paper.verdicts.verdict`; "" without one.

        Example:
            >>> row = PaperRow("maml", 5, "halved", 1, 0.67, (0.64, 0.66, 0.7), 0.06, 0.5, 0.0)
            >>> row.verdict
            'reproduced'
        """
        if self.paper is None:
            return ""
        return verdict(self.by_seed, self.tasks_ci95, self.paper, HALF_DIGIT)

    @property
    def claim(self) -> str:
        """The verdict in a sentence.

        Example:
            >>> PaperRow("maml", 5, "halved", 1, 0.67, (0.64, 0.66, 0.7), 0.06, 0.5, 0.0).claim
            'maml (halved), 5 shots, after 1 step: reproduced, 0.667 ± 0.0759 for 0.67'
        """
        mean, steps = self.mean, f"{self.inner_steps} step{'s' * (self.inner_steps != 1)}"
        where = f"{self.method} ({self.step_sizes}), {self.shots} shots, after {steps}"
        interval = f"{mean.mean:.3g} ± {mean.ci95:.3g} for {self.paper:g}"
        diverged = f"; {self.diverged:.1%} of the tasks diverge" if self.diverged else ""
        return f"{where}: {self.verdict}, {interval}{diverged}"


@dataclass(frozen=True, slots=True)
class PaperTable:
    """All rows, and the settings of the runs.

    Attributes:
        rows: By method, shots, step sizes and inner steps.
        seeds: Those of each method.
        settings: Other parameters, the same in all runs.
        departures: Sentences on those that differ from the paper's.
    """

    rows: tuple[PaperRow, ...]
    seeds: dict[str, tuple[int, ...]]
    settings: dict[str, Any]
    departures: tuple[str, ...]

    @property
    def published(self) -> tuple[PaperRow, ...]:
        """The rows for which the paper has a number."""
        return tuple(row for row in self.rows if row.paper is not None)

    def row(self, method: str, shots: int, inner_steps: int, step_sizes: str) -> PaperRow:
        """Look up a row.

        Raises:
            ValueError: There is no such row.
        """
        for row in self.rows:
            key = (row.method, row.shots, row.inner_steps, row.step_sizes)
            if key == (method, shots, inner_steps, step_sizes):
                return row
        raise ValueError(
            f"no run has measured {method} with {shots} shots after {inner_steps} steps, step "
            f"sizes {step_sizes}"
        )

    def table(self) -> str:
        """A line for each row: the mean, and its 95 % intervals over seeds and over tasks."""
        heads = ["method", "shots", "step sizes", "steps", "mean", "± seeds", "± tasks"]
        heads += ["median", "diverged", "paper", "verdict"]
        rows = [
            (
                row.method,
                f"{row.shots}",
                row.step_sizes,
                f"{row.inner_steps}",
                *(f"{n:.3g}" for n in (row.mean.mean, row.mean.ci95, row.tasks_ci95, row.median)),
                f"{row.diverged:.1%}",
                "" if row.paper is None else f"{row.paper:.2f}",
                row.verdict,
            )
            for row in self.rows
        ]
        return text_table(heads, rows, {"method", "step sizes", "verdict"})

    def claims(self) -> str:
        """A sentence for each number of the paper, and for each departure from its settings."""
        return claims_text((row.claim for row in self.published), self.departures)


def paper_table(folders: Folders) -> PaperTable:
    """Compare the runs of `experiments/paper.yaml` with the paper's numbers.

    Args:
        folders: Of the sweep, or several.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run is done, one is of another notebook, or the runs differ in more than
            method and seed.

    Example:
        >>> table = paper_table("notebooks/data/paper_sweep")
        >>> table.row("maml", 5, 1, "halved").paper, table.departures
        (0.67, ())
    """
    frame = curves_frame(read_runs(folders), TABLE)
    settings = check_one_sweep(frame, PaperSettings, ("method", "seed"))
    seeds = {
        method: tuple(sorted({int(s) for s in frame.loc[frame["method"] == method, "seed"]}))
        for method in METHODS
        if (frame["method"] == method).any()
    }
    measured = frame[frame["inner_step"].isin(STEPS)]
    rows = [
        _row(method, int(shots), int(rule), int(step), part)
        for method in seeds
        for (shots, rule, step), part in measured[measured["method"] == method].groupby(
            ["test_shots", "step_sizes", "inner_step"], sort=True
        )
    ]
    return PaperTable(tuple(rows), seeds, settings, departures(settings, PaperSettings()))


def _row(method: str, shots: int, step_sizes: int, inner_steps: int, part: "DataFrame") -> PaperRow:
    return PaperRow(
        method,
        shots,
        STEP_SIZES[step_sizes],
        inner_steps,
        PUBLISHED.get((method, shots, inner_steps)),
        tuple(part.sort_values("seed")["query_loss"].tolist()),
        float(part["ci95"].mean()),
        float(part["median"].mean()),
        float(part["diverged"].mean()),
    )


def paper_view(folders: Folders) -> go.Figure:
    """Draw the loss over inner steps for 5, 10 and 20 shots, with bands over seeds.

    "constant" step sizes are left out, since a few tasks make their mean infinite.

    Args:
        folders: As for `paper_table`.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run is done, or one is of another notebook.
    """
    frame = load_curves(folders, TABLE)
    frame = frame[frame["step_sizes"] != STEP_SIZES.index("constant")]
    curves = []
    for method in METHODS:
        for shots, part in frame[frame["method"] == method].groupby("test_shots"):
            means = [
                mean_interval(losses.to_numpy())
                for _, losses in part.groupby("inner_step", sort=True)["query_loss"]
            ]
            published = {k: v for (m, s, k), v in PUBLISHED.items() if (m, s) == (method, shots)}
            curves.append(
                MethodCurve(
                    method,
                    method.replace("_", " "),
                    int(shots),
                    np.array([mean.mean for mean in means]),
                    np.array([mean.ci95 for mean in means]),
                    published,
                )
            )
    return PlainFigure.of(paper_figure(curves))


def paper_run_view(result: Result) -> go.Figure:
    """Draw the loss of one run over inner steps for 5, 10 and 20 shots, with the paper's numbers.

    "constant" step sizes are left out, as in `paper_view`; bands are over the tasks.

    Args:
        result: From `measure_paper_run`.

    Example:
        >>> from labkit.paper.sinusoid import measure_paper_run, train_paper_run
        >>> run = train_paper_run(PaperSettings(method="oracle", meta_steps=2, meta_batch=3))
        >>> [trace.name for trace in paper_run_view(measure_paper_run(run, tasks=4)).data][1::2]
        ['oracle', 'oracle', 'oracle']
    """
    table = {name: np.asarray(values) for name, values in result.curves[TABLE].items()}
    method, last_rule = str(result.parameters["method"]), table["step_sizes"].max()
    curves = []
    for shots in np.unique(table["test_shots"]):
        rows = (table["test_shots"] == shots) & (table["step_sizes"] == last_rule)
        curves.append(
            MethodCurve(
                method,
                method.replace("_", " "),
                int(shots),
                table["query_loss"][rows],
                table["ci95"][rows],
                {k: v for (m, s, k), v in PUBLISHED.items() if (m, s) == (method, shots)},
            )
        )
    return PlainFigure.of(paper_figure(curves, "mean over tasks, 95 % interval"))
