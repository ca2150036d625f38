"""A run's folder: notebook, parameters, result, metrics and status, each complete or absent."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from filelock import FileLock, Timeout

from labkit._io import atomic_write
from labkit.experiments.runs.result import NoResultError, Result, read_result

Read = TypeVar("Read")

State = Literal["running", "done", "failed"]

NOTEBOOK, PARAMETERS, RESULT = "notebook.ipynb", "parameters.json", "result.json"
METRICS, STATUS = "metrics.parquet", "status.json"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a run.

    Attributes:
        state: "running", "done" or "failed"; a killed run stays "running".
        id: Of the run, see `Plan.id`.
        notebook: Short name of the notebook.
        started: Seconds since 1970.
        seconds: How long it took; None before its end.
        error: Last line of the error that stopped it.
        without_result: Whether it is done and its notebook records no result.
    """

    state: State
    id: str
    notebook: str
    started: float
    seconds: float | None = None
    error: str | None = None
    without_result: bool = False

    @classmethod
    def running(cls, id: str, notebook: str) -> "Status":  # noqa: A002  # its name in the file
        """The status of a run that starts now."""
        return cls("running", id, notebook, time.time())


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run.

    Args:
        path: The folder, which need not exist yet.
    """

    path: Path

    @property
    def status(self) -> Status | None:
        """The state of the run; None before its start.

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
                f"{self.path / STATUS} is not the status of a run ({error}): remove the folder "
                "to repeat the run"
            ) from None

    @property
    def notebook(self) -> Path:
        """The executed notebook; that of a failed run contains the traceback."""
        return self.path / NOTEBOOK

    @property
    def ended(self) -> Status | None:
        """The final status; None if the run is unfinished, interrupted or damaged."""
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
            ValueError: The file is missing or damaged.
        """
        return self._read(PARAMETERS, _mapping)

    @property
    def result(self) -> Result:
        """The result of a run that is done.

        Raises:
            ValueError: The file is missing, as for a run without a result, or damaged.
        """
        return self._read(RESULT, Result.from_json)

    def begin(self, status: Status, parameters: dict[str, Any]) -> None:
        """Record the start of a run, after removing the files of an earlier attempt."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in (RESULT, METRICS, NOTEBOOK):
            (self.path / name).unlink(missing_ok=True)
        self.write(STATUS, json.dumps(asdict(status), indent=1))
        self.write(PARAMETERS, json.dumps(parameters, indent=1, ensure_ascii=False))

    def end(self, status: Status) -> Status:
        """Record the end of a run, after writing result and metrics if it is done.

        Returns:
            The recorded status.

        Raises:
            NoResultError: A cell of the notebook should have recorded a result, and has not.
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
        """Write one of its files, completely or not at all."""
        self.replace(name, lambda path: path.write_text(content + "\n", encoding="utf-8"))

    def replace(self, name: str, write: Callable[[Path], object]) -> None:
        """Have `write` write one of its files, completely or not at all."""
        atomic_write(self.path / name, write)

    def _read(self, name: str, parse: Callable[[Any], Read]) -> Read:
        try:
            return parse(json.loads((self.path / name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            problem = "is missing"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"is damaged ({error})"
        raise ValueError(f"{self.path / name} {problem}: repeat the run")


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("parameters have no names")
    return value


def run_row(status: Status, parameters: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """The row of a run in a table: id, parameters and metrics; lists become JSON."""
    plain = {
        name: json.dumps(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }
    return {"run": status.id, "notebook": status.notebook, **plain, **result.metrics}


def write_metrics(folder: RunFolder, status: Status, result: Result) -> None:
    """Write one row of parameters and metrics, for pandas or DuckDB without labkit."""
    import pandas as pd  # noqa: PLC0415  # slow to import, and most commands need none

    row = run_row(status, folder.parameters, result)
    # they would be four fifths of a file with one row
    lean = {"index": False, "use_dictionary": False, "write_statistics": False}
    folder.replace(
        METRICS, lambda path: pd.DataFrame([row]).to_parquet(path, store_schema=False, **lean)
    )


class FolderInUseError(ValueError):
    """Another process uses a folder; the message says what to do."""


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a folder for this process; the lock ends with the process, however that ends.

    Args:
        folder: Created if it does not exist; the file `LOCK` remains in it.

    Raises:
        FolderInUseError: Another process has locked it.
        OSError: It cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name, lock_folder(Path(name)):
        ...     [file.name for file in Path(name).iterdir()]
        ['.lock']
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUseError(
            f"{folder} is in use by another labkit: wait until it ends, or choose another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
