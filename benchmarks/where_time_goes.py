"""Where the time of a meta-step goes: shares of torch's operations, of this project and of a loop.

Prints a Markdown table for one of the works of `benchmarks.speed`, with the profiler of torch:
python -m benchmarks.where_time_goes conv4
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.peers.candidates import EAGER, OTHERS, Candidate
from benchmarks.speed_cases import cases

WORKS = {case.group: case.works[""] for case in reversed(cases()) if "" in case.works}
"""The first one of each group that has a single learner."""

LOOP = next(candidate for candidate in OTHERS if candidate.name == "autograd loop")


@final
@dataclass(frozen=True, slots=True)
class Share:
    """What one kind of operation takes of a meta-step.

    Attributes:
        name: Of torch.
        milliseconds: Without the operations that it calls.
        calls: A meta-step.
    """

    name: str
    milliseconds: float
    calls: float


def shares(train: Callable[[int], None], meta_steps: int) -> tuple[list[Share], float]:
    """The kinds of operations, those that take longest first, and the sum of all, milliseconds.

    Args:
        train: Takes so many meta-steps.
        meta_steps: To look at.
    """
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        train(meta_steps)
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for event in seen.key_averages():
        totals[event.key][0] += event.self_cpu_time_total / 1000 / meta_steps
        totals[event.key][1] += event.count / meta_steps
    every = [Share(name, milliseconds, calls) for name, (milliseconds, calls) in totals.items()]
    every.sort(key=lambda share: -share.milliseconds)
    return every, sum(share.milliseconds for share in every)


def main() -> None:
    """Profile what is asked for, and print a table for each of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", choices=WORKS, help="group of benchmarks.speed")
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    parser.add_argument("--meta-steps", type=int, default=20, help="to look at (20)")
    parser.add_argument("--rows", type=int, default=8, help="kinds of operations to name (8)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for candidate in (EAGER, LOOP):
        sys.stdout.write(_table(candidate, args.work, args.meta_steps, args.rows))


def _table(candidate: Candidate, name: str, meta_steps: int, rows: int) -> str:
    peer = candidate.make(WORKS[name])
    peer.train(candidate.warm_up)
    every, whole = shares(peer.train, meta_steps)
    lines = [f"{candidate.name}: {whole:.1f} ms a meta-step under the profiler", ""]
    lines += ["| operation | share | ms | calls |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {s.name} | {s.milliseconds / whole:.0%} | {s.milliseconds:.2f} | {s.calls:.0f} |"
        for s in every[:rows]
    ]
    return "\n".join([*lines, "", ""])


if __name__ == "__main__":
    main()
