"""Reads the runs of folders again and again, those that have ended only once."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from labkit.experiments.compare import RunRow, training_points
from labkit.experiments.runs import STATUS, UNFINISHED, Labels, RunFolder, Status, table_value
from labkit.experiments.sweeps import ATTEMPTS, RUNS


class RunReader:
    """The runs in some folders, in whichever state, those that a sweep executes included.

    Args:
        folders: Runs or sweeps, at any depth.

    Raises:
        FileNotFoundError: A folder does not exist.
    """

    def __init__(self, folders: Sequence[str | Path]) -> None:
        self.folders = [Path(folder) for folder in folders]
        for folder in self.folders:
            if not folder.is_dir():
                raise FileNotFoundError(f"there is no folder {folder}")
        self._ended: dict[Path, tuple[int, RunRow]] = {}

    def rows(self) -> list[RunRow]:
        """Each run once, in the order of their folders; of a sweep's attempts the one under way."""
        rows: dict[tuple[Path, str], RunRow] = {}
        for path in self._paths():
            try:
                row = self._row(RunFolder(path))
            except OSError:  # it has just been moved
                continue
            if row is None:
                continue
            in_sweep = path.parent.name in {ATTEMPTS, RUNS}
            key = (path.parent.parent, row.id) if in_sweep and row.id else (path, "")
            if key not in rows or rows[key].state != "running":
                rows[key] = row
        return list(rows.values())

    def _paths(self) -> Iterator[Path]:
        seen: set[Path] = set()
        for folder in self.folders:
            for here, below, files in os.walk(folder):
                if STATUS in files:
                    below.clear()
                    path = Path(here)
                    if (whole := path.resolve()) not in seen:
                        seen.add(whole)
                        yield path
                below[:] = sorted(n for n in below if n == ATTEMPTS or not n.startswith("."))

    def _row(self, folder: RunFolder) -> RunRow | None:
        changed = (folder.path / STATUS).stat().st_mtime_ns
        labels, damage = _labels(folder.path)
        earlier = self._ended.get(folder.path)
        if earlier is not None and earlier[0] == changed:
            return replace(earlier[1], labels=labels)
        try:
            status = folder.status
            if status is None:
                return None
            row = _row_of(folder, status)
        except ValueError as error:
            status, row = None, RunRow(str(folder.path), "", "", "damaged", error=str(error))
        if status is not None and status.state != "running":
            self._ended[folder.path] = changed, row
        return replace(row, labels=labels, error=row.error or damage)


def _row_of(folder: RunFolder, status: Status) -> RunRow:
    if damage := folder.damage:
        raise ValueError(damage)
    try:
        values = folder.parameters
    except ValueError:
        if status.state not in UNFINISHED:
            raise
        values = {}  # it has just begun
    parameters = {name: table_value(value) for name, value in values.items()}
    row = RunRow(
        str(folder.path),
        status.id,
        status.notebook,
        status.state,
        parameters=parameters,
        seconds=status.seconds,
        error=status.summary,
    )
    if status.state in UNFINISHED:
        if folder.interrupted:
            row = replace(row, state="interrupted")
        progress = folder.progress
        if progress is None:
            return row
        of = f" of {progress.meta_steps:,}" if progress.meta_steps else ""
        words = progress.phase
        if progress.meta_step:
            words += f", meta-step {progress.meta_step:,}{of}"
        return replace(
            row, progress=words, curve=[(step, after) for step, _, after in progress.curve]
        )
    if status.without_result or status.state == "failed":
        return row
    result = folder.result
    return replace(row, metrics=result.metrics, curve=training_points(result.curves))


def _labels(path: Path) -> tuple[Labels, str]:
    try:
        return Labels.read(path), ""
    except ValueError as error:
        return Labels(), str(error)
