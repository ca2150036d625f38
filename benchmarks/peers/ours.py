"""This project: `MetaLearner` with any of its engines."""

from typing import Any, final

import torch

from benchmarks.peers.torch_networks import module
from benchmarks.peers.torch_tasks import as_data
from benchmarks.peers.work import CLASSES, EXAMPLES, Arrays, Gradient, Points, Work, images
from labkit import MAML, Ensemble, LabelledTasks, MetaLearner, Sinusoid, TaskBatch, TaskFamily
from labkit.tasks.family import Predictor
from labkit.training.engine.engine import EngineName

STEEP = 1e3
"""β of the meta-step that reveals the gradient: large enough that θ − βg loses nothing of g."""


@final
class Ours:
    """One `MetaLearner`, or an `Ensemble` of several learners.

    Args:
        work: What to do.
        theta: θ, the same for each learner.
        engine: As `MetaLearner` takes it, "eager" or "compiled".
        warm_up: Meta-steps before the gradient of one learner that is checked, which leave θ
            unchanged; the gradient is then computed like the meta-steps that are timed.
    """

    def __init__(self, work: Work, theta: Arrays, engine: EngineName, warm_up: int) -> None:
        self._work, self._theta, self._engine, self._warm_up = work, theta, engine, warm_up
        self._trained = (
            self._learner(torch.float32, _tasks(work))
            if len(work.alphas) == 1
            else self._ensemble(torch.float32, _tasks(work))
        )

    def train(self, meta_steps: int) -> None:
        """Take meta-steps on tasks of its own; the losses are read each time."""
        self._trained.train(meta_steps)

    def meta_gradient(self, support: Points, query: Points) -> Gradient:
        """At the first θ, in float64: what one meta-step by SGD moves θ by."""
        tasks = _Given(_tasks(self._work), TaskBatch(as_data(support), as_data(query)))
        if len(self._work.alphas) == 1:
            learner = self._learner(torch.float64, tasks, meta_optimizer="sgd", beta=0.0)
            learner.train(self._warm_up)
            learner.beta = STEEP
            before = [learner.params]
            losses = torch.tensor([learner.step().loss_after], dtype=torch.float64)
            after = [learner.params]
        else:
            ensemble = self._ensemble(torch.float64, tasks, meta_optimizer="sgd", betas=STEEP)
            before = [ensemble.params(index) for index in range(len(ensemble))]
            losses = ensemble.step().loss_after
            after = [ensemble.params(index) for index in range(len(ensemble))]
        slopes = {
            name: torch.stack(
                [(b[name] - a[name]) / STEEP for b, a in zip(before, after, strict=True)]
            ).numpy()
            for name in self._theta
        }
        return Gradient(losses.numpy(), slopes)

    def _ensemble(self, dtype: torch.dtype, tasks: TaskFamily, **more: Any) -> Ensemble:
        work = self._work
        return Ensemble(
            module(work, self._theta, dtype),
            tasks,
            MAML(inner_steps=work.inner_steps, order=work.order),
            alphas=work.alphas,
            meta_batch=work.meta_batch,
            engine=self._engine,
            **({"betas": work.beta} | more),
        )

    def _learner(self, dtype: torch.dtype, tasks: TaskFamily, **more: Any) -> MetaLearner:
        work = self._work
        return MetaLearner(
            module(work, self._theta, dtype),
            tasks,
            MAML(alpha=work.alphas[0], inner_steps=work.inner_steps, order=work.order),
            meta_batch=work.meta_batch,
            batch_norm="transductive" if work.network == "conv4" else None,
            engine=self._engine,
            **({"beta": work.beta} | more),
        )


@final
class _Given:
    """A family that gives the same batch each time; any number of its tasks, for the trial."""

    def __init__(self, family: TaskFamily, batch: TaskBatch) -> None:
        self._family, self._batch = family, batch

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:  # noqa: ARG002
        support, query = self._batch.support, self._batch.query
        return TaskBatch(tuple(t[:tasks] for t in support), tuple(t[:tasks] for t in query))

    def loss(self, predict: Predictor, batch: Any) -> torch.Tensor:
        return self._family.loss(predict, batch)


def _tasks(work: Work) -> TaskFamily:
    if work.network == "mlp":
        return Sinusoid()
    pixels = torch.from_numpy(images()).flatten(0, 1)
    return LabelledTasks(pixels, torch.arange(CLASSES).repeat_interleave(EXAMPLES))
