"""A long training as a short curve."""

from collections.abc import Sequence

import numpy as np

from labkit.session import Columns
from labkit.training import MetaStep

TRAINING_POINTS = 200
"""Most points of a training curve that is kept; each is the mean of a block of meta-steps."""


def training_blocks(history: Sequence[MetaStep]) -> Columns:
    """Losses of meta-training as means over blocks of meta-steps, each at its last one."""
    before = np.array([step.loss_before for step in history])
    after = np.array([step.loss_after for step in history])
    blocks = np.array_split(np.arange(len(history)), min(len(history), TRAINING_POINTS))
    return {
        "meta_step": np.array([block[-1] + 1.0 for block in blocks]),
        "loss_before": np.array([before[block].mean() for block in blocks]),
        "loss_after": np.array([after[block].mean() for block in blocks]),
    }
