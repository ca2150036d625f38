"""What checkpoints cost, and what an interrupted run saves by them.

Writes and reads the state of a learner of `conv4` and of a session with 9,837 meta-steps behind it.
Prints a Markdown table: python -m benchmarks.checkpoints
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from labkit import MAML, Emoji, MetaLearner, Session, Settings, Sinusoid, conv4, sinusoid_mlp
from labkit.session import CHECKPOINT_SECONDS

KILLED_AT = 9_837
"""Meta-steps after which a run of 70,000 was killed before there were checkpoints."""


def milliseconds(action: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median wall and CPU time of an action."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        action()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return 1e3 * median(walls), 1e3 * median(processors)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--meta-steps", type=int, default=KILLED_AT)
    args = parser.parse_args()
    learner = MetaLearner(
        lambda generator: conv4(generator, ways=5, channels=3, filters=32),
        Emoji(5, 1),
        MAML(alpha=0.1),
        meta_batch=2,
        batch_norm="transductive",
    )
    learner.train(1)
    session = Session(
        Settings(meta_batch=1), model=sinusoid_mlp, tasks=Sinusoid, dtype=torch.float64
    )
    begun = time.process_time()
    session.run(args.meta_steps)
    trained = time.process_time() - begun
    lines = [
        "| state | file, kB | write, ms wall (CPU) | read, ms wall (CPU) | share of a minute |",
        "|---|---|---|---|---|",
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        for name, saved in (("learner of conv4", learner), ("session of sinusoid_mlp", session)):
            write = milliseconds(lambda saved=saved: saved.save(path), args.repeats)  # type: ignore[misc]
            read = milliseconds(lambda saved=saved: saved.load(path), args.repeats)  # type: ignore[misc]
            share = write[0] / 1e3 / CHECKPOINT_SECONDS
            cells = [
                f"{name}, meta-step {1 if saved is learner else args.meta_steps:,}",
                f"{path.stat().st_size / 1e3:.0f}",
                *(f"{wall:.1f} ({processor:.1f})" for wall, processor in (write, read)),
                f"{share:.3%}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines.append(f"\n{args.meta_steps:,} meta-steps of one task took {trained:.1f} s of CPU time.")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    main()
