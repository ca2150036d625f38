"""What meta-steps of a session cost here, by order and K."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labkit.session.settings import Settings, unused
from labkit.session.source import Source
from labkit.session.threads import threads, threads_for
from labkit.training import StepCost, measure_step

COST_STEPS = (1, 2, 3, 5)
"""Numbers of inner steps, besides the session's own."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a meta-step costs with an order and a K.

    Attributes:
        order: 1 or 2.
        inner_steps: K.
        step: Its time and memory.
    """

    order: int
    inner_steps: int
    step: StepCost


def measure_costs(
    source: Source,
    settings: Settings,
    *,
    inner_steps: Iterable[int] = COST_STEPS,
    patience: float = 2.0,
) -> Iterator[Cost]:
    """Measure one after another, on learners of the same model, tasks and settings.

    Args:
        source: Model and tasks, such as `session.source`.
        settings: All but order and K.
        inner_steps: Numbers K, each ≥ 0; that of `settings` is added.
        patience: As for `labkit.measure_step`, for each.

    Yields:
        `Cost` by K, and for each K by order; one order for an algorithm that ignores it.

    Raises:
        ValueError: A K is none.

    Example:
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> source = Source(sinusoid_mlp, Sinusoid)
        >>> settings = Settings(meta_batch=1, shots=2)
        >>> costs = list(measure_costs(source, settings, inner_steps=[2], patience=0.05))
        >>> [(cost.order, cost.inner_steps) for cost in costs]
        [(1, 1), (2, 1), (1, 2), (2, 2)]
        >>> costs[3].step.memory > costs[2].step.memory
        True
    """
    settings = settings.changed(events=())
    orders = (settings.order,) if "order" in unused(settings) else (1, 2)
    for k in sorted({*inner_steps, settings.inner_steps}):
        for order in orders:
            learner = source.learner(settings.changed(order=order, inner_steps=k))
            with threads(threads_for(learner.params)):
                yield Cost(order, k, measure_step(learner, patience=patience))
