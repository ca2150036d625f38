"""Adaptation curves by recorded operations: a lab measures the same ones again and again."""

import dataclasses
from typing import Any, final

from labkit.core import Algorithm, Batch, Params, alpha_tensors
from labkit.tasks import TaskBatch
from labkit.training.engine.engine import Engine
from labkit.training.evaluation import AdaptationCurve, Between, Judged, curve_by, judged_tasks
from labkit.training.model import TaskLoss
from labkit.training.step import Same, kind_of

RECORDED_AFTER = 5
"""Measurements of one kind before it is recorded, which takes about as long as a few of them."""


@final
class CurveEngine:
    """Measures adaptation curves of one module, the same numbers sooner from the fifth on.

    Example:
        >>> from torch import nn
        >>> from labkit.core import MAML
        >>> from labkit.tasks import Sinusoid
        >>> from labkit.training.meta_learner import MetaLearner
        >>> learner = MetaLearner(nn.Linear(1, 1), Sinusoid(), MAML(alpha=0.01))
        >>> batch = learner.held_out(5)
        >>> given = (learner.algorithm, learner.test_loss_fn, learner.params, batch)
        >>> CurveEngine().curve(*given, task_chunk=None, random=False).tasks
        5
    """

    def __init__(self) -> None:
        self._engine = Engine("eager", recorded_after=RECORDED_AFTER)

    def curve(
        self,
        algorithm: Algorithm,
        loss_fn: TaskLoss,
        params: Params,
        batch: TaskBatch,
        *,
        task_chunk: int | None,
        random: bool,
        between: Between | None = None,
    ) -> AdaptationCurve:
        """As `adaptation_curve`.

        Args:
            algorithm: Its α and inner steps are those to test with.
            loss_fn: Module, always the same, and family.
            params: θ.
            batch: Tasks.
            task_chunk: Tasks at once.
            random: Whether the module draws random numbers, which no recording has.
            between: As for `curve_by`.
        """

        def judged(drawn: Any, constants: Params, theta: Params, alpha: Any) -> Judged:
            return judged_tasks(
                dataclasses.replace(algorithm, alpha=alpha),  # type: ignore[type-var]
                dataclasses.replace(loss_fn, constants=constants),
                theta,
                *drawn,
            )

        sizes = alpha_tensors(algorithm.alpha, algorithm.adapted(params), algorithm.inner_steps)
        what = (kind_of(algorithm), Same(loss_fn.family))

        def judge(support: Batch, query: Batch) -> Judged:
            arguments = ((support, query), loss_fn.constants, params, sizes)
            if random:
                return judged(*arguments)
            found: Judged = self._engine.call(what, judged, *arguments)
            return found

        return curve_by(judge, batch.support, batch.query, task_chunk, between)
