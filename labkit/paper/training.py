"""What the paper's runs share: a learner trained from scratch, and its losses as a short curve."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from labkit.paper.settings import FewShotSettings, NavigationSettings, PaperSettings
from labkit.session import Columns, Progress
from labkit.training import MetaLearner, MetaStep

RunSettings = TypeVar("RunSettings", PaperSettings, FewShotSettings, NavigationSettings)

TRAINING_POINTS = 200
"""Most points of a training curve that is kept; each is the mean of a block of meta-steps."""


@dataclass(frozen=True, slots=True)
class TrainedRun(Generic[RunSettings]):
    """A learner with the training behind it.

    Attributes:
        settings: Those of the training.
        learner: The trained learner.
        history: Losses of each meta-step.
        seconds: How long training took.
    """

    settings: RunSettings
    learner: MetaLearner
    history: list[MetaStep]
    seconds: float


def train_run(
    settings: RunSettings,
    learner: MetaLearner,
    beta: Callable[[float], float] | None = None,
) -> TrainedRun[RunSettings]:
    """Train a learner for `settings.meta_steps`, and report the progress of the run.

    Args:
        settings: Of the run.
        learner: Untrained.
        beta: Share of the meta-steps that are done, 0 ≤ s < 1, → β of the next one; by default β
            stays as it is.

    Raises:
        DivergedError: A loss or θ is no longer finite.
    """
    progress, history = Progress(settings.meta_steps), list[MetaStep]()
    start = time.perf_counter()
    for number in range(settings.meta_steps):
        if beta is not None:
            learner.beta = beta(number / settings.meta_steps)
        if progress.should_stop:
            break
        step = learner.step()
        history.append(step)
        progress.add(number + 1, step.loss_before, step.loss_after)
    return TrainedRun(settings, learner, history, time.perf_counter() - start)


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
