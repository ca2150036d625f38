"""Cost of a sweep in addition to its runs, and the effect of killing it on the results.

Makes the runs of a sweep of the sinusoid over α, order and seeds one by one, then as a sweep; then
again in another folder, killed at random moments and restarted each time. Each run must be made
once, to the same numbers, and no process may survive a kill: python -m benchmarks.sweep (24
runs, ten kills; --help lists the options). Prints Markdown tables.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import nbformat
import psutil

from labkit.experiments.runs.run_folder import RunFolder
from labkit.experiments.sweeps.design import SweepDesign

LABKIT = [sys.executable, "-P", "-c", "from labkit.cli.app import main; main()"]
ALPHAS = (0.001, 0.01, 0.05, 0.1)


def say(line: str) -> None:
    """A line of the report, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def words(args: argparse.Namespace, folder: Path) -> list[str]:
    """The command of the sweep."""
    return [
        *LABKIT, "sweep", "01_sinusoid", "-p", f"meta_steps={args.meta_steps}",
        "--grid", "alpha=" + ",".join(map(str, ALPHAS[: args.alphas])), "--grid", "order=1,2",
        "--seeds", str(args.seeds), "--jobs", str(args.jobs), "-o", str(folder),
    ]  # fmt: skip


def design(args: argparse.Namespace) -> SweepDesign:
    """What that command means."""
    return SweepDesign(
        notebook="01_sinusoid",
        parameters={"meta_steps": args.meta_steps},
        grid={"alpha": ALPHAS[: args.alphas], "order": (1, 2)},
        seeds=args.seeds,
    )


def numbers(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Run → its metrics and curves."""
    values: dict[str, object] = {}
    for plan in design(args).plans():
        whole = RunFolder(folder / "runs" / plan.id).result.to_json()
        values[plan.id] = (whole["metrics"], whole["curves"])
    return values


def run_singly(args: argparse.Namespace, scratch: Path) -> tuple[float, int]:
    """Seconds of `labkit run` for some of the runs, one after another, and how many those are."""
    plans = design(args).plans()[: args.singles]
    start = time.monotonic()
    for plan in plans:
        varied = [f"{name}={plan.parameters[name]}" for name in ("alpha", "order", "seed")]
        options = [
            word for each in (f"meta_steps={args.meta_steps}", *varied) for word in ("-p", each)
        ]
        command = [*LABKIT, "run", "01_sinusoid", *options, "-o", str(scratch / plan.id)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
    return time.monotonic() - start, len(plans)


def beside_cells(folder: RunFolder) -> float:
    """Seconds of a run in which no cell of its notebook was executed."""
    status = folder.status
    assert status is not None  # noqa: S101  # it is done
    cells = nbformat.read(folder.notebook, as_version=4).cells
    timed = [cell.metadata.get("papermill", {}).get("duration") or 0 for cell in cells]
    return (status.seconds or 0) - sum(timed)


def report_cost(args: argparse.Namespace, calm: Path, scratch: Path) -> float:
    """Print what the sweep takes, and what single runs do; the sweep's seconds."""
    single, number = run_singly(args, scratch)
    start = time.monotonic()
    subprocess.run(words(args, calm), check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    wall = time.monotonic() - start
    folders = [RunFolder(calm / "runs" / plan.id) for plan in design(args).plans()]
    folders.sort(key=lambda folder: folder.status.started if folder.status else 0)
    training = sum(float(folder.result.provenance["seconds"]) for folder in folders)
    whole = single / number * len(folders)
    later = [beside_cells(folder) for folder in folders[args.jobs :]]
    rows = [
        (f"`labkit run`, one after another, of {number}: a run", single / number),
        (f"that times {len(folders)}", whole),
        (f"`labkit sweep`, {args.jobs} at a time: wall time", wall),
        ("single / sweep", whole / wall),
        ("training in the sweep, sum over runs", training),
        ("outside the notebook's cells: a worker's first run", beside_cells(folders[0])),
        ("outside the notebook's cells: later runs, median", median(later)),
        ("outside the notebook's cells: later runs, maximum", max(later)),
    ]
    say(f"load {os.getloadavg()[0]:.1f}\n\n| {len(folders)} runs | s |\n|---|---:|")
    for name, value in rows:
        say(f"| {name} | {value:.2f} |")
    return wall


def ended_in(folder: Path) -> dict[str, int]:
    """Run that has ended → when its status was written."""
    files = (folder / "runs").glob("*/status.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in files}


def report_kills(args: argparse.Namespace, killed: Path, wall: float) -> bool:
    """Print how far the sweep was at each kill; whether each run was made once, with no orphan."""
    # not cryptography: the same moments each time
    moments = random.Random(args.kill_seed)  # noqa: S311
    ended: dict[str, int] = {}
    right = True
    say("\n| kill | after, s | runs done | made again | orphans |\n|---:|---:|---:|---:|---:|")
    for kill in range(args.kills + 1):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(words(args, killed), **quiet)  # type: ignore[call-overload]  # noqa: S603
        last, begun, start = kill == args.kills, [], time.monotonic()
        # while it begins, or when so many runs more have ended
        more = moments.randint(0, 2)
        delay = moments.uniform(0, 2 if more else wall / 5)
        if not last:
            while len(ended_in(killed)) < len(ended) + more and process.poll() is None:
                time.sleep(0.05)
            time.sleep(delay)
            begun = psutil.Process(process.pid).children(recursive=True)
            process.kill()
        process.wait()
        seconds = time.monotonic() - start
        orphans = len(psutil.wait_procs(begun, timeout=10)[1])
        now = ended_in(killed)
        again = sum(now.get(name) != when for name, when in ended.items())
        right = right and not again and not orphans
        moment = "not killed" if last else f"{seconds:.1f}"
        say(f"| {kill + 1} | {moment} | {len(now)} | {again} | {orphans} |")
        ended = now
    return right and process.returncode == 0


def main() -> None:
    """Print the tables; the exit code is 1 where runs were made twice or differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alphas", type=int, default=4, choices=range(1, 5))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--meta-steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--singles", type=int, default=24, help="runs made one by one, ≥ 1")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--kill-seed", type=int, default=0)
    args = parser.parse_args()
    with TemporaryDirectory() as scratch:
        calm, killed = Path(scratch, "calm"), Path(scratch, "killed")
        wall = report_cost(args, calm, Path(scratch, "singly"))
        once = report_kills(args, killed, wall)
        same = numbers(args, calm) == numbers(args, killed)
        say("\nEach run was made once." if once else "\nNOT EACH RUN WAS MADE ONCE.")
        say("The results are equal." if same else "THE RESULTS DIFFER.")
        sys.exit(0 if once and same else 1)


if __name__ == "__main__":
    main()
