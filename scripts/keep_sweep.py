"""Keep what a sweep has found with the project, small: its runs without the executed notebooks.

    python -m scripts.keep_sweep sweeps/paper notebooks/data/paper_sweep

Runs that are kept already stay as they are; those that are not done are left out.
"""

import json
import shutil
import sys
from pathlib import Path

from labkit.experiments.runs.result import Result
from labkit.experiments.runs.run_folder import METRICS, PARAMETERS, RESULT, RunFolder


def write_line(run: RunFolder, result: Result) -> None:
    """Write a result as a line, not as a line for each number: a third of the size."""
    run.write(RESULT, json.dumps(result.to_json(), ensure_ascii=False))


def keep(sweep: Path, target: Path) -> int:
    """Copy the runs that are done; the number of those that were not there before."""
    copied = 0
    for path in sorted((sweep / "runs").iterdir()):
        status, own = RunFolder(path).status, target / "runs" / path.name
        if status is None or status.state != "done" or own.exists():
            continue
        own.mkdir(parents=True)
        for name in (PARAMETERS, METRICS):
            shutil.copy(path / name, own / name)
        write_line(RunFolder(own), RunFolder(path).result)
        RunFolder(own).seal(status)
        copied += 1
    return copied


if __name__ == "__main__":
    print(keep(Path(sys.argv[1]), Path(sys.argv[2])), "runs copied")
