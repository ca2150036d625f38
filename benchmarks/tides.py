"""Error in feet at ports of new coasts: MAML, its baselines, and a classical fit.

Ten readings of a 24-hour window, 600 test tasks, seed 0. Prints a Markdown table; takes some
minutes: python -m benchmarks.tides
"""

import sys

import torch

from labkit import (
    MAML,
    Algorithm,
    JointTraining,
    MetaLearner,
    RandomInitialization,
    Tides,
    harmonic_fit,
    tide_mlp,
)
from labkit.tasks.tides.tides import FEET_PER_UNIT
from labkit.training.evaluation import summarise

META_STEPS, INNER_STEPS = 3000, 5


def row(name: str, mean: torch.Tensor, ci95: torch.Tensor, median: torch.Tensor) -> str:
    """A table row: the root of the mean loss, of the ends of its 95 % interval, of the median."""
    parts = (mean, mean - ci95, mean + ci95, median)
    feet = [f"{float(FEET_PER_UNIT * part.clamp(min=0).sqrt()):.3f}" for part in parts]
    return f"| {name} | {feet[0]} [{feet[1]}, {feet[2]}] | {feet[3]} |"


def meta_trained(algorithm: Algorithm, meta_steps: int) -> MetaLearner:
    """A learner on the training ports."""
    learner = MetaLearner(tide_mlp, Tides(), algorithm, beta=1e-3, seed=0)
    learner.train(meta_steps)
    return learner


def main() -> None:
    """Train, test and print."""
    torch.set_num_threads(1)
    test = Tides(split="test")
    rows = []
    for algorithm in (
        MAML(alpha=0.05, inner_steps=1),
        MAML(alpha=0.02, inner_steps=5),
        JointTraining(alpha=0.05),
        RandomInitialization(alpha=0.05),
    ):
        random = isinstance(algorithm, RandomInitialization)
        learner = meta_trained(algorithm, 0 if random else META_STEPS)
        curve = learner.adaptation_curve(INNER_STEPS, family=test)
        name = f"{type(algorithm).__name__}, α = {algorithm.alpha}, K = {algorithm.inner_steps}"
        rows.append(row(name, curve.mean[-1], curve.ci95[-1], curve.median[-1]))
    batch = learner.held_out(family=test)
    (support_x, support_y), (x, y) = batch.support, batch.query
    for name, prediction in (
        ("mean level alone", torch.zeros_like(y)),
        ("harmonic fit", harmonic_fit(support_x, support_y, x)),
    ):
        fit = summarise((prediction - y).square().mean(dim=(1, 2)).unsqueeze(1))
        rows.append(row(name, fit.mean[0], fit.ci95[0], fit.median[0]))
    lines = [f"| after {INNER_STEPS} inner steps | feet [95 %] | median task |", "|---|---|---|"]
    sys.stdout.write("\n".join([*lines, *rows]) + "\n")


if __name__ == "__main__":
    main()
