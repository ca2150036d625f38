"""One run: a notebook executed by papermill in a process of its own, recorded in its folder."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, TypeAlias

from labkit.experiments.kernels import NO_ANSWER, StopSwitch, Watcher, end_with_children, outcome
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.result import NoResultError
from labkit.experiments.runs.run_folder import NOTEBOOK, RunFolder, State, Status, begun

Executed: TypeAlias = Callable[[dict[str, Any]], str | None]
"""Executes what it is given, and says what went wrong."""


def run(
    plan: Plan,
    folder: str | Path,
    *,
    timeout: float | None = None,
    progress: Watcher | None = None,
    switch: StopSwitch | None = None,
) -> Status:
    """Execute a notebook with parameters; what it finds is in the folder afterwards.

    Args:
        plan: Notebook and parameters.
        folder: For the files of this run alone; what an earlier try has left is replaced.
        timeout: Longest time, seconds; then the process is killed, its kernel with it.
        progress: Called with the number of meta-steps taken, about twice a second.
        switch: Stops the run.

    Returns:
        Status "done" or "failed"; the failed notebook has the traceback.

    Raises:
        KeyboardInterrupt: As it comes; the process is killed, and the status is "failed".
        Stopped: By the switch; the process is killed.
        OSError: The folder cannot be written, or the disk is full; no file is there by half.
    """
    return recorded(
        plan,
        folder,
        lambda given: _in_new_process(
            given, timeout=timeout, progress=progress, switch=switch or StopSwitch()
        ),
        watched=progress is not None,
    )


def recorded(plan: Plan, folder: str | Path, execute: Executed, *, watched: bool) -> Status:
    """A run whose notebook is executed in some way; arguments and status as for `run`."""
    target = RunFolder(Path(folder))
    status = begun(plan.id, plan.notebook.name)
    target.begin(status, dict(plan.parameters))
    unfinished = target.path.resolve() / f".{NOTEBOOK}"
    # a kernel that was killed may still be writing when it is removed
    with TemporaryDirectory(ignore_cleanup_errors=True) as private:
        given = {
            "notebook": str(plan.notebook.path),
            "output": str(unfinished),
            "parameters": dict(plan.parameters),
            "private": private,
            "progress": str(Path(private) / "meta_step") if watched else None,
        }
        try:
            error = execute(given)
            _keep(unfinished, target.notebook)
            if error is None:
                try:
                    return target.end(_ended(status, None))
                except NoResultError as none:
                    error = str(none)
            return target.end(_ended(status, error))
        except KeyboardInterrupt:
            _keep(unfinished, target.notebook)
            target.end(_ended(status, "interrupted"))
            raise
        except OSError as unwritten:
            unfinished.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # perhaps not even this
                target.end(_ended(status, str(unwritten)))
            raise


def _keep(unfinished: Path, notebook: Path) -> None:
    """Give an executed notebook its name, unless its process was killed while it wrote."""
    try:
        json.loads(unfinished.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        unfinished.unlink()
    else:
        os.replace(unfinished, notebook)


def _ended(status: Status, error: str | None) -> Status:
    seconds = round(time.time() - status.started, 3)
    state: State = "done" if error is None else "failed"
    return replace(status, state=state, seconds=seconds, error=error and last_line(error))


def _in_new_process(
    given: dict[str, Any], *, timeout: float | None, progress: Watcher | None, switch: StopSwitch
) -> str | None:
    ours, theirs = socket.socketpair()
    command = [
        sys.executable,
        "-P",
        "-m",
        "labkit.experiments.kernels.execution",
        str(theirs.fileno()),
    ]
    with TemporaryFile() as noise:
        process = subprocess.Popen(  # noqa: S603  # our own module
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=noise,
            start_new_session=True,
        )
        theirs.close()
        try:
            error = outcome(ours, given, timeout=timeout, progress=progress, switch=switch)
        finally:
            end_with_children(process.pid)
            process.wait()
        if error != NO_ANSWER:
            return error
        noise.seek(0)
        return last_line(noise.read().decode(errors="replace")) or error


def last_line(text: str) -> str:
    """The last line of a text that is not empty."""
    return next(iter(text.strip().splitlines()[::-1]), "")
