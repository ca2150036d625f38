"""Cost of a run in addition to its training: one meta-step in a new process, and in a forked one.

Prints a Markdown table: python -m benchmarks.runs
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import Status
from labkit.experiments.runs.runner import WarmRuns, run


def seconds(make: Callable[[Plan, Path], Status], seed: int, folder: Path) -> float:
    """Wall time of a run of one meta-step of one task."""
    plan = Plan.of("01_sinusoid", {"meta_steps": 1, "meta_batch": 1, "seed": seed})
    begun = time.perf_counter()
    status = make(plan, folder / str(seed))
    if status.state != "done":
        raise RuntimeError(status.error)
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as scratch, WarmRuns() as runs:
        folder = Path(scratch)
        rows = [("`run`", seconds(run, 0, folder)), ("`run`, again", seconds(run, 1, folder))]
        rows += [("`WarmRuns`, first", seconds(runs.run, 2, folder))]
        rows += [(f"`WarmRuns`, {n}th", seconds(runs.run, n + 1, folder)) for n in range(2, 6)]
    print("| run of one meta-step | s |\n|---|---:|")  # noqa: T201
    for name, took in rows:
        print(f"| {name} | {took:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
