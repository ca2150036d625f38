"""The meta-steps of one learner: by an engine, alone or together with other processes."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, final

from labkit.core import Algorithm, Params
from labkit.training.engine.chain import Chain
from labkit.training.engine.engine import Engine, EngineName
from labkit.training.model import TaskLoss
from labkit.training.step import Measurement, Movable, Moved, Ranks, Rule, Same, WholeStep, kind_of

T = TypeVar("T")


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

    def chain(
        self, algorithm: Algorithm, rule: Rule, loss_fn: TaskLoss, given: Movable, *, random: bool
    ) -> Chain:
        """Meta-steps one after the other.

        Args:
            algorithm: What is done; its own α only says whether α is learned.
            rule: How θ and α are moved.
            loss_fn: Module and family.
            given: θ and α.
            random: Whether the module draws random numbers, which no recording has.
        """
        step = WholeStep(algorithm, self._measurement, rule, loss_fn, self._ranks)
        direct = random or self._measurement.checkpoint

        def moved(drawn: Any, given: Movable) -> Moved:
            if self._ranks is None:
                return self._called(step, step.moved, drawn, given, direct=direct)
            # gradients of other processes come in between
            measured = self._called(step, step.measured, drawn, given, direct=direct)
            return rule.moved(given, self._ranks.together(measured))

        alone = not direct and self._ranks is None
        known = self._engine.known if alone else lambda: None
        return Chain(moved, known, loss_fn.constants, given)

    def _called(
        self,
        step: WholeStep,
        function: Callable[[Any, Params, Movable], T],
        drawn: Any,
        given: Movable,
        *,
        direct: bool,
    ) -> T:
        arguments = (drawn, step.loss_fn.constants, given)
        if direct:
            return function(*arguments)
        if self._kind is None or self._kind[0] is not step.algorithm:
            self._kind = (step.algorithm, kind_of(step.algorithm))
        what = (self._kind[1], Same(step.loss_fn.family), step.rule.kind)
        found: T = self._engine.call(what, function, *arguments)
        return found
