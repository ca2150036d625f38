"""This project and its peers on the same meta-steps, alternating, in one run.

Each peer runs in a separate process. All must first compute the same loss and meta-gradient at
the same θ on the same tasks; then they run blocks of meta-steps in turn, round after round. Each
draws its tasks itself, within the time that counts. Prints medians and ratios as a Markdown table:
python -m benchmarks.speed (--help lists the options), with the extra "bench"; Linux and macOS.
"""

import argparse
import inspect
import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

# its names load torch when they are used: never while the processes of the peers import this
import labkit
from benchmarks.peers.agreement import check_agreement
from benchmarks.peers.candidates import COMPILED, EAGER, OTHERS, Candidate, check_installed
from benchmarks.peers.worker import Worker
from benchmarks.speed_cases import Case, cases
from benchmarks.speed_report import HEAD, Entrant, Result, results, rows

BLOCK_SECONDS = 0.3
LONGEST_BLOCK = 1000
PACKAGES = ("torch", "jax", "jaxlib", "torchopt", "higher", "numpy")


def candidates() -> tuple[Candidate, ...]:
    """Who takes part; this project compiled where this version can compile."""
    can_compile = "engine" in inspect.signature(labkit.MetaLearner).parameters
    return (EAGER, *([COMPILED] if can_compile else []), *OTHERS)


def measure(case: Case, entered: Sequence[Candidate], threads: int, repeats: int) -> list[Result]:
    """Check that all agree, then time them in turn.

    Args:
        case: The works.
        entered: Who takes part in those works that they can do.
        threads: That each may use.
        repeats: Rounds, ≥ 1.

    Raises:
        DisagreementError: They do not compute the same.
    """
    with ExitStack() as open_workers:
        workers = [
            (name, open_workers.enter_context(Worker(candidate, work, threads)))
            for name, work in case.works.items()
            for candidate in entered
            if candidate.takes(work)
        ]
        starts = [worker.start() for _, worker in workers]
        for name in case.works:
            check_agreement({w.candidate.name: w.gradient() for of, w in workers if of == name})
        sizes = [_block_size(worker) for _, worker in workers]
        turns = [
            [worker.block(size) for (_, worker), size in zip(workers, sizes, strict=True)]
            for _ in range(repeats)
        ]
        entrants = [
            Entrant(name, w.candidate.name, len(w.work.alphas), start, [t[i] for t in turns])
            for i, ((name, w), start) in enumerate(zip(workers, starts, strict=True))
        ]
        return results(case.group, case.name, threads, entrants)


def _block_size(worker: Worker) -> int:
    """Meta-steps that take about `BLOCK_SECONDS`."""
    once = worker.block(1).seconds
    few = worker.block(max(1, min(10, int(BLOCK_SECONDS / once)))).seconds
    return max(1, min(LONGEST_BLOCK, int(BLOCK_SECONDS / few)))


def conditions() -> dict[str, object]:
    """What the numbers depend on, in addition to the code."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "versions": {"maml-lab": labkit.__version__} | {name: version(name) for name in PACKAGES},
    }


def main() -> None:
    """Measure what is asked for; print the table as it grows, and keep the JSON."""
    every = cases()
    groups = list(dict.fromkeys(case.group for case in every))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=groups, default=groups, metavar="GROUP",
                        help=f"some of {', '.join(groups)}")  # fmt: skip
    parser.add_argument("--repeats", type=_count, default=15, help="rounds (15)")
    parser.add_argument("--threads", type=_count, nargs="+", default=[1, 2], help="of each (1 2)")
    parser.add_argument("--out", type=Path, help="file for the numbers, JSON")
    args = parser.parse_args()
    entered = candidates()
    try:
        check_installed(entered)
    except ModuleNotFoundError as error:
        sys.exit(str(error))
    report = {"conditions": conditions(), "repeats": args.repeats}
    measured: list[Result] = []
    _say(HEAD)
    for threads in args.threads:
        for case in every:
            if case.group in args.only:
                new = measure(case, entered, threads, args.repeats)
                _say(rows(new))
                measured += new
                if args.out:
                    # as it grows: a later case may take long, or be stopped
                    whole = report | {"results": [asdict(result) for result in measured]}
                    args.out.write_text(json.dumps(whole, indent=1) + "\n")


def _count(text: str) -> int:
    """A whole number ≥ 1 of the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number ≥ 1, got {text!r}")
    return int(text)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
