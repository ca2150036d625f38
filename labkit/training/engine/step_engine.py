"""The meta-steps of one learner: by an engine, in one process or shared by several."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, TypeVar, final

from labkit.core import Algorithm, Params, sources_of
from labkit.training.distributed import Ranks
from labkit.training.engine.engine import Engine, EngineName
from labkit.training.engine.step_loop import StepLoop
from labkit.training.model import TaskLoss
from labkit.training.step import (
    ByValueOrIdentity,
    Measurement,
    MetaState,
    StepOutput,
    UpdateRule,
    WholeStep,
    kind_of,
)

T = TypeVar("T")


@final
class StepEngine:
    """Computes the meta-steps of one learner.

    Args:
        name: As for `Engine`.
        measurement: How the meta-gradient is measured.
        ranks: The processes that share the tasks; None for one alone.

    Raises:
        ValueError: The engine is unknown, or would defeat `checkpoint`.
    """

    def __init__(self, name: EngineName, measurement: Measurement, ranks: Ranks | None) -> None:
        self._engine = Engine(name)
        self._ranks = ranks
        self._measurement = measurement
        self._kind: tuple[Algorithm, Hashable] | None = None
        if measurement.checkpoint and name != "eager":
            raise ValueError(
                f"engine={name!r} would store the values that checkpoint=True is meant to "
                "recompute: take engine='eager', or checkpoint=False"
            )

    @property
    def name(self) -> EngineName:
        """The engine that was asked for."""
        return self._engine.name

    @property
    def compiled(self) -> bool:
        """Whether the last meta-step ran as compiled code."""
        return self._engine.compiled

    def check_random(self, model: object) -> None:
        """Raise ValueError where a module may not draw random numbers in its forward."""
        if self.name == "compiled" or self._ranks is not None:
            how = "across_ranks=True" if self._ranks is not None else "engine='compiled'"
            raise ValueError(
                f"{type(model).__name__} draws random numbers in its forward, which with {how} "
                "would differ from those of one process and eager torch: leave that out, or put "
                "the module's dropout in eval mode"
            )

    def check_vectorized(self, vectorized: bool) -> None:
        """Raise ValueError where tasks one after another would have to be compiled."""
        if self.name == "compiled" and not vectorized:
            raise ValueError(
                "engine='compiled' compiles tasks that go side by side, and these go one after "
                "another: take engine='eager', or 'auto'"
            )

    def loop(
        self,
        algorithm: Algorithm,
        rule: UpdateRule,
        loss_fn: TaskLoss,
        state: MetaState,
        *,
        random: bool,
        vectorize: bool = True,
    ) -> StepLoop:
        """Begin a run of meta-steps between which only the tasks change.

        Args:
            algorithm: How tasks are adapted to; of its α, only whether it is learned counts.
            rule: How θ and α are updated.
            loss_fn: Module and family.
            state: θ and α to start from.
            random: Whether the module draws random numbers, which a recording would repeat.
            vectorize: Tasks side by side; one after another, they are not recorded.
        """
        ranks = self._ranks
        share = None if ranks is None else ranks.share
        measurement = replace(self._measurement, vectorize=vectorize)
        step = WholeStep(algorithm, measurement, rule, loss_fn, share)
        direct = random or self._measurement.checkpoint or not vectorize

        def run(inputs: Any, state: MetaState) -> StepOutput:
            if rule.searches:
                return step.run(inputs, loss_fn.constants, state)
            if ranks is None and rule.recordable:
                return self._call(step, step.run, inputs, state, direct=direct)
            values = state.values()
            gradients = self._call(step, step.gradients, inputs, values, direct=direct)
            # the gradients of the other processes join in between
            return rule.apply(state, gradients if ranks is None else ranks.combine(gradients))

        alone = not direct and ranks is None and rule.recordable
        compiled_step = self._engine.compiled_step if alone else lambda: None
        return StepLoop(run, compiled_step, loss_fn.constants, state)

    def _call(
        self,
        step: WholeStep,
        function: Callable[[Any, Params, MetaState], T],
        inputs: Any,
        state: MetaState,
        *,
        direct: bool,
    ) -> T:
        arguments = (inputs, step.loss_fn.constants, state)
        if direct:
            return function(*arguments)
        if self._kind is None or self._kind[0] is not step.algorithm:
            self._kind = (step.algorithm, kind_of(step.algorithm))
        drawn_by = tuple(map(ByValueOrIdentity, sources_of(inputs)))
        key = (self._kind[1], ByValueOrIdentity(step.loss_fn.family), step.rule.kind, drawn_by)
        result: T = self._engine.call(key, function, *arguments)
        return result
