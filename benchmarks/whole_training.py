"""The paper's whole training on sinusoids, 70,000 meta-steps, with nothing compiled before.

Prints a Markdown table: python -m benchmarks.whole_training (--help lists the options). Needs a C++
compiler for engine "auto", which begins at once and changes over when another process has compiled.
"""

import argparse
import os
import sys
import time
from tempfile import TemporaryDirectory

import torch

from labkit import MAML, MetaLearner, Sinusoid, sinusoid_mlp
from labkit.training.engine.compilation import FOLDER

META_STEPS = 70_000
LOOK = 1000
"""Meta-steps between two looks at whether they are compiled by now."""


def main() -> None:
    """Train with an empty cache, and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inner-steps", type=int, default=1, help="K (1)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    parser.add_argument("--engine", choices=("auto", "eager", "compiled"), default="auto")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        begun = time.perf_counter()
        algorithm = MAML(alpha=0.01, inner_steps=args.inner_steps)
        learner = MetaLearner(sinusoid_mlp, Sinusoid(), algorithm, engine=args.engine)
        created = time.perf_counter()
        learner.step()
        first = time.perf_counter()
        compiled = None
        while learner.meta_step < META_STEPS:
            last = learner.train(min(LOOK, META_STEPS - learner.meta_step))[-1]
            if compiled is None and learner.compiled:
                compiled = learner.meta_step
        ended = time.perf_counter()
    rows = [
        ("creating the learner, s", f"{created - begun:.2f}"),
        ("first meta-step after that, ms", f"{1000 * (first - created):.1f}"),
        (f"{META_STEPS:,} meta-steps with making the learner, s", f"{ended - begun:.1f}"),
        (
            "compiled from this meta-step on, at the latest",
            "never" if compiled is None else f"{compiled:,}",
        ),
        ("query loss of the last one", f"{last.loss_after:.3f}"),
    ]
    title = f"engine {args.engine}, K = {args.inner_steps}, threads {args.threads}"
    lines = [f"| {title} | |", "| --- | ---: |", *(f"| {a} | {b} |" for a, b in rows)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
