"""What a run costs apart from its training: in a new process, and forked in two ways.

`WarmRuns` forks from labkit's own fork server; the last rows fork from the one of `multiprocessing`
in its place. Prints a Markdown table: python -m benchmarks.runs
"""

import multiprocessing
import os
import pkgutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import labkit
from labkit.experiments.kernels import StopSwitch, run_and_wait
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import Status
from labkit.experiments.runs.runner import WarmRuns, record_run, run

FORKSERVER = multiprocessing.get_context("forkserver")
COMMANDS = "labkit.cli"


def seconds(make: Callable[[Plan, Path], Status], seed: int, folder: Path) -> float:
    """Wall time of a run of one meta-step of one task."""
    plan = Plan.of("01_sinusoid", {"meta_steps": 1, "meta_batch": 1, "seed": seed})
    begun = time.perf_counter()
    status = make(plan, folder / str(seed))
    if status.state != "done":
        raise RuntimeError(status.error)
    return time.perf_counter() - begun


def preload() -> None:
    """Have the fork server of `multiprocessing` import all of labkit at its start."""
    modules = [m.name for m in pkgutil.walk_packages(labkit.__path__, "labkit.")]
    lazy = ["torch._dynamo", "torch.optim", "plotly.graph_objects"]
    FORKSERVER.set_forkserver_preload([*lazy, *(m for m in modules if COMMANDS not in m)])


def serve(connection: socket.socket) -> None:
    """Execute a run in a process that the fork server of `multiprocessing` has forked."""
    # they import papermill and Jupyter, which only this process needs
    from labkit.experiments.kernels.execution import execute  # noqa: PLC0415
    from labkit.experiments.kernels.preforked_kernel import (  # noqa: PLC0415
        PreforkedKernel,
        kernel_manager,
    )

    os.setsid()
    np.random.seed()
    execute(connection, kernel_manager_class=kernel_manager(PreforkedKernel(connection)))
    os._exit(0)


def run_in_forkserver(plan: Plan, folder: Path) -> Status:
    """Execute a run as `WarmRuns` does, by the fork server of `multiprocessing`."""

    def execute(request: dict[str, Any]) -> str | None:
        ours, theirs = socket.socketpair()
        process = FORKSERVER.Process(target=serve, args=(theirs,))
        process.start()
        theirs.close()
        try:
            return run_and_wait(ours, request, timeout=None, progress=None, switch=StopSwitch())
        finally:
            process.join()

    return record_run(plan, folder, execute)


def main() -> None:
    """Measure and print."""
    preload()
    with TemporaryDirectory() as scratch, WarmRuns() as runs:
        folder = Path(scratch)
        rows = [("`run`", seconds(run, 0, folder)), ("`run`, again", seconds(run, 1, folder))]
        for name, make in (("`WarmRuns`", runs.run), ("`forkserver`", run_in_forkserver)):
            for number in ("first", "2nd", "3rd", "4th", "5th"):
                rows.append((f"{name}, {number}", seconds(make, len(rows), folder)))
    print("| run of one meta-step | s |\n|---|---:|")  # noqa: T201
    for name, took in rows:
        print(f"| {name} | {took:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
