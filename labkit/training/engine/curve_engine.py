"""Adaptation curves by replay: a lab measures the same ones again and again."""

import dataclasses
from typing import Any, final

from labkit.core import Algorithm, Batch, Params, alpha_tensors, sources_of, with_noise
from labkit.tasks import TaskBatch
from labkit.training.engine.engine import Engine
from labkit.training.evaluation import AdaptationCurve, Between, TaskLosses, curve_by, losses_along
from labkit.training.model import TaskLoss
from labkit.training.step import ByValueOrIdentity, kind_of

RECORDED_AFTER = 5
"""Measurements of one kind before they are recorded, which takes as long as a few of them."""


@final
class CurveEngine:
    """Measures adaptation curves of one module: the same numbers, sooner from the fifth on.

    Example:
        >>> from torch import nn
        >>> from labkit.core import MAML
        >>> from labkit.tasks import Sinusoid
        >>> from labkit.training.meta_learner import MetaLearner
        >>> learner = MetaLearner(nn.Linear(1, 1), Sinusoid(), MAML(alpha=0.01))
        >>> batch = learner.held_out(5)
        >>> args = (learner.algorithm, learner.test_loss_fn, learner.params, batch)
        >>> CurveEngine().curve(*args, task_chunk=None, random=False).tasks
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
        vectorize: bool = True,
        between: Between | None = None,
    ) -> AdaptationCurve:
        """As `adaptation_curve`.

        Args:
            algorithm: Its α and inner steps are those to test with.
            loss_fn: Module, always the same, and family.
            params: θ.
            batch: Tasks.
            task_chunk: Tasks at once.
            random: Whether the module draws random numbers, which a recording would repeat.
            vectorize: Tasks side by side; one after another, they are not recorded.
            between: As for `curve_by`.
        """

        def measure(inputs: Any, constants: Params, theta: Params, alpha: Any) -> TaskLosses:
            return losses_along(
                algorithm.with_alpha(alpha),
                dataclasses.replace(loss_fn, constants=constants),
                theta,
                *inputs,
                vectorize=vectorize,
            )

        sizes = alpha_tensors(algorithm.alpha, algorithm.adapted(params), algorithm.inner_steps)
        key = (kind_of(algorithm), ByValueOrIdentity(loss_fn.family))

        def chunk(support: Batch, query: Batch) -> TaskLosses:
            data = with_noise(support, algorithm.inner_steps + 1), with_noise(query, 1)
            arguments = (data, loss_fn.constants, params, sizes)
            # to record a hundred actions before each inner step takes longer than it ever saves
            if random or not vectorize or sources_of(data):
                return measure(*arguments)
            result: TaskLosses = self._engine.call(key, measure, *arguments)
            return result

        return curve_by(chunk, batch.support, batch.query, task_chunk, between)
