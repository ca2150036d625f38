"""A module and a task family as the loss function that the core takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from labkit.core.types import Params
from labkit.tasks.family import LabelledFamily, Predictor, TaskFamily
from labkit.training.batch_norm import StepBatchNorm


@final
@dataclass(frozen=True, slots=True)
class TaskLoss:
    """(params, batch of one task) → 0-d loss, by running a module with those parameters.

    Attributes:
        model: The module; its own parameters are not read.
        constants: Frozen parameters and buffers, name → tensor.
        family: What compares predictions with data.
    """

    model: nn.Module
    constants: Params
    family: TaskFamily

    def __call__(self, params: Params, batch: Any) -> Tensor:
        """The family's loss of f with these parameters."""
        return self.family.loss(self.predictor(params), batch)

    def predictor(self, params: Params) -> Predictor:
        """The function f with these parameters bound: what the module's forward would return."""
        everything = {**self.constants, **params}
        return lambda *args, **kwargs: functional_call(self.model, everything, args, kwargs)

    def at_step(self, step: int) -> Self:
        """The loss at one inner step, which differs for batch norm with statistics per step."""
        names = [n for n, m in self.model.named_modules() if isinstance(m, StepBatchNorm)]
        if not names:
            return self
        steps = {f"{name}.step" if name else "step": torch.tensor(step) for name in names}
        return replace(self, constants={**self.constants, **steps})

    def embed(self, params: Params, batch: Any, head: str) -> tuple[Tensor, Tensor]:
        """What enters the layer of weight `head`, (points, features), and the labels, (points,).

        Raises:
            ValueError: The family has no labels, or the layer does not take one vector per point.
        """
        if not isinstance(self.family, LabelledFamily):
            raise ValueError(
                f"{type(self.family).__name__} does not tell the labels of a batch: give it a "
                "method labels(batch) -> (points,), which ProtoMAML needs"
            )
        labels = self.family.labels(batch)
        with _inputs(self.model.get_submodule(head.rpartition(".")[0])) as seen:
            self(params, batch)
        if len(seen) != 1 or seen[0].shape[:-1] != labels.shape:
            raise ValueError(
                f"the layer of {head} must run once, on (points, features) with points = "
                f"{tuple(labels.shape)}; it was given {[tuple(x.shape) for x in seen]}"
            )
        return seen[0], labels


@contextmanager
def _inputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """What a module is given while the block runs."""
    seen: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        yield seen
    finally:
        handle.remove()
