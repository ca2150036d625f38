"""Make the small sweep that notebooks/09_compare.ipynb reads: α × order × seed on the sinusoid.

Takes some minutes. Runs that are done are kept; the executed notebooks are dropped, since results
and curves are what is compared.
"""

import itertools
from pathlib import Path

from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import RunFolder
from labkit.experiments.runs.runner import run
from scripts.keep_sweep import write_line

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "01_sinusoid.ipynb"
SWEEP = ROOT / "notebooks" / "data" / "example_sweep"
GRID = {"alpha": (0.001, 0.01, 0.05), "order": (1, 2), "seed": (0, 1, 2)}
FIXED = {"meta_steps": 150, "meta_batch": 10}


def plans() -> list[Plan]:
    """All runs of the sweep, in a fixed order."""
    return [
        Plan.of(NOTEBOOK, {**FIXED, **dict(zip(GRID, values, strict=True))})
        for values in itertools.product(*GRID.values())
    ]


def make(plan: Plan, folder: RunFolder) -> None:
    """Make one run and keep what a comparison reads.

    Raises:
        RuntimeError: The run has failed.
    """
    status = run(plan, folder.path)
    if status.state != "done":
        raise RuntimeError(f"{folder.path}: {status.error}")
    folder.notebook.unlink()
    write_line(folder, folder.result)
    folder.seal(status)


def main() -> None:
    """Make all runs that are not done."""
    for plan in plans():
        folder = RunFolder(SWEEP / "runs" / plan.id)
        status = folder.status
        if status is None or status.state != "done":
            make(plan, folder)
        print(plan.id, *(f"{name}={plan.parameters[name]}" for name in GRID))


if __name__ == "__main__":
    main()
