"""Load runs from folders: a table with one row per run, and their curves as a tidy table."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from labkit.experiments.runs import STATUS, Result, RunFolder, Status, parameters_row, run_row

if TYPE_CHECKING:
    from pandas import DataFrame

Folders: TypeAlias = str | Path | Sequence[str | Path]
"""One folder, or several, with runs at any depth."""

IDENTIFIERS = ("run", "notebook")
"""Columns that identify a run."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is done or has diverged.

    Attributes:
        status: Id, notebook and duration.
        parameters: All of them.
        result: Metrics and curves.
    """

    status: Status
    parameters: dict[str, Any]
    result: Result

    @property
    def row(self) -> dict[str, Any]:
        """Id, notebook, parameters and metrics, as in `metrics.parquet`."""
        return run_row(self.status, self.parameters, self.result)


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs in some folders.

    Attributes:
        done: Each run once, in the order of their folders' names.
        left_out: Reason → number of runs: "running", "interrupted" (whoever executed it has gone),
            "failed", "diverged", "pruned" (a search has given it up), "broken" (files are missing
            or damaged), "without result" (the notebook records none), "repeated" (the
            same run in another folder).
        diverged: Parameters of each run that diverged, with its notebook.
    """

    done: list[Run]
    left_out: dict[str, int]
    diverged: list[dict[str, Any]] = field(default_factory=list)

    def left_out_summary(self) -> str:
        """The number of runs that were left out, and the reasons; empty if none was.

        Example:
            >>> Runs([], {"failed": 2, "running": 1}).left_out_summary()
            '2 failed, 1 running'
        """
        return ", ".join(f"{count} {why}" for why, count in self.left_out.items())


def read_runs(folders: Folders) -> Runs:
    """Read all runs in these folders, except hidden folders, which hold unfinished runs.

    Args:
        folders: One or several.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run in them is done.
    """
    several = [folders] if isinstance(folders, str | Path) else list(folders)
    left_out: Counter[str] = Counter()
    done: dict[str, Run] = {}
    diverged: dict[str, dict[str, Any]] = {}
    for path in _run_folders(several):
        try:
            status = path.status
            if status is not None and status.state == "diverged":
                diverged[status.id] = parameters_row(status, path.parameters)
                left_out["diverged"] += 1
                continue
            if status is None or status.state != "done":
                state = "running" if status is None else status.state
                left_out["interrupted" if path.interrupted else state] += 1
                continue
            if status.without_result:
                left_out["without result"] += 1
                continue
            path.check_files(status)
            run = Run(status, path.parameters, path.result)
        except (OSError, ValueError):  # a file is missing or damaged
            left_out["broken"] += 1
            continue
        if status.id in done:
            left_out["repeated"] += 1
        else:
            done[status.id] = run
    runs = Runs(list(done.values()), dict(sorted(left_out.items())), list(diverged.values()))
    if not runs.done:
        where = ", ".join(map(str, several)) or "no folder"
        others = f" ({runs.left_out_summary()})" if left_out else ""
        raise ValueError(
            f"no run is done in {where}{others}: give a folder that labkit run or labkit sweep "
            "has written"
        )
    return runs


def load_runs(folders: Folders) -> "DataFrame":
    """Load the runs that are done into a table with one row per run.

    Args:
        folders: The folder of a run or sweep, or several; they may contain runs at any depth.

    Returns:
        Columns `run`, `notebook`, `state`, the parameters and the metrics; lists such as `events`
        are JSON text. `frame.attrs` has the names of the "parameters" and "metrics", in "left_out"
        the number of runs that were left out, by reason, in "diverged" the parameters of those that
        diverged, in "versions" the version of the notebook of each run, and in "rows" the number
        of runs.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run in them is done.

    Example:
        >>> runs = load_runs("notebooks/data/example_sweep")
        >>> len(runs), sorted(runs["alpha"].unique().tolist()), runs.attrs["left_out"]
        (18, [0.001, 0.01, 0.05], {})
    """
    return runs_frame(read_runs(folders))


def load_curves(folders: Folders, name: str = "adaptation") -> "DataFrame":
    """Load one curve of every run that is done into a tidy table with one row per point.

    Args:
        folders: As for `load_runs`.
        name: "adaptation", a point for each number of inner steps; "training", for each
            meta-step.

    Returns:
        Columns `run`, `notebook`, the parameters and the curve's own, such as `inner_step`,
        `query_loss` and `ci95`; `frame.attrs` as of `load_runs`.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No run in them is done, or one has no curve of this name.

    Example:
        >>> curves = load_curves("notebooks/data/example_sweep")
        >>> len(curves), curves["inner_step"].nunique()
        (198, 11)
    """
    return curves_frame(read_runs(folders), name)


def runs_frame(runs: Runs) -> "DataFrame":
    """See `load_runs`."""
    import pandas as pd  # noqa: PLC0415  # slow to import, and most commands need none

    frame = pd.DataFrame([run.row for run in runs.done])
    frame.attrs = _attrs(runs)
    return frame


def curves_frame(runs: Runs, name: str = "adaptation") -> "DataFrame":
    """See `load_curves`."""
    import pandas as pd  # noqa: PLC0415  # slow to import, and most commands need none

    parts = []
    for run in runs.done:
        if name not in run.result.curves:
            names = ", ".join(sorted(run.result.curves)) or "none"
            raise ValueError(f"run {run.status.id} has no curve {name!r}; its curves: {names}")
        columns = run.result.curves[name]
        counts = {c: v.astype("int64") for c, v in columns.items() if c in _COUNTS}
        other = [c for c in (*IDENTIFIERS, *run.parameters) if c not in columns]
        parts.append(pd.DataFrame({**{c: run.row[c] for c in other}, **columns, **counts}))
    frame = pd.concat(parts, ignore_index=True)
    frame.attrs = _attrs(runs)
    return frame


_COUNTS = ("inner_step", "meta_step")


def _attrs(runs: Runs) -> dict[str, Any]:
    parameters = list(dict.fromkeys(name for run in runs.done for name in run.parameters))
    metrics = dict.fromkeys(name for run in runs.done for name in run.result.metrics)
    return {
        "parameters": parameters,
        # the number of meta-steps is both a parameter and a metric
        "metrics": [name for name in metrics if name not in parameters],
        "left_out": runs.left_out,
        "diverged": runs.diverged,
        "rows": len(runs.done),
        "versions": {run.status.id: run.status.version for run in runs.done},
    }


def _run_folders(folders: Sequence[str | Path]) -> Iterator[RunFolder]:
    """Each once, sorted within each folder; links to folders are followed, in circles only once."""
    seen: set[Path] = set()
    for folder in folders:
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"there is no folder {folder}")
        for here, below, files in os.walk(folder, followlinks=True):
            path = Path(here).resolve()
            if path in seen:
                below.clear()
                continue
            seen.add(path)
            below[:] = sorted(name for name in below if not name.startswith("."))
            if STATUS in files:
                yield RunFolder(Path(here))
