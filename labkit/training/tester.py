"""How a learner is tested: adaptation curves on a batch of tasks, by replay where that is exact."""

from dataclasses import replace
from typing import final

from labkit.core import Alpha, Params
from labkit.tasks import TaskBatch, TaskFamily
from labkit.training.dry_run import check_test
from labkit.training.engine import CurveEngine
from labkit.training.evaluation import AdaptationCurve, Between
from labkit.training.learner_view import LearnerView
from labkit.training.model import stream
from labkit.training.step import seeded
from labkit.training.vectorization import Vectorization


@final
class Tester:
    """Measures the curves of one learner.

    Args:
        vectorization: Whether tasks go side by side.
    """

    def __init__(self, vectorization: Vectorization) -> None:
        self._curves = CurveEngine()
        self._vectorization = vectorization

    def curve(
        self,
        learner: LearnerView,
        batch: TaskBatch,
        inner_steps: int,
        *,
        alpha: Alpha | None,
        params: Params | None,
        family: TaskFamily | None,
        between: Between | None,
    ) -> AdaptationCurve:
        """As `MetaLearner.curve_on`."""
        loss_fn = learner.test_loss_fn
        batch = seeded(batch, stream(learner.seed, "evaluation"))
        params = learner.params if params is None else params
        if family is not None:
            loss_fn = replace(loss_fn, family=family, pointwise=False)
            check_test(loss_fn, params, batch)

        def compute(side_by_side: bool) -> AdaptationCurve:
            with learner.randomness("evaluation of the model"):
                return self._curves.curve(
                    learner.current_algorithm().testing(inner_steps, alpha),
                    loss_fn,
                    params,
                    batch,
                    task_chunk=learner.task_chunk,
                    random=learner.draws_random,
                    vectorize=side_by_side,
                    between=between,
                )

        return self._vectorization.run(compute, "test_vectorized", learner, family)
