"""A meta-step as a function that an engine computes, and what makes two of them alike."""

import dataclasses
from collections.abc import Hashable
from typing import final

from labkit.core.algorithm import Algorithm
from labkit.core.step_sizes import AlphaTensors, LearnedAlpha
from labkit.core.types import Batch, Params
from labkit.tasks.family import TaskBatch
from labkit.training.engine import Engine, EngineName
from labkit.training.meta_step import Measured, Measurement
from labkit.training.ranks import Ranks
from labkit.training.task_loss import TaskLoss


@final
class StepEngine:
    """Computes the meta-steps of one learner.

    Args:
        name: As for `Engine`.
        measurement: How the meta-gradient is measured.
        ranks: The processes that share the tasks; None for one alone.

    Raises:
        ValueError: There is no such engine, or it would keep what is to be computed again.
    """

    def __init__(self, name: EngineName, measurement: Measurement, ranks: Ranks | None) -> None:
        self._engine = Engine(name)
        self._ranks = ranks
        self._measurement = measurement
        self._kind: tuple[Algorithm, Hashable] | None = None
        if measurement.checkpoint and name != "eager":
            raise ValueError(
                f"engine={name!r} would keep what checkpoint=True computes again: take "
                "engine='eager', or checkpoint=False"
            )

    @property
    def name(self) -> EngineName:
        """As given."""
        return self._engine.name

    @property
    def compiled(self) -> bool:
        """Whether the last meta-step was computed by compiled code."""
        return self._engine.compiled

    def check_random(self, model: object) -> None:
        """Raise ValueError where a module may not draw random numbers in its forward."""
        if self.name == "compiled" or self._ranks is not None:
            how = "across_ranks=True" if self._ranks is not None else "engine='compiled'"
            raise ValueError(
                f"{type(model).__name__} draws random numbers in its forward, which with {how} "
                "would not be those of one process and eager torch: leave that out, or put the "
                "module's dropout in eval mode"
            )

    def measured(
        self,
        algorithm: Algorithm,
        sizes: AlphaTensors,
        loss_fn: TaskLoss,
        params: Params,
        batch: TaskBatch,
        *,
        random: bool,
    ) -> Measured:
        """The numbers of a meta-step.

        Args:
            algorithm: What is done; its own α only says whether α is learned.
            sizes: α, as tensors in a form that it takes.
            loss_fn: Module and family.
            params: θ.
            batch: Tasks.
            random: Whether the module draws random numbers, which no recording has.
        """
        alpha_learned = isinstance(algorithm.alpha, LearnedAlpha)

        def measure(
            params: Params, sizes: AlphaTensors, constants: Params, support: Batch, query: Batch
        ) -> Measured:
            return self._measurement.measure(
                dataclasses.replace(algorithm, alpha=sizes),  # type: ignore[type-var]
                dataclasses.replace(loss_fn, constants=constants),
                params,
                support,
                query,
                alpha_learned=alpha_learned,
            )

        data = (batch.support, self._measurement.judged(batch))
        if self._ranks is not None:
            data = self._ranks.share(data)
        arguments = (params, sizes, loss_fn.constants, *data)
        if random or self._measurement.checkpoint:
            return self._together(measure(*arguments))
        if self._kind is None or self._kind[0] is not algorithm:
            self._kind = (algorithm, kind_of(algorithm))
        what = (self._kind[1], alpha_learned, Same(loss_fn.family))
        return self._together(self._engine.call(what, measure, *arguments))

    def _together(self, measured: Measured) -> Measured:
        if self._ranks is None:
            return measured
        losses, (params, alpha) = self._ranks.together(
            measured.losses, (measured.params, measured.alpha)
        )
        return Measured(losses, params, alpha)


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
    del values["alpha"]
    plain = (tuple(value) if isinstance(value, list) else value for value in values.values())
    return (type(algorithm), *map(Same, plain))
