"""How the tasks of a learner go: side by side, padded to one size, or one after another."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeVar, final

from labkit.core import (
    Algorithm,
    Params,
    ProtoMAML,
    TasksError,
    Vectorize,
    known_refusal,
    say_loop,
)
from labkit.tasks import Padded, StepwiseFamily, TaskFamily
from labkit.training.culprit import named
from labkit.training.dry_run import TRIAL_TASKS, DryRun, dry_run
from labkit.training.engine import StepEngine
from labkit.training.learner_view import LearnerView
from labkit.training.model import TaskLoss, is_pointwise, private_randomness, stream
from labkit.training.step import Measurement, draw

T = TypeVar("T")


@final
class Vectorization:
    """What trials on a few tasks show of a module, a family and an algorithm, each tried once.

    Args:
        vectorize: As for `MetaLearner`.
        measurement: How the meta-gradient is measured.
        engine: What meta-steps are computed by.
        seed: The run's; the tasks of trials come from a separate stream.
    """

    def __init__(
        self, vectorize: Vectorize, measurement: Measurement, engine: StepEngine, seed: int
    ) -> None:
        self._vectorize: Vectorize = vectorize
        self._measurement = measurement
        self._engine = engine
        self._seed = seed
        self._dry_runs: dict[type[Algorithm], DryRun] = {}
        self._family: TaskFamily | None = None
        self._uneven = False
        self._pointwise = False

    def dry_run_of(self, algorithm: Algorithm) -> DryRun:
        """What the dry run of such an algorithm has shown."""
        return self._dry_runs[type(algorithm)]

    def try_out(
        self,
        algorithm: Algorithm,
        loss_fn: TaskLoss,
        test_loss_fn: TaskLoss,
        params: Params,
        meta_batch: int,
    ) -> None:
        """Dry-run a kind of algorithm, unless it has been.

        Raises:
            ValueError: It cannot work, as for `dry_run`, or not with this engine.
        """
        if type(algorithm) in self._dry_runs:
            return
        result = dry_run(
            loss_fn,
            test_loss_fn,
            params,
            algorithm,
            self._measurement,
            meta_batch,
            self._seed,
            self._vectorize,
        )
        self._engine.check_vectorized(result.vectorized)
        if self._engine.name == "compiled" and self.goes_by_size(algorithm):
            raise ValueError(
                f"the tasks of {type(loss_fn.family).__name__} have different sizes, and "
                "prototypes are means over the points of each, so engine='compiled' would compile "
                "every combination of sizes: take 'eager'"
            )
        if result.draws_random:
            self._engine.check_random(loss_fn.model)
        self._dry_runs[type(algorithm)] = result

    def pointwise(
        self, family: TaskFamily, trial: Callable[[], tuple[TaskLoss, Params]], meta_batch: int
    ) -> bool:
        """Whether tasks of different sizes can go side by side, padded; tried once for each family.

        Args:
            family: p(T).
            trial: Gives the loss, as in training, and θ; each takes time to make.
            meta_batch: Tasks per meta-step.

        Raises:
            ValueError: They cannot, and the engine is to compile them.
        """
        if self._family is family:
            return self._pointwise
        loss_fn, params = trial()
        tasks = min(TRIAL_TASKS, meta_batch)
        batch = draw(family, tasks, stream(self._seed, "trial"), params)
        uneven = isinstance(batch.support, Padded) or isinstance(batch.query, Padded)
        pointwise = False
        if uneven:  # of tasks with one point each, nothing would be learned
            batch = draw(family, 2 * TRIAL_TASKS, stream(self._seed, "trial"), params)
            device = next(iter(params.values())).device
            with private_randomness(self._seed, "trial of the model", device):
                stepwise = isinstance(family, StepwiseFamily)
                pointwise = not stepwise and is_pointwise(loss_fn, params, batch)
        self._family, self._uneven, self._pointwise = family, uneven, pointwise
        if uneven and not pointwise and self._engine.name == "compiled":
            raise ValueError(
                f"the tasks of {type(family).__name__} have different sizes, and the loss "
                "is no mean over points that are computed alone, so engine='compiled' would "
                "compile every combination of sizes: take 'eager'"
            )
        return pointwise

    def goes_by_size(self, algorithm: Algorithm) -> bool:
        """Whether tasks of each size go separately: a recording would repeat their sizes."""
        return self._uneven and (not self._pointwise or isinstance(algorithm, ProtoMAML))

    def run(
        self,
        compute: Callable[[bool], T],
        which: Literal["vectorized", "test_vectorized"],
        learner: LearnerView,
        family: TaskFamily | None = None,
    ) -> T:
        """Compute as the dry run showed; what it did not meet ends in a loop, or in words.

        Args:
            compute: From whether tasks go side by side to the result.
            which: Whose tasks these are.
            learner: Whose module, algorithm and θ.
            family: Whose tasks; None: the learner's.

        Raises:
            TasksError: Torch can do it in no way that may be tried.

        Warns:
            LoopWarning: Once for each reason, if it comes to a loop.
        """
        kind = type(learner.algorithm)
        vectorized: bool = getattr(self._dry_runs[kind], which)
        try:
            return compute(vectorized)
        except (RuntimeError, TasksError) as error:
            refusal = known_refusal(error)
            if refusal is None or self._engine.name == "compiled":
                raise
            tasks, params = min(TRIAL_TASKS, learner.meta_batch), learner.params
            loss_fn = learner.loss_fn
            if family is not None:
                loss_fn = replace(loss_fn, family=family)
            batch = draw(loss_fn.family, tasks, stream(self._seed, "trial"), params)
            now = learner.current_algorithm()
            cause = named(refusal, loss_fn, params, now, self._measurement, batch)
            if not (refusal.side_by_side and vectorized and self._vectorize == "auto"):
                raise cause from error
        result = compute(False)
        self._dry_runs[kind] = self._dry_runs[kind]._replace(**{which: False})
        say_loop(cause, learner.meta_batch)
        return result
