"""A notebook that is executed in no time: it says a result without training anything."""

import os
from collections.abc import Iterable
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from labkit.experiments.runs.result import FORMAT, MIME_TYPE

PARAMETERS = """\
alpha: float = 0.1
seed: int = 0
seconds: float = 0.0
kind: str = "good"
others: int = 0
"""
BEGUN = "kernel-"
"""How the names of files begin by which kernels say that they have begun."""

CODE = f"""\
import ctypes, os, pathlib, signal, time
(pathlib.Path(FOLDER) / f"{BEGUN}{{os.getpid()}}").touch()
time.sleep(seconds)
deadline = time.monotonic() + 300
while len([*pathlib.Path(FOLDER).glob("{BEGUN}*")]) <= others:
    assert time.monotonic() < deadline, "the others have not begun"
    time.sleep(0.02)
if kind == "deaf":
    # as a long computation in C does: no other thread of Python runs, no signal is looked at
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(10**6)
if kind == "bad":
    raise RuntimeError("as asked")
columns = ("inner_step", "query_loss", "ci95", "median", "diverged")
display({{"{MIME_TYPE}": {{
    "format": {FORMAT}, "parameters": {{}}, "metrics": {{
        "value": alpha + seed, "threads": int(os.environ.get("OMP_NUM_THREADS", 0)),
        "gpu": int(os.environ.get("CUDA_VISIBLE_DEVICES", "-1").partition(",")[0])}},
    "curves": {{"adaptation": {{name: [seed] for name in columns}}}},
    "events": [], "provenance": {{}}}}}}, raw=True)
"""

LIGHT = """\
import sys, types
imports = types.ModuleType("labkit.experiments.kernels.imports")
imports.import_everything = lambda: iter(())
sys.modules[imports.__name__] = imports
"""
"""Executed when a Python process begins: what runs are forked from then imports nothing ahead."""


def light_fork_servers(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The tiny notebook needs no torch, which takes most of the time of a test that starts it."""
    (folder / "sitecustomize.py").write_text(LIGHT)
    patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


def tiny_notebook(folder: Path) -> str:
    """Write it, and say where.

    One of the kind "deaf" blocks all threads for ever; with `others`, it waits until
    as many have begun.
    """
    path = folder / "tiny.ipynb"
    cell = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [cell, new_code_cell(CODE.replace("FOLDER", repr(str(folder))))]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return str(path)


def kernels(folder: Path, parent: int) -> list[psutil.Process]:
    """Kernels that execute the notebook in this folder, below a process."""
    begun = {int(path.name.removeprefix(BEGUN)) for path in folder.glob(f"{BEGUN}*")}
    return [p for p in psutil.Process(parent).children(recursive=True) if p.pid in begun]


def alive_after(processes: Iterable[psutil.Process], seconds: float = 60) -> list[psutil.Process]:
    """Wait for the end of processes, and return those that still run.

    A zombie has ended; process 1, which adopts it, may take a while to reap it.
    """
    _, left = psutil.wait_procs(list(processes), timeout=seconds)
    return [process for process in left if process.is_running() and not _is_zombie(process)]


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
