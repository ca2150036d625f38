"""A whole meta-step as one function of tensors: tasks, inner loop, meta-gradient, optimiser."""

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, final

from labkit.core import Algorithm, LearnedAlpha, Params
from labkit.training.model import TaskLoss
from labkit.training.step.data import batch_of
from labkit.training.step.measure import Measurement, StepGradients
from labkit.training.step.policy_search import HeldTasks
from labkit.training.step.update import MetaState, StepOutput, UpdateRule


@final
@dataclass(frozen=True, slots=True)
class WholeStep:
    """One meta-step, as functions of tensors that an engine can record.

    Args:
        algorithm: How tasks are adapted to; of its α, only whether it is learned counts.
        measurement: How the meta-gradient is measured.
        rule: How θ and α are updated.
        loss_fn: Module and family.
        share: From data of all tasks to those of this process; None for one process alone.
    """

    algorithm: Algorithm
    measurement: Measurement
    rule: UpdateRule
    loss_fn: TaskLoss
    share: Callable[[Any], Any] | None = None

    def gradients(self, inputs: Any, constants: Params, state: MetaState) -> StepGradients:
        """Measure the losses and the meta-gradient.

        Args:
            inputs: From `draw_inputs`.
            constants: Frozen parameters and buffers.
            state: θ and α.
        """
        params = self.rule.params(state)
        batch = batch_of(self.loss_fn.family, inputs, params)
        data = (batch.support, self.measurement.query_of(batch))
        support, query = data if self.share is None else self.share(data)
        return self.measurement.measure(
            self.algorithm.with_alpha(self.rule.alpha(state)),
            dataclasses.replace(self.loss_fn, constants=constants),
            params,
            support,
            query,
            alpha_learned=isinstance(self.algorithm.alpha, LearnedAlpha),
        )

    def run(self, inputs: Any, constants: Params, state: MetaState) -> StepOutput:
        """Measure, and update θ and α; arguments as for `gradients`."""
        if self.rule.searches:
            return self._search(inputs, constants, state)
        return self.rule.apply(state, self.gradients(inputs, constants, state))

    def _search(self, inputs: Any, constants: Params, state: MetaState) -> StepOutput:
        params = self.rule.params(state)
        batch = batch_of(self.loss_fn.family, inputs, params)
        held = HeldTasks(
            self.algorithm.with_alpha(self.rule.alpha(state)),
            dataclasses.replace(self.loss_fn, constants=constants),
            params,
            batch.support,
            self.measurement.query_of(batch),
            vectorize=self.measurement.vectorize,
        )
        return self.rule.search(state, self.gradients(inputs, constants, state), held)


@final
class ByValueOrIdentity:
    """A dictionary key that compares hashable objects by value, and all others by identity."""

    def __init__(self, thing: object) -> None:
        self._thing = thing
        try:
            self._hash, self._by_value = hash(thing), True
        except TypeError:
            self._hash, self._by_value = id(thing), False

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ByValueOrIdentity):
            return False
        return self._thing is other._thing or (self._by_value and self._thing == other._thing)


def kind_of(algorithm: Algorithm) -> Hashable:
    """A key that two algorithms share if they do the same operations, whatever their α."""
    values = {f.name: getattr(algorithm, f.name) for f in dataclasses.fields(algorithm)}
    learned = isinstance(values.pop("alpha"), LearnedAlpha)
    plain = (tuple(value) if isinstance(value, list) else value for value in values.values())
    return (type(algorithm), learned, *map(ByValueOrIdentity, plain))
