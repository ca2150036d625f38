"""This project: `MetaLearner` with any of its engines."""

import inspect
from typing import Any, final

import torch

from benchmarks.peers.torch_networks import module
from benchmarks.peers.torch_tasks import as_data
from benchmarks.peers.work import CLASSES, EXAMPLES, Arrays, Gradient, Points, Work, images
from labkit import MAML, LabelledTasks, MetaLearner, Sinusoid, TaskBatch, TaskFamily
from labkit.tasks.family import Predictor

HAS_ENGINES = "engine" in inspect.signature(MetaLearner).parameters

STEEP = 1e3
"""β of the meta-step that shows the gradient: large, so that θ − βg loses nothing of g."""


@final
class Ours:
    """One `MetaLearner` for each learner, in turn.

    Args:
        work: What to do.
        theta: θ, the same for each learner.
        engine: As `MetaLearner` takes it, "eager" or "compiled"; without one it is eager.
        warm_up: Meta-steps before the gradient that is checked, which leave θ where it is, so
            that it is computed as the meta-steps are whose times count.
    """

    def __init__(self, work: Work, theta: Arrays, engine: str, warm_up: int) -> None:
        self._work, self._theta, self._engine, self._warm_up = work, theta, engine, warm_up
        self._learners = [
            self._learner(alpha, torch.float32, _tasks(work)) for alpha in work.alphas
        ]

    def train(self, meta_steps: int) -> None:
        """Take meta-steps on tasks of its own; the losses are read each time."""
        for learner in self._learners:
            learner.train(meta_steps)

    def meta_gradient(self, support: Points, query: Points) -> Gradient:
        """At the first θ, in float64: what one meta-step by SGD moves θ by."""
        tasks = _Given(_tasks(self._work), TaskBatch(as_data(support), as_data(query)))
        losses, slopes = [], []
        for alpha in self._work.alphas:
            learner = self._learner(alpha, torch.float64, tasks, meta_optimizer="sgd", beta=0.0)
            learner.train(self._warm_up)
            learner.beta = STEEP
            before = learner.params
            losses.append(learner.step().loss_after)
            after = learner.params
            slopes.append({name: (p - after[name]) / STEEP for name, p in before.items()})
        stacked = {n: torch.stack([each[n] for each in slopes]).numpy() for n in self._theta}
        return Gradient(torch.tensor(losses, dtype=torch.float64).numpy(), stacked)

    def _learner(
        self, alpha: float, dtype: torch.dtype, tasks: TaskFamily, **more: Any
    ) -> MetaLearner:
        work = self._work
        engine = {"engine": self._engine} if HAS_ENGINES else {}
        return MetaLearner(
            module(work, self._theta, dtype),
            tasks,
            MAML(alpha=alpha, inner_steps=work.inner_steps, order=work.order),
            meta_batch=work.meta_batch,
            batch_norm="transductive" if work.network == "conv4" else None,
            **({"beta": work.beta} | engine | more),
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
