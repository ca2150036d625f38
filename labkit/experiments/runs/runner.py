"""Runs: executed in a new process or forked from one that is ready, and recorded in folders."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import IO, Any, Self, TypeAlias

from labkit.experiments.kernels import (
    NO_ANSWER,
    StopSwitch,
    Watcher,
    end_with_children,
    run_and_wait,
)
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.result import NoResultError
from labkit.experiments.runs.run_folder import (
    LEARNER,
    NOTEBOOK,
    RunFolder,
    State,
    Status,
)
from labkit.session import CHECKPOINT_SECONDS

Executor: TypeAlias = Callable[[dict[str, Any]], str | None]
"""Executes a request of the protocol in `kernels`, and returns the error if it failed."""

_DIVERGED = re.compile(r"DivergedError: .*?meta-step (\d+)", re.DOTALL)
"""How the error of a run begins whose losses left the finite numbers, and at which meta-step."""

SERVER = "labkit.experiments.kernels.fork_server"


def run(
    plan: Plan,
    folder: str | Path,
    *,
    timeout: float | None = None,
    progress: Watcher | None = None,
    switch: StopSwitch | None = None,
    patience: int | None = None,
    checkpoint_every: float = CHECKPOINT_SECONDS,
) -> Status:
    """Execute a notebook with parameters, and write its results into a folder.

    A run of the same notebook and parameters that was killed, interrupted or timed out in this
    folder continues from its last checkpoint, to the same results as one that was not.

    Args:
        plan: Notebook and parameters.
        folder: For this run only; files of an earlier attempt are replaced.
        timeout: Longest time, seconds; then the process and its kernel are killed. What the process
            imports before it executes the notebook does not count.
        progress: Receives how far the run is, about twice a second.
        switch: Stops the run.
        patience: Number of meta-steps after which the training ends if the loss after adaptation
            has not fallen; None: it does not end early.
        checkpoint_every: Seconds between two checkpoints of a training; 0: none.

    Returns:
        Status "done", "diverged", "pruned" or "failed"; a failed notebook contains the traceback.

    Raises:
        KeyboardInterrupt: On Ctrl-C; the process is killed, and the status is "interrupted".
        Stopped: By the switch; the process is killed.
        OSError: The folder cannot be written, or the disk is full; no file is incomplete.
    """
    return record_run(
        plan,
        folder,
        lambda request: _in_new_process(
            request, timeout=timeout, progress=progress, switch=switch or StopSwitch()
        ),
        patience=patience,
        checkpoint_every=checkpoint_every,
    )


def record_run(
    plan: Plan,
    folder: str | Path,
    execute: Executor,
    *,
    patience: int | None = None,
    checkpoint_every: float = CHECKPOINT_SECONDS,
    checkpoint: Path | None = None,
) -> Status:
    """Execute a notebook by `execute`; folder and status as in `run`.

    Args:
        plan: Notebook and parameters.
        folder: For this run only.
        execute: Executes the notebook.
        patience: As for `run`.
        checkpoint_every: As for `run`.
        checkpoint: Folder for its checkpoints; None: one in its folder.
    """
    target = RunFolder(Path(folder))
    status = Status.running(plan.id, plan.notebook.name, plan.version)
    begun = time.monotonic()

    def ended(error: str | None) -> Status:
        # not by the wall clock, which may be set back meanwhile
        seconds = round(time.monotonic() - begun, 3)
        diverged = _DIVERGED.match(error or "")
        state: State = "done" if error is None else "diverged" if diverged else "failed"
        meta_step = int(diverged[1]) if diverged else target.stopped_at
        if error is None and meta_step is not None and target.given_up:
            state, error = "pruned", f"given up after meta-step {meta_step:,}"
        return replace(status, state=state, seconds=seconds, error=error, meta_step=meta_step)

    target.begin(status, dict(plan.parameters))
    here = target.path.resolve()
    unfinished, learner = here / f".{NOTEBOOK}", here / f".{LEARNER}"
    # a kernel that was killed may still be writing when it is removed
    with target.heartbeat(), TemporaryDirectory(ignore_cleanup_errors=True) as private:
        request = {
            "notebook": str(plan.notebook.path),
            "output": str(unfinished),
            "parameters": dict(plan.parameters),
            "private": private,
            "progress": str(target.progress_file),
            "learner": str(learner),
            "patience": patience,
            "checkpoint": str(checkpoint or target.checkpoint) if checkpoint_every else None,
            "checkpoint_every": checkpoint_every,
        }
        try:
            error = execute(request)
            _keep(unfinished, target.notebook)
            if error is None:
                if learner.is_file():
                    os.replace(learner, here / LEARNER)
                try:
                    return target.end(ended(None))
                except NoResultError as missing:
                    error = str(missing)
            return target.end(ended(error))
        except KeyboardInterrupt:
            _keep(unfinished, target.notebook)
            target.end(replace(ended(None), state="interrupted", error=None))
            raise
        except OSError as failure:
            unfinished.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the disk may be full for this, too
                target.end(ended(str(failure)))
            raise
        finally:
            learner.unlink(missing_ok=True)  # of a run that failed, or was killed while writing it


def _keep(unfinished: Path, notebook: Path) -> None:
    """Give an executed notebook its final name, unless its process was killed while writing it."""
    try:
        json.loads(unfinished.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        unfinished.unlink()
    else:
        os.replace(unfinished, notebook)


def _in_new_process(
    request: dict[str, Any], *, timeout: float | None, progress: Watcher | None, switch: StopSwitch
) -> str | None:
    ours, theirs = socket.socketpair()
    command = [
        sys.executable,
        "-P",
        "-m",
        "labkit.experiments.kernels.execution",
        str(theirs.fileno()),
    ]
    with TemporaryFile() as stderr:
        process = subprocess.Popen(  # noqa: S603  # our own module
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        theirs.close()
        try:
            error = run_and_wait(ours, request, timeout=timeout, progress=progress, switch=switch)
        finally:
            end_with_children(process.pid)
            process.wait()
        if error != NO_ANSWER:
            return error
        stderr.seek(0)
        return _last_line(stderr.read().decode(errors="replace")) or error


def _last_line(text: str) -> str:
    """The last line of a text that is not blank."""
    return next(iter(text.strip().splitlines()[::-1]), "")


class WarmRuns:
    """Executes runs as `run` does, each in its own processes; from the second on they start fast.

    Runs are forked from a process that keeps the environment variables, the working directory and
    the code of labkit as they were at the first run. Several threads may call `run`. On other
    systems than Linux, where forking is not safe, each run starts in a new process.

    Example:
        >>> with WarmRuns() as runs:
        ...     pass  # runs.run(plan, folder) for each of them
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._switch = StopSwitch()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._stderr: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes; present and future runs raise Stopped."""
        self._switch.stop()
        with self._lock:
            self._end()

    def run(
        self,
        plan: Plan,
        folder: str | Path,
        *,
        timeout: float | None = None,
        progress: Watcher | None = None,
        patience: int | None = None,
        checkpoint_every: float = CHECKPOINT_SECONDS,
        checkpoint: Path | None = None,
    ) -> Status:
        """Execute a notebook with parameters; see the function `run`.

        Args:
            plan: As for `run`, and the others.
            folder: For this run only.
            timeout: Longest time, seconds.
            progress: Receives how far the run is.
            patience: Meta-steps without a lower loss.
            checkpoint_every: Seconds.
            checkpoint: Folder for its checkpoints; None: one in its folder.
        """

        def execute(request: dict[str, Any]) -> str | None:
            if sys.platform != "linux":
                return _in_new_process(
                    request, timeout=timeout, progress=progress, switch=self._switch
                )
            connection = self._connect()
            error = run_and_wait(
                connection, request, timeout=timeout, progress=progress, switch=self._switch
            )
            return self._last_words() if error == NO_ANSWER else error

        return record_run(
            plan,
            folder,
            execute,
            patience=patience,
            checkpoint_every=checkpoint_every,
            checkpoint=checkpoint,
        )

    def _connect(self) -> socket.socket:
        """Connect to a new process, which exists once the server has imported everything."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            if self._server is None or self._server.poll() is not None:
                self._end()
                self._start()
            assert self._control is not None  # noqa: S101  # for the type checker
            socket.send_fds(self._control, [b"f"], [theirs.fileno()])
        return ours

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        self._stderr = TemporaryFile()  # noqa: SIM115  # for as long as the server lives
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-P", "-m", SERVER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                start_new_session=True,
            )

    def _last_words(self) -> str:
        """Why a run ended without an answer: the server itself may have ended."""
        with self._lock:
            if self._server is None or self._stderr is None:
                return NO_ANSWER
            try:
                self._server.wait(timeout=1)
            except subprocess.TimeoutExpired:
                return NO_ANSWER
            self._stderr.seek(0)
            return _last_line(self._stderr.read().decode(errors="replace")) or NO_ANSWER

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._server is not None:
            self._server.kill()  # it may still be importing
            self._server.wait()
        if self._stderr is not None:
            self._stderr.close()
        self._control = self._server = self._stderr = None
