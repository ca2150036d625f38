"""What the paper's runs share: a learner trained from scratch, and its losses as a short curve."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from labkit.paper.settings import FewShotSettings, NavigationSettings, PaperSettings
from labkit.session import Columns, Progress, RunCheckpoint
from labkit.training import MetaLearner, MetaStep, packed_state, unpacked_state

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

    An earlier attempt that was interrupted is continued from its last checkpoint.

    Args:
        settings: Of the run.
        learner: Untrained.
        beta: Share of the meta-steps that are done, 0 ≤ s < 1, → β of the next one; by default β
            stays as it is.

    Raises:
        DivergedError: A loss or θ is no longer finite.
    """
    progress, history = Progress(settings.meta_steps), list[MetaStep]()
    checkpoint = RunCheckpoint(lambda: f"{settings!r} {learner.fingerprints()}")
    start = time.perf_counter()

    def state() -> dict[str, Any]:
        return {
            "learner": packed_state(learner.state()),
            "losses": torch.tensor(
                [[step.loss_before, step.loss_after] for step in history], dtype=torch.float64
            ),
            "seconds": time.perf_counter() - start,
        }

    def restore(saved: dict[str, Any], path: Path) -> None:
        nonlocal start
        losses = saved["losses"].tolist()
        if len(losses) != saved["learner"]["meta_step"]:
            raise ValueError(f"{path} has {len(losses)} losses, and another number of meta-steps")
        learner.load_state_dict(unpacked_state(saved["learner"], path, "MetaLearner"), path)
        history.extend(MetaStep(before, after) for before, after in losses)
        start -= saved["seconds"]
        progress.catch_up(0, losses)

    checkpoint.take_up(restore)
    for number in range(len(history), settings.meta_steps):
        if beta is not None:
            learner.beta = beta(number / settings.meta_steps)
        if progress.should_stop:
            break
        step = learner.step()
        history.append(step)
        progress.add(number + 1, step.loss_before, step.loss_after)
        if checkpoint.due:
            checkpoint.write(state())
    checkpoint.end(state)
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
