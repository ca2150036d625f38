"""What a sweep costs beside its runs, and what killing it does to the results.

Sweeps the sinusoid over α, order and seeds; then again in another folder, killed at random moments
and begun again each time; the results must be the same: python -m benchmarks.sweep (24 runs, ten
kills; --help lists the options).
"""

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from labkit.experiments.design import SweepDesign
from labkit.experiments.run_folder import RunFolder

LABKIT = [sys.executable, "-P", "-c", "from labkit.cli.app import main; main()", "sweep"]
ALPHAS = (0.001, 0.01, 0.05, 0.1)


def say(line: str) -> None:
    """A line of the report, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def words(given: argparse.Namespace, folder: Path) -> list[str]:
    """The command of the sweep."""
    return [
        *LABKIT, "01_sinusoid", "-p", f"meta_steps={given.meta_steps}",
        "--grid", "alpha=" + ",".join(map(str, ALPHAS[: given.alphas])), "--grid", "order=1,2",
        "--seeds", str(given.seeds), "--jobs", str(given.jobs), "-o", str(folder),
    ]  # fmt: skip


def design(given: argparse.Namespace) -> SweepDesign:
    """What that command means."""
    return SweepDesign(
        notebook="01_sinusoid",
        parameters={"meta_steps": given.meta_steps},
        grid={"alpha": ALPHAS[: given.alphas], "order": (1, 2)},
        seeds=given.seeds,
    )


def numbers(given: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Run → its metrics and curves."""
    found: dict[str, object] = {}
    for plan in design(given).plans():
        whole = RunFolder(folder / "runs" / plan.id).result.to_json()
        found[plan.id] = (whole["metrics"], whole["curves"])
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alphas", type=int, default=4, choices=range(1, 5))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--meta-steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--kill-seed", type=int, default=0)
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        calm, killed = Path(scratch, "calm"), Path(scratch, "killed")
        start = time.monotonic()
        subprocess.run(words(given, calm), check=True)  # noqa: S603  # our own command
        wall = time.monotonic() - start
        folders = [RunFolder(calm / "runs" / plan.id) for plan in design(given).plans()]
        single = sum(status.seconds or 0 for f in folders if (status := f.status))
        training = sum(f.result.provenance["seconds"] for f in folders)
        say(f"{len(folders)} runs, {given.jobs} at a time: {wall:.1f} s")
        say(f"sum of the runs {single:.1f} s, of their training {training:.1f} s")

        # not cryptography: the same moments each time
        moments = random.Random(given.kill_seed)  # noqa: S311
        for kill in range(given.kills):
            process = subprocess.Popen(words(given, killed))  # noqa: S603  # our own command
            time.sleep(moments.uniform(0, wall / 2))
            process.kill()
            process.wait()
            done = len(list((killed / "runs").glob("*/status.json")))
            say(f"kill {kill + 1}: {done} of {len(folders)} runs are done")
        subprocess.run(words(given, killed), check=True)  # noqa: S603  # our own command
        same = numbers(given, calm) == numbers(given, killed)
        say("the results are equal" if same else "THE RESULTS DIFFER")
        if not same:
            sys.exit(1)


if __name__ == "__main__":
    main()
