"""A run's folder: its notebook, parameters, result, metrics and status, each whole or not there."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from labkit.experiments.runs.result import NoResultError, Result, read_result

Read = TypeVar("Read")

State = Literal["running", "done", "failed"]

NOTEBOOK, PARAMETERS, RESULT = "notebook.ipynb", "parameters.json", "result.json"
METRICS, STATUS = "metrics.parquet", "status.json"


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands.

    Attributes:
        state: "running", "done" or "failed"; one that was killed stays "running".
        id: Of the run, see `Plan.id`.
        notebook: Short name of the notebook.
        started: Seconds since 1970.
        seconds: That it took, once it has ended.
        error: Last line of what stopped it.
        without_result: Whether it is done, and its notebook is one that records no result.
    """

    state: State
    id: str
    notebook: str
    started: float
    seconds: float | None = None
    error: str | None = None
    without_result: bool = False


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run.

    Args:
        path: Where it is, or will be.
    """

    path: Path

    @property
    def status(self) -> Status | None:
        """How the run stands; None before it has begun.

        Raises:
            ValueError: `status.json` is not what a run writes.
        """
        try:
            text = (self.path / STATUS).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            status = Status(**json.loads(text))
            if status.state not in get_args(State):
                raise ValueError(f"state {status.state!r}")  # noqa: TRY301
            return status  # noqa: TRY300
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{self.path / STATUS} is not the status of a run ({error}): remove the folder, "
                "and the run is repeated"
            ) from None

    @property
    def notebook(self) -> Path:
        """The executed notebook; of a failed run it has the traceback."""
        return self.path / NOTEBOOK

    @property
    def ended(self) -> Status | None:
        """How the run has ended; None if it has not, was interrupted or its files are damaged."""
        try:
            status = self.status
            if status is None or status.state == "running":
                return None
            if status.state == "done" and not status.without_result:
                _ = self.parameters, self.result
        except ValueError:
            return None
        return status

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the run.

        Raises:
            ValueError: The file is missing, or not what a run writes; so for `result`.
        """
        return self._read(PARAMETERS, _by_name)

    @property
    def result(self) -> Result:
        """The result of a run that is done; `Status.without_result` says whether it has one."""
        return self._read(RESULT, Result.from_json)

    def begin(self, status: Status, parameters: dict[str, Any]) -> None:
        """Note that a run has begun; what an earlier try has left is removed first."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in (RESULT, METRICS, NOTEBOOK):
            (self.path / name).unlink(missing_ok=True)
        self.write(STATUS, json.dumps(asdict(status), indent=1))
        self.write(PARAMETERS, json.dumps(parameters, indent=1, ensure_ascii=False))

    def end(self, status: Status) -> Status:
        """Note how a run has ended; of one that is done, result and metrics are written before.

        Returns:
            The status as it is noted.

        Raises:
            NoResultError: The notebook of a run that is done was to record a result, and has not.
        """
        if status.state == "done":
            try:
                result = read_result(self.notebook)
            except NoResultError as error:
                if error.expected:
                    raise
                status = replace(status, without_result=True)
        if status.state == "done" and not status.without_result:
            self.write(RESULT, json.dumps(result.to_json(), indent=1, ensure_ascii=False))
            write_metrics(self, status, result)
        self.write(STATUS, json.dumps(asdict(status), indent=1))
        return status

    def write(self, name: str, content: str) -> None:
        """Write one of its files, whole or not at all."""
        self.replace(name, lambda path: path.write_text(content + "\n", encoding="utf-8"))

    def replace(self, name: str, make: Callable[[Path], object]) -> None:
        """Have one of its files made, whole or not at all."""
        # its package is that of training, with torch
        from labkit._io import atomic_write  # noqa: PLC0415

        atomic_write(self.path / name, make)

    def _read(self, name: str, made: Callable[[Any], Read]) -> Read:
        try:
            return made(json.loads((self.path / name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            problem = "is missing"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"is not what a run writes ({error})"
        raise ValueError(f"{self.path / name} {problem}: repeat the run")


def _by_name(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError("no names")
    return found


def run_row(status: Status, parameters: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """A run as one row of a table: its id, parameters and metrics; lists become JSON."""
    plain = {
        name: json.dumps(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }
    return {"run": status.id, "notebook": status.notebook, **plain, **result.metrics}


def write_metrics(folder: RunFolder, status: Status, result: Result) -> None:
    """One row of parameters and metrics, for pandas or DuckDB without labkit."""
    import pandas as pd  # noqa: PLC0415  # it takes a while, and most commands do without

    row = run_row(status, folder.parameters, result)
    # for a single row they are four fifths of the file
    lean = {"index": False, "use_dictionary": False, "write_statistics": False}
    folder.replace(
        METRICS, lambda path: pd.DataFrame([row]).to_parquet(path, store_schema=False, **lean)
    )


def begun(id: str, notebook: str) -> Status:  # noqa: A002  # its name in the file
    """The status of a run that begins now."""
    return Status("running", id, notebook, time.time())
