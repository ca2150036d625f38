"""Mini-batches in the inner loop: each inner step sees a part of the support data."""

from dataclasses import dataclass, replace
from typing import Any, Self, final

import torch
from torch import Tensor

from labkit.core import check_count, tree_leaves, tree_map
from labkit.tasks.family import (
    AugmentedFamily,
    LabelledFamily,
    MeasuredFamily,
    Predictor,
    Split,
    SplitFamily,
    StepwiseFamily,
    TaskBatch,
    TaskFamily,
)

_MARK = "mini_batches_of"
"""The key of support data, which tells it from query data."""


@final
@dataclass(frozen=True, slots=True)
class MiniBatches:
    """The tasks of a family, of whose support data each inner step sees a mini-batch.

    With n support points and B = ⌊n/size⌋ mini-batches, step k sees the points k mod B,
    k mod B + B, k mod B + 2B, …: each point once in B steps, and of points that are sorted by
    class about as many of each. Query data are whole.

    Args:
        family: Its support data are tensors (tasks, points, …), with the same points in each.
        size: Points per mini-batch, ≥ 1; up to twice as many where it does not divide n.
        step: k; a learner sets it.

    Raises:
        ValueError: `size` is below 1; on use, if a task has fewer support points.

    Example:
        >>> from labkit.core import MAML
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> from labkit.training import MetaLearner
        >>> tasks = MiniBatches(Sinusoid(shots=10), size=2)
        >>> learner = MetaLearner(sinusoid_mlp, tasks, MAML(alpha=0.01, inner_steps=5))
        >>> learner.step().loss_after > 0
        True
    """

    family: TaskFamily
    size: int
    step: int = 0

    def __post_init__(self) -> None:
        check_count("size", self.size, 1)

    def at_step(self, step: int) -> Self:
        """The same family with the mini-batch of another inner step."""
        family = self.family.at_step(step) if isinstance(self.family, StepwiseFamily) else None
        return replace(self, step=step, family=family or self.family)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks of the family."""
        batch = self.family.sample(tasks, generator)
        return TaskBatch({_MARK: batch.support}, batch.query, batch.info)

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        """The family's loss, of support data on the mini-batch of this step."""
        return self.family.loss(predict, self._part(batch))

    def on(self, split: Split) -> Self:
        """The tasks of a split, where the family has some."""
        if not isinstance(self.family, SplitFamily):
            return self
        return replace(self, family=self.family.on(split))

    def without_augmentation(self) -> Self:
        """The same tasks, unaltered."""
        if not isinstance(self.family, AugmentedFamily):
            return self
        return replace(self, family=self.family.without_augmentation())

    def metrics(self, predict: Predictor, batch: Any) -> dict[str, Tensor]:
        """The family's other measures, if it has any."""
        if not isinstance(self.family, MeasuredFamily):
            return {}
        return self.family.metrics(predict, self._part(batch))

    def labels(self, batch: Any) -> Tensor:
        """The classes of the points that `loss` sees.

        Raises:
            ValueError: The family has none.
        """
        if not isinstance(self.family, LabelledFamily):
            raise ValueError(f"{type(self.family).__name__} does not tell the labels of a batch")
        return self.family.labels(self._part(batch))

    def _part(self, batch: Any) -> Any:
        if not (isinstance(batch, dict) and batch.keys() == {_MARK}):
            return batch
        support = batch[_MARK]
        points = {len(tensor) if tensor.ndim else 0 for tensor in tree_leaves(support)}
        if len(points) != 1 or (count := points.pop()) < self.size:
            shapes = [tuple(tensor.shape) for tensor in tree_leaves(support)]
            raise ValueError(
                f"mini-batches of {self.size} need tensors of at least as many support points, "
                f"the same number in each; a task of {type(self.family).__name__} has {shapes}"
            )
        every = count // self.size
        part: Any = tree_map(lambda tensor: tensor[self.step % every :: every], support)
        return part
