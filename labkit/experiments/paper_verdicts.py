"""The paper's sinusoid table: what it says, what the runs say, and whether they agree."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from labkit.experiments.paper_run import STEP_SIZES, STEPS, TABLE
from labkit.experiments.paper_settings import PaperSettings
from labkit.experiments.student_t import Mean, mean_interval
from labkit.experiments.tables import Folders, curves_frame, read_runs

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

FAR = 10.0
"""A loss so many times the paper's is no matter of chance."""

METHODS = ("maml", "first_order", "pretrained", "oracle")


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One number of the table, as the runs of several seeds have it.

    Attributes:
        method: As in `PaperSettings`.
        shots: Support points per test task.
        step_sizes: How they were chosen, see `measure_paper_run`.
        inner_steps: Taken on each test task.
        paper: The paper's number; None where it gives none.
        by_seed: Mean loss over the test tasks of each seed, which are its own.
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
    def one_more(self) -> tuple[float, float]:
        """Where the mean of one more run would lie, with 95 %: m ± t s √(1 + 1/n).

        The paper's number is such a run: trained once, and tested on 600 tasks of its own. Few
        seeds may agree by chance; t s is therefore no less than the interval over the tasks.
        """
        found = self.mean
        seeds = found.ci95 * math.sqrt(found.count)  # t s
        half = max(seeds, self.tasks_ci95) * math.sqrt(1 + 1 / found.count)
        return found.mean - half, found.mean + half

    @property
    def verdict(self) -> str:
        """Of the paper's number p, up to its last digit; "" without one.

        "reproduced": p lies where one more run would. "better": all of that range is below p.
        "not reproduced": p lies outside, or a run is more than `FAR` times p. "undecided": p lies
        in the range, but this reaches further from the mean than p itself and says nothing.
        "too few seeds": there is one alone.

        Example:
            >>> row = PaperRow("maml", 5, "halved", 1, 0.67, (0.64, 0.66, 0.7), 0.06, 0.5, 0.0)
            >>> row.verdict
            'reproduced'
        """
        if self.paper is None:
            return ""
        if len(self.by_seed) < 2:
            return "too few seeds"
        # `not <=` also counts nan
        if any(not loss <= FAR * self.paper for loss in self.by_seed):
            return "not reproduced"
        low, high = self.one_more
        if high < self.paper - HALF_DIGIT:
            return "better"
        if not low - HALF_DIGIT <= self.paper <= high + HALF_DIGIT:
            return "not reproduced"
        return "reproduced" if high - low <= 2 * self.paper else "undecided"

    @property
    def claim(self) -> str:
        """The verdict in a sentence.

        Example:
            >>> PaperRow("maml", 5, "halved", 1, 0.67, (0.64, 0.66, 0.7), 0.06, 0.5, 0.0).claim
            'maml (halved), 5 shots, after 1 step: reproduced, 0.667 ± 0.0759 for 0.67'
        """
        mean, steps = self.mean, f"{self.inner_steps} step{'s' * (self.inner_steps != 1)}"
        where = f"{self.method} ({self.step_sizes}), {self.shots} shots, after {steps}"
        said = f"{mean.mean:.3g} ± {mean.ci95:.3g} for {self.paper:g}"
        stray = f"; {self.diverged:.1%} of the tasks diverge" if self.diverged else ""
        return f"{where}: {self.verdict}, {said}{stray}"


@dataclass(frozen=True, slots=True)
class PaperTable:
    """All rows, and the runs that they are from.

    Attributes:
        rows: By method, shots, step sizes and inner steps.
        seeds: Those of each method.
        settings: Other parameters, the same in all runs.
        departures: Those that are not the paper's, in words.
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
        """One of the rows.

        Raises:
            ValueError: There is none such.
        """
        for row in self.rows:
            found = (row.method, row.shots, row.inner_steps, row.step_sizes)
            if found == (method, shots, inner_steps, step_sizes):
                return row
        raise ValueError(
            f"no run has measured {method} with {shots} shots after {inner_steps} steps, step "
            f"sizes {step_sizes}"
        )

    def table(self) -> str:
        """A line for each row: the mean, and its 95 % intervals over seeds and over tasks."""
        heads = ("method", "shots", "step sizes", "steps", "mean", "± seeds", "± tasks")
        lines: list[tuple[str, ...]] = [(*heads, "median", "diverged", "paper", "verdict")]
        lines += [
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
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = {0, 2, 10}  # columns of words
        return "\n".join(
            "  ".join(
                cell.ljust(width) if number in texts else cell.rjust(width)
                for number, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )

    def claims(self) -> str:
        """A sentence for each number of the paper, and what of its settings was not kept."""
        lines = [row.claim for row in self.published]
        return "\n".join([*lines, *(f"not the paper's: {words}" for words in self.departures)])


def paper_table(folders: Folders) -> PaperTable:
    """Set the runs of `experiments/paper.yaml` beside the paper's numbers.

    Args:
        folders: Of the sweep, or several.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run is done, one is of another notebook, or the runs differ in more than
            method and seed.

    Example:
        >>> found = paper_table("notebooks/data/paper_sweep")
        >>> found.row("maml", 5, 1, "halved").paper, found.departures
        (0.67, ())
    """
    frame = curves_frame(read_runs(folders), TABLE)
    _check_runs(frame)
    same = [name for name in PaperSettings.model_fields if name not in {"method", "seed"}]
    settings = {name: frame[name].tolist()[0] for name in same}
    paper = PaperSettings()
    departures = tuple(
        f"{name} = {value}, where the paper has {getattr(paper, name)}"
        for name, value in settings.items()
        if value != getattr(paper, name)
    )
    seeds = {
        method: tuple(sorted({int(s) for s in frame.loc[frame["method"] == method, "seed"]}))
        for method in METHODS
        if (frame["method"] == method).any()
    }
    chosen = frame[frame["inner_step"].isin(STEPS)]
    rows = [
        _row(method, int(shots), int(rule), int(step), part)
        for method in seeds
        for (shots, rule, step), part in chosen[chosen["method"] == method].groupby(
            ["test_shots", "step_sizes", "inner_step"], sort=True
        )
    ]
    return PaperTable(tuple(rows), seeds, settings, departures)


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


def _check_runs(frame: "DataFrame") -> None:
    """Runs of one sweep: equal but for method and seed, and one of each."""
    for name in PaperSettings.model_fields:
        if name in {"method", "seed"}:
            continue
        found = sorted(frame[name].unique().tolist())
        if len(found) > 1:
            values = ", ".join(map(str, found))
            raise ValueError(
                f"the runs differ in {name} ({values}), and a table is of one: give the folder of "
                "one sweep"
            )
    runs = frame.drop_duplicates("run")
    twice = runs[runs.duplicated(["method", "seed"])]
    if len(twice):
        method, seed = twice[["method", "seed"]].to_numpy().tolist()[0]
        raise ValueError(
            f"{method} has more than one run with seed {seed}, of another version of the notebook "
            "or of labkit: give the folder of one of them"
        )
