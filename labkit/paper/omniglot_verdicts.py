"""The paper's Omniglot rows compared with our runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from labkit.experiments import Folders, Mean, curves_frame, mean_interval, read_runs, text_table
from labkit.paper.omniglot import FEW_SHOT_TABLE, TEST_STEPS, TESTS
from labkit.paper.settings import FewShotSettings
from labkit.paper.verdicts import check_one_sweep, claims_text, departures, verdict

if TYPE_CHECKING:
    from pandas import DataFrame

ACCURACIES: Mapping[tuple[str, int, int], float] = MappingProxyType(
    {
        ("maml", 5, 1): 98.7,
        ("maml", 5, 5): 99.9,
        ("first_order", 5, 1): 98.3,
        ("first_order", 5, 5): 99.2,
    }
)
"""Method, ways, shots → accuracy in % (arXiv:1703.03400, Table 1; first order: arXiv:1803.02999,
Table 2). For 20 ways, which are missing here, tests take five steps."""

HALF_PERCENT_DIGIT = 0.05
"""Those numbers are rounded to one decimal."""


@dataclass(frozen=True, slots=True)
class OmniglotRow:
    """One accuracy of the table, from runs of several seeds; all in %.

    Attributes:
        method: As in `FewShotSettings`.
        ways: Classes per task.
        shots: Support points per class.
        test: "upright" or "turned", see `measure_few_shot_run`.
        inner_steps: On each test task.
        paper: The published accuracy; None if there is none for this test.
        by_seed: Mean accuracy of each seed over its own test tasks.
        tasks_ci95: Half width of the 95 % interval of one seed's mean over its tasks, averaged.
    """

    method: str
    ways: int
    shots: int
    test: str
    inner_steps: int
    paper: float | None
    by_seed: tuple[float, ...]
    tasks_ci95: float

    @property
    def mean(self) -> Mean:
        """Over the seeds, with the interval of that mean."""
        return mean_interval(self.by_seed)

    @property
    def verdict(self) -> str:
        """See `labkit.paper.verdicts.verdict`, of the errors 100 % − accuracy; or "".

        Example:
            >>> OmniglotRow("maml", 5, 1, "turned", 3, 98.7, (98.5, 98.8), 0.4).verdict
            'undecided'
            >>> OmniglotRow("maml", 5, 1, "turned", 3, 98.7, (96.1, 96.2), 0.4).verdict
            'not reproduced'
        """
        if self.paper is None:
            return ""
        errors = [100 - accuracy for accuracy in self.by_seed]
        return verdict(errors, self.tasks_ci95, 100 - self.paper, HALF_PERCENT_DIGIT)

    @property
    def claim(self) -> str:
        """The verdict in a sentence."""
        where = f"{self.method}, {self.ways}-way {self.shots}-shot, after {self.inner_steps} steps"
        mean = self.mean
        return f"{where}: {self.verdict}, {mean.mean:.1f} ± {mean.ci95:.1f} % for {self.paper:.1f}"


@dataclass(frozen=True, slots=True)
class OmniglotTable:
    """All rows, and the settings of the runs.

    Attributes:
        rows: By method, shots, test and inner steps.
        seeds: Those of each method and number of shots.
        settings: Other parameters, the same in all runs.
        departures: Sentences on those that differ from the paper's.
    """

    rows: tuple[OmniglotRow, ...]
    seeds: dict[tuple[str, int], tuple[int, ...]]
    settings: dict[str, Any]
    departures: tuple[str, ...]

    def row(self, method: str, shots: int, inner_steps: int, test: str) -> OmniglotRow:
        """Look up a row.

        Raises:
            ValueError: There is no such row.
        """
        for row in self.rows:
            key = (row.method, row.shots, row.inner_steps, row.test)
            if key == (method, shots, inner_steps, test):
                return row
        raise ValueError(
            f"no run has measured {method} with {shots} shots after {inner_steps} steps, {test}"
        )

    def table(self) -> str:
        """A line for each row: the mean, and its 95 % intervals over seeds and over tasks."""
        heads = ("method", "ways", "shots", "test", "steps", "mean %", "± seeds", "± tasks")
        rows = [
            (
                row.method,
                f"{row.ways}",
                f"{row.shots}",
                row.test,
                f"{row.inner_steps}",
                *(f"{number:.1f}" for number in (row.mean.mean, row.mean.ci95, row.tasks_ci95)),
                "" if row.paper is None else f"{row.paper:.1f}",
                row.verdict,
            )
            for row in self.rows
        ]
        return text_table((*heads, "paper", "verdict"), rows, {"method", "test", "verdict"})

    def claims(self) -> str:
        """A sentence for each published number and each departure from the paper's settings."""
        published = (row.claim for row in self.rows if row.paper is not None)
        return claims_text(published, self.departures)


def omniglot_table(folders: Folders) -> OmniglotTable:
    """Compare the runs of `experiments/omniglot.yaml` with the published accuracies.

    Those belong to the test "turned", after three steps, as in the paper's code.

    Args:
        folders: Of the sweep, or several.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run is done, one is of another notebook or of emoji, or the runs differ in
            more than method, shots and seed.

    Example:
        >>> omniglot_table("notebooks/data/omniglot_sweep").row("maml", 1, 3, "turned").paper
        98.7
    """
    frame = curves_frame(read_runs(folders), FEW_SHOT_TABLE)
    settings = check_one_sweep(frame, FewShotSettings, ("method", "shots", "seed"))
    if settings["data"] != "omniglot":
        raise ValueError(
            f"the runs use {settings['data']}, but the published accuracies are of omniglot: give "
            "the folder of a sweep with data: omniglot"
        )
    measured = frame[frame["inner_step"].isin([1, TEST_STEPS])]
    groups = measured.groupby(["method", "shots", "test", "inner_step"], sort=True)
    rows = [
        _row(str(method), settings["ways"], int(shots), int(test), int(step), part)
        for (method, shots, test, step), part in groups
    ]
    seeds = {
        (str(method), int(shots)): tuple(sorted(set(part["seed"].tolist())))
        for (method, shots), part in frame.groupby(["method", "shots"], sort=True)
    }
    return OmniglotTable(
        tuple(rows), seeds, settings, departures(settings, FewShotSettings(), {"ways"})
    )


def _row(
    method: str, ways: int, shots: int, test: int, inner_steps: int, part: "DataFrame"
) -> OmniglotRow:
    as_published = TESTS[test] == "turned" and inner_steps == TEST_STEPS
    return OmniglotRow(
        method,
        ways,
        shots,
        TESTS[test],
        inner_steps,
        ACCURACIES.get((method, ways, shots)) if as_published else None,
        tuple((100 * part.sort_values("seed")["accuracy"]).tolist()),
        float(100 * part["accuracy_ci95"].mean()),
    )
