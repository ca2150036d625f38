"""What a meta-step costs here: time, and memory."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from labkit.core import check_positive
from labkit.training.engine import RECORDED_AFTER, peak_memory
from labkit.training.meta_learner import MetaLearner

REPEATS = 12
"""Meta-steps that are timed, after those that are recorded."""


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a meta-step costs.

    Attributes:
        seconds: Of one meta-step, median.
        meta_steps: How many were timed.
        replayed: Whether they were replayed from a recording, as later ones of a training are.
        memory: The most bytes of tensors that a meta-gradient holds at a time.
    """

    seconds: float
    meta_steps: int
    replayed: bool
    memory: int


def measure_step(
    learner: MetaLearner,
    *,
    patience: float = 2.0,
    clock: Callable[[], float] = time.perf_counter,
) -> StepCost:
    """Time meta-steps of a learner, which trains meanwhile, and count their memory.

    Args:
        learner: Whose meta-steps.
        patience: Seconds; a learner whose steps are not replayed by then is timed as it is.
        clock: Seconds that only grow.

    Raises:
        ValueError: `patience` is no number above 0.
        DivergedError: Loss or meta-gradient left the finite numbers.

    Example:
        >>> from labkit.core import MAML
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(), MAML(inner_steps=2), meta_batch=2)
        >>> cost = measure_step(learner, patience=60.0)
        >>> cost.replayed, cost.meta_steps, 100_000 < cost.memory < 500_000
        (True, 12, True)
    """
    check_positive("patience", patience)
    memory = peak_memory(learner.meta_gradient)
    begun, times = clock(), []
    for _ in range(RECORDED_AFTER + 2 + REPEATS):
        before = clock()
        learner.step()
        times.append(clock() - before)
        if clock() - begun > patience and len(times) >= 3:
            break
    replayed = len(times) > RECORDED_AFTER + 2
    timed = times[RECORDED_AFTER + 2 :] if replayed else times[1:RECORDED_AFTER]
    return StepCost(statistics.median(timed), len(timed), replayed, memory)
