"""One run: a notebook executed by papermill in a process of its own, recorded in its folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat

from labkit.experiments.plan import Plan
from labkit.experiments.run_folder import NOTEBOOK, RunFolder, Status, begun


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
    try:
        error = _execute(plan, target, timeout)
    except KeyboardInterrupt:
        seconds = round(time.time() - status.started, 3)
        target.end(replace(status, state="failed", seconds=seconds, error="interrupted"))
        raise
    ended = replace(status, seconds=round(time.time() - status.started, 3))
    if error is None:
        try:
            return target.end(replace(ended, state="done"))
        except ValueError as no_result:
            error = str(no_result)
    return target.end(replace(ended, state="failed", error=error))


def _execute(plan: Plan, folder: RunFolder, timeout: float | None) -> str | None:
    """Execute, and say what went wrong in one line."""
    command = [sys.executable, "-P", "-m", "labkit.experiments.execution"]
    given = {
        "notebook": str(plan.notebook.path),
        "output": str(folder.path / f".{NOTEBOOK}"),
        "parameters": dict(plan.parameters),
    }
    process = subprocess.Popen(  # noqa: S603  # our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, noise = process.communicate(json.dumps(given), timeout)
        if process.returncode == 0:
            return None
        return _error_of(folder.notebook) or _last_line(noise) or f"exit {process.returncode}"
    except subprocess.TimeoutExpired:
        return f"TimeoutError: not done after {timeout:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder.path / f".{NOTEBOOK}", folder.notebook)


def _error_of(notebook: Path) -> str | None:
    if not notebook.is_file():
        return None
    cells = nbformat.read(notebook, as_version=4).cells
    errors = [o for c in cells for o in c.get("outputs", ()) if o.output_type == "error"]
    return _last_line(f"{errors[-1].ename}: {errors[-1].evalue}") if errors else None


def _last_line(text: str) -> str:
    return next(iter(text.strip().splitlines()[::-1]), "")
