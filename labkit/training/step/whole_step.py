"""A whole meta-step as one function of tensors: tasks, inner loop, meta-gradient, optimiser."""

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard, final

from torch import Generator

from labkit.core import Algorithm, LearnedAlpha, Params
from labkit.tasks import GenerativeFamily, TaskBatch, TaskFamily
from labkit.training.model import TaskLoss
from labkit.training.step.batches import draw, draw_noise, to_model
from labkit.training.step.meta_step import Measured, Measurement
from labkit.training.step.moving import Movable, Moved, Rule
from labkit.training.step.ranks import Ranks


def drawn_for(family: TaskFamily, tasks: int, generator: Generator, params: Params) -> Any:
    """What a meta-step needs of a batch of tasks, tensors alone.

    Args:
        family: p(T).
        tasks: How many.
        generator: The stream they are drawn from.
        params: θ, whose device and precision the tensors are to have.
    """
    if _is_generative(family):
        return draw_noise(family, tasks, generator, params)
    batch = draw(family, tasks, generator, params)
    return batch.support, batch.query


def batch_of(family: TaskFamily, drawn: Any, params: Params) -> TaskBatch:
    """The tasks of what was `drawn_for` a meta-step."""
    if _is_generative(family):
        return to_model(family.tasks_of(drawn), params)
    return TaskBatch(*drawn)


def _is_generative(family: TaskFamily) -> TypeGuard[GenerativeFamily]:
    return _are_generative(type(family))


@lru_cache
def _are_generative(kind: type) -> bool:
    # looking a protocol up takes longer than drawing
    return issubclass(kind, GenerativeFamily)


@final
@dataclass(frozen=True, slots=True)
class WholeStep:
    """What one meta-step does, as functions of tensors that can be recorded.

    Args:
        algorithm: What is done to tasks; its own α only says whether α is learned.
        measurement: How the meta-gradient is measured.
        rule: How θ and α are moved.
        loss_fn: Module and family.
        ranks: The processes that share the tasks; None for one alone.
    """

    algorithm: Algorithm
    measurement: Measurement
    rule: Rule
    loss_fn: TaskLoss
    ranks: Ranks | None = None

    def measured(self, drawn: Any, constants: Params, given: Movable) -> Measured:
        """The losses and the meta-gradient.

        Args:
            drawn: Of `drawn_for`.
            constants: Frozen parameters and buffers.
            given: θ and α.
        """
        params = self.rule.params(given)
        batch = batch_of(self.loss_fn.family, drawn, params)
        data = (batch.support, self.measurement.judged(batch))
        support, query = data if self.ranks is None else self.ranks.share(data)
        return self.measurement.measure(
            dataclasses.replace(self.algorithm, alpha=self.rule.alpha(given)),  # type: ignore[type-var]
            dataclasses.replace(self.loss_fn, constants=constants),
            params,
            support,
            query,
            alpha_learned=isinstance(self.algorithm.alpha, LearnedAlpha),
        )

    def moved(self, drawn: Any, constants: Params, given: Movable) -> Moved:
        """The losses, and θ and α after the step."""
        return self.rule.moved(given, self.measured(drawn, constants, given))


class Same:
    """A thing as a key: equal to itself alone, if it cannot be compared by what it holds."""

    def __init__(self, thing: object) -> None:
        self._thing = thing
        try:
            self._hash, self._known = hash(thing), True
        except TypeError:
            self._hash, self._known = id(thing), False

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same):
            return False
        return self._thing is other._thing or (self._known and self._thing == other._thing)


def kind_of(algorithm: Algorithm) -> Hashable:
    """What two algorithms share that do the same operations, for any α."""
    fields = dataclasses.fields(algorithm)  # type: ignore[arg-type]  # each one is a dataclass
    values = {field.name: getattr(algorithm, field.name) for field in fields}
    learned = isinstance(values.pop("alpha"), LearnedAlpha)
    plain = (tuple(value) if isinstance(value, list) else value for value in values.values())
    return (type(algorithm), learned, *map(Same, plain))
