"""One run: a notebook executed by papermill in a process of its own, recorded in its folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import nbformat

from labkit.experiments.plan import Plan
from labkit.experiments.run_folder import NOTEBOOK, RunFolder, Status, begun

GRACE = 5.0  # seconds that a run has for killing its kernel, before it is killed itself

_LOCK = threading.Lock()
_HELD: dict[Path, int] = {}  # folder of a run that goes on → what it waits for to close
_STOPPED: set[Path] = set()


class Stopped(Exception):  # noqa: N818  # nothing is wrong
    """A run was stopped before its end by `stop_runs`; its folder says "running"."""


def run(plan: Plan, folder: str | Path, *, timeout: float | None = None) -> Status:
    """Execute a notebook with parameters; what it finds is in the folder afterwards.

    Args:
        plan: Notebook and parameters.
        folder: For the files of this run alone; what an earlier try has left is replaced.
        timeout: Longest time, seconds; then the process is killed, its kernel with it.

    Returns:
        Status "done" or "failed"; the failed notebook has the traceback.
    """
    target = RunFolder(Path(folder))
    status = begun(plan.id, plan.notebook.name)
    target.begin(status, dict(plan.parameters))
    error = _execute(plan, target, timeout)
    ended = replace(status, seconds=round(time.time() - status.started, 3))
    if error is None:
        try:
            return target.end(replace(ended, state="done"))
        except ValueError as no_result:
            error = str(no_result)
    return target.end(replace(ended, state="failed", error=error))


def stop_runs(within: Path) -> None:
    """Have the runs of this process with folders in `within` end: `run` raises Stopped there."""
    with _LOCK:
        for folder, held in _HELD.items():
            if folder.is_relative_to(within):
                os.write(held, b"stop")
                _STOPPED.add(folder)


def _execute(plan: Plan, folder: RunFolder, timeout: float | None) -> str | None:
    """Execute, and say what went wrong in one line."""
    command = [sys.executable, "-P", "-m", "labkit.experiments.execution"]
    # the run ends when nobody holds the other end, in whichever way this process has gone
    alive, held = os.pipe()
    given = {
        "notebook": str(plan.notebook.path),
        "output": str(folder.path / f".{NOTEBOOK}"),
        "parameters": dict(plan.parameters),
        "alive": alive,
    }
    process = subprocess.Popen(  # noqa: S603  # our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        pass_fds=(alive,),
    )
    os.close(alive)
    with _LOCK:
        _HELD[folder.path] = held
    try:
        _, noise = process.communicate(json.dumps(given), timeout)
        if process.returncode == 0:
            return None
        return _error_of(folder.notebook) or _last_line(noise) or f"exit {process.returncode}"
    except subprocess.TimeoutExpired:
        return f"TimeoutError: not done after {timeout:g} s"
    finally:
        with _LOCK:
            os.close(_HELD.pop(folder.path))
            stopped = folder.path in _STOPPED
            _STOPPED.discard(folder.path)
        _reap(process)
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder.path / f".{NOTEBOOK}", folder.notebook)
        if stopped:
            raise Stopped


def _reap(process: subprocess.Popen[str]) -> None:
    """Wait until a process that has been told to end has done so, and kill it if it does not."""
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _error_of(notebook: Path) -> str | None:
    if not notebook.is_file():
        return None
    cells = nbformat.read(notebook, as_version=4).cells
    errors = [o for c in cells for o in c.get("outputs", ()) if o.output_type == "error"]
    return _last_line(f"{errors[-1].ename}: {errors[-1].evalue}") if errors else None


def _last_line(text: str) -> str:
    return next(iter(text.strip().splitlines()[::-1]), "")
