"""The module of a learner, in the mode that it came in and in evaluation mode."""

import copy
from typing import final

import torch

from labkit.core import Params
from labkit.training.model.batch_norm import BatchNormMode, set_batch_norm
from labkit.training.model.parameters import ModelSource, own_module, split_parameters
from labkit.training.model.randomness import stream
from labkit.training.model.step_statistics import has_steps, step_buffers


@final
class OwnModel:
    """A module that a learner runs with parameters of its own and never writes to.

    Args:
        source: As for `MetaLearner`, and the others.
        seed: The run's.
        device: Where to; None: where it is.
        batch_norm: Which statistics.

    Attributes:
        source: What it was made from.
        batch_norm: Which statistics.
        training: In the mode that it came in.
        testing: A copy in evaluation mode.
        has_steps: Whether it has averages for each inner step.
    """

    def __init__(
        self,
        source: ModelSource,
        seed: int,
        device: torch.device | str | None,
        batch_norm: BatchNormMode | None,
    ) -> None:
        self.source = source
        self.batch_norm = batch_norm
        self.training = own_module(source, stream(seed, "init"))
        if device is not None:
            self.training.to(device)
        set_batch_norm(self.training, batch_norm)
        self.testing = copy.deepcopy(self.training).eval()
        self.has_steps = has_steps(self.training)

    def parameters(self, dtype: torch.dtype | None) -> tuple[Params, Params]:
        """θ and the constants that training starts from."""
        return split_parameters(self.training, dtype)

    def growing(self) -> frozenset[str]:
        """Names of the buffers whose first axis grows with training."""
        return step_buffers(self.training)

    def to(self, device: torch.device | str) -> None:
        """Move both to a device."""
        self.training.to(device)
        self.testing.to(device)
