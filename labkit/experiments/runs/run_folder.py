"""A run's folder: notebook, parameters, result, metrics and status, each complete or absent."""

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from socket import gethostname
from typing import Any, Literal, TypeVar, get_args

import psutil
from filelock import FileLock, Timeout

from labkit._io import atomic_write
from labkit.experiments.runs.plain_values import table_value
from labkit.experiments.runs.result import NoResultError, Result, read_result
from labkit.session import RunProgress, stop_file

Read = TypeVar("Read")

State = Literal["running", "interrupted", "done", "diverged", "pruned", "failed"]

UNFINISHED = ("running", "interrupted")
"""States in which a run has not ended: the same command continues it."""

WITH_RESULT = ("done", "diverged", "pruned")
"""States in which a run has a result, unless its notebook records none."""

NOTEBOOK, PARAMETERS, RESULT = "notebook.ipynb", "parameters.json", "result.json"
METRICS, STATUS = "metrics.parquet", "status.json"
LEARNER = "learner.safetensors"
LOCK = ".lock"
PROGRESS = ".progress.json"
CHECKPOINT = "checkpoint"
"""Folder with the states of trainings while a run is not done."""

FILES = (NOTEBOOK, PARAMETERS, RESULT, METRICS, LEARNER)
"""What a run writes besides its status, as far as it comes."""

HEARTBEAT_SECONDS = 10.0
"""Between two signs of life of a run that is under way."""

SILENT_SECONDS = 60.0
"""A run of another machine that has given no sign of life for so long counts as interrupted."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a run.

    Attributes:
        state: "running", "interrupted" (by Ctrl-C or SIGTERM), "done", "diverged", "pruned" (a
            search has given it up) or "failed"; a killed run stays "running", see
            `RunFolder.interrupted`.
        id: Of the run, see `Plan.id`.
        notebook: Short name of the notebook.
        started: Seconds since 1970.
        seconds: How long it took; None before its end.
        error: The error that stopped it, whole; of a diverged one, what diverged.
        without_result: Whether it has ended and its notebook records no result.
        owner: The machine and the process that execute it.
        files: Name → size in bytes and SHA-256 of each file at the end.
        meta_step: At which it diverged, was given up, or ended early since it got no better.
        version: Of the notebook, see `Plan.version`; None in folders of an older labkit.
    """

    state: State
    id: str
    notebook: str
    started: float
    seconds: float | None = None
    error: str | None = None
    without_result: bool = False
    owner: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    meta_step: int | None = None
    version: str | None = None

    @classmethod
    def running(
        cls,
        id: str,  # noqa: A002  # its name in the file
        notebook: str,
        version: str | None = None,
    ) -> "Status":
        """The status of a run that starts now."""
        owner = _owner(os.getpid()) or {}
        return cls("running", id, notebook, time.time(), owner=owner, version=version)

    @property
    def summary(self) -> str:
        """The first line of the error, with its class; empty if there is none."""
        return next(iter((self.error or "").strip().splitlines()), "")


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
            content = (self.path / STATUS).read_bytes()
        except FileNotFoundError:
            return None
        try:
            status = Status(**json.loads(content.decode()))
            if status.state not in get_args(State):
                raise ValueError(f"state {status.state!r}")  # noqa: TRY301
            return status  # noqa: TRY300
        except UnicodeDecodeError:
            problem: object = "no text"
        except (ValueError, TypeError) as error:
            problem = error
        raise ValueError(
            f"{self.path / STATUS} is not the status of a run ({problem}): remove the folder to "
            "repeat the run"
        )

    @property
    def notebook(self) -> Path:
        """The executed notebook; that of a failed run contains the traceback."""
        return self.path / NOTEBOOK

    @property
    def progress_file(self) -> Path:
        """Where a run says how far it is, with its curve, which remains if there is one."""
        return self.path.resolve() / PROGRESS

    @property
    def progress(self) -> RunProgress | None:
        """How far a run is that is under way, or how far one has come that has trained."""
        return RunProgress.read(self.progress_file)

    @property
    def stopped_at(self) -> int | None:
        """The meta-step after which a training ended early; None if it did not."""
        progress = self.progress
        if progress is None or progress.phase != "measuring" or progress.meta_steps is None:
            return None
        return progress.meta_step if progress.meta_step < progress.meta_steps else None

    @property
    def given_up(self) -> bool:
        """Whether somebody has asked for an early end."""
        return stop_file(self.progress_file).exists()

    def give_up(self) -> None:
        """Ask for an early end: the training stops, and the notebook measures what it has."""
        stop_file(self.progress_file).touch()

    @property
    def checkpoint(self) -> Path:
        """Where its trainings save their states while it is not done."""
        return self.path.resolve() / CHECKPOINT

    @property
    def ended(self) -> Status | None:
        """The final status; None if the run is unfinished, interrupted or damaged."""
        if self.damage or (status := self.status) is None or status.state in UNFINISHED:
            return None
        return status

    @property
    def damage(self) -> str:
        """What is wrong with the files of a run that has ended, in words; empty if nothing."""
        try:
            status = self.status
            if status is not None and status.state not in UNFINISHED:
                if status.state in WITH_RESULT and not status.without_result:
                    _ = self.parameters, self.result
                self.check_files(status)
        except ValueError as error:
            return str(error)
        return ""

    @property
    def interrupted(self) -> bool:
        """Whether the run was interrupted, or is "running" and whoever executed it has gone."""
        status = self.status
        if status is not None and status.state == "interrupted":
            return True
        if status is None or status.state != "running" or not status.owner:
            return False
        if status.owner["host"] != gethostname():
            return time.time() - (self.path / STATUS).stat().st_mtime > SILENT_SECONDS
        return _owner(status.owner["process"]) != status.owner

    def check_files(self, status: Status) -> None:
        """Compare the files with those that the run wrote.

        Raises:
            ValueError: One is missing or has other content.
        """
        for name, written in status.files.items():
            try:
                same = _fingerprint(self.path / name) == written
            except FileNotFoundError:
                raise ValueError(f"{self.path / name} is missing: repeat the run") from None
            if not same:
                raise ValueError(
                    f"{self.path / name} is not the file that the run wrote: repeat the run"
                )

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the run.

        Raises:
            ValueError: The file is missing or damaged.
        """
        return self._read(PARAMETERS, _mapping)

    @property
    def result(self) -> Result:
        """The result of a run that is done or has diverged.

        Raises:
            ValueError: The file is missing, as for a run without a result, or damaged.
        """
        return self._read(RESULT, Result.from_json)

    @property
    def learner(self) -> Path:
        """The file of the trained learner, see `load_learner`.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is not the file that the run wrote.
        """
        path = self.path / LEARNER
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.path} has no {LEARNER}: give the folder of a run that is done and whose "
                "notebook records labkit.measure(session), or a result with a learner"
            )
        if (status := self.status) is not None and status.files.get(LEARNER) != _fingerprint(path):
            raise ValueError(f"{path} is not the file that the run wrote: repeat the run")
        return path

    def begin(self, status: Status, parameters: dict[str, Any]) -> None:
        """Record the start of a run, after removing the files of an earlier attempt.

        Its checkpoint stays if that was of the same run.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            earlier = self.status
        except ValueError:
            earlier = None
        if earlier is None or earlier.id != status.id:
            self.remove_checkpoint()
        names = {*FILES, PROGRESS} - {PARAMETERS}
        for path in (*map(self.path.joinpath, names), stop_file(self.progress_file)):
            path.unlink(missing_ok=True)
        self.write(STATUS, json.dumps(asdict(status), indent=1))
        self.write(PARAMETERS, json.dumps(parameters, indent=1, ensure_ascii=False))

    def end(self, status: Status) -> Status:
        """Record the end of a run, after writing result and metrics if there are any.

        Returns:
            The recorded status: "diverged" in place of "done" if the result says so.

        Raises:
            NoResultError: A cell of the notebook should have recorded a result, and has not.
        """
        if status.state not in WITH_RESULT:
            return self.seal(status)
        try:
            result = read_result(self.notebook)
        except NoResultError as error:
            if error.expected and status.state == "done":
                raise
            return self.seal(replace(status, without_result=True))
        if (diverged := result.divergence) is not None and status.state == "done":
            status = replace(
                status, state="diverged", meta_step=diverged.meta_step, error=diverged.message
            )
        self.write(RESULT, json.dumps(result.to_json(), indent=1, ensure_ascii=False))
        write_metrics(self, status, result)
        return self.seal(status)

    def seal(self, status: Status) -> Status:
        """Write the status with size and checksum of each file that is there, and return it."""
        written = (self.path / name for name in FILES)
        files = {path.name: _fingerprint(path) for path in written if path.is_file()}
        status = replace(status, files=files)
        stop_file(self.progress_file).unlink(missing_ok=True)
        if (progress := self.progress) is not None and not progress.curve:
            self.progress_file.unlink()
        self.write(STATUS, json.dumps(asdict(status), indent=1))
        if status.state in WITH_RESULT:
            self.remove_checkpoint()
        return status

    def remove_checkpoint(self) -> None:
        """Let the next attempt begin at the beginning."""
        shutil.rmtree(self.checkpoint, ignore_errors=True)

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Give signs of life, for other machines, while a run is under way."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(HEARTBEAT_SECONDS):
                with suppress(OSError):  # the disk may be away for a moment
                    os.utime(self.path / STATUS)

        thread = threading.Thread(target=beat, name="labkit-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

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


def _fingerprint(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _owner(process: int) -> dict[str, Any] | None:
    """A process that exists, with its start, since numbers of processes are used again."""
    try:
        started = psutil.Process(process).create_time()
    except psutil.NoSuchProcess:
        return None
    return {"host": gethostname(), "process": process, "started": round(started, 1)}


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("parameters have no names")
    return value


def run_row(status: Status, parameters: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """The row of a run in a table: id, state, parameters, metrics; lists and dicts become JSON."""
    return {**parameters_row(status, parameters), **result.metrics}


def parameters_row(status: Status, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The row without metrics."""
    plain = {name: table_value(value) for name, value in parameters.items()}
    return {"run": status.id, "notebook": status.notebook, "state": status.state, **plain}


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
