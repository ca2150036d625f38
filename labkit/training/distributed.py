"""One training run on several processes: each handles a share of every batch of tasks."""

from collections.abc import Callable, Mapping
from typing import Any, final

import torch
import torch.distributed as dist

# Its functions keep the group that exists at their import as a default argument. Imported
# later, such as by a recording, they would keep the group's threads alive after
# destroy_process_group; a process that ends with such threads may abort.
import torch.distributed.nn as _before_a_group  # noqa: F401

from labkit.core import tree_leaves, tree_map
from labkit.training.step import StepGradients

CHECKED_EVERY = 200
"""Meta-steps between two comparisons of the learners of all processes."""


@final
class Ranks:
    """The processes of `torch.distributed`, which hold the same θ and draw the same tasks.

    Args:
        meta_batch: Tasks per meta-step, over all processes.
        reduction: "mean" or "sum" over tasks.

    Raises:
        ValueError: There is no group of processes, or it cannot divide the tasks evenly.
    """

    def __init__(self, meta_batch: int, reduction: str) -> None:
        if not (dist.is_available() and dist.is_initialized()):
            raise ValueError(
                "across_ranks=True needs a group of processes: start the script by torchrun and "
                'call torch.distributed.init_process_group("gloo") first ("nccl" for GPUs)'
            )
        self._size, self._rank = dist.get_world_size(), dist.get_rank()
        if meta_batch % self._size:
            raise ValueError(
                f"meta_batch must be a multiple of the {self._size} processes, got {meta_batch}"
            )
        self._mean = reduction == "mean"
        self._checked_at = -CHECKED_EVERY

    def check_equal(
        self, meta_step: int, learner: Callable[[], Mapping[str, str]], *, due: bool = False
    ) -> None:
        """Compare the learners of all processes, unless they were compared not long ago.

        Args:
            meta_step: Of the learner; all processes call this at the same ones.
            learner: Name → text for all that has to be equal.
            due: Whatever was compared before.

        Raises:
            ValueError: They differ; the message names in what.
        """
        if not due and 0 <= meta_step - self._checked_at < CHECKED_EVERY:
            return
        self._checked_at = meta_step
        texts: list[Any] = [None] * self._size
        dist.all_gather_object(texts, dict(learner()))
        for rank, other in enumerate(texts):
            for name, text in texts[0].items():
                if other[name] != text:
                    raise ValueError(
                        f"across_ranks=True needs equal learners in all processes, but {name} is "
                        f"{text} in rank 0 and {other[name]} in rank {rank}: give all of them the "
                        "same arguments and changes"
                    )

    def share(self, data: Any) -> Any:
        """This process's tasks, of data whose first axis is the task."""

        def cut(tensor: torch.Tensor) -> torch.Tensor:
            each = len(tensor) // self._size
            return tensor[self._rank * each : (self._rank + 1) * each]

        return tree_map(cut, data)

    def combine(self, own: StepGradients) -> StepGradients:
        """Average the losses, and average or add the gradients, over all processes."""
        gradients = (own.params, own.alpha)
        leaves = tree_leaves(gradients)
        tensors = [own.losses, *(leaf for leaf in leaves if leaf is not None)]
        flat = torch.cat([tensor.flatten() for tensor in tensors])  # one message for all
        dist.all_reduce(torch.view_as_real(flat) if flat.is_complex() else flat)
        parts = iter(torch.split(flat, [tensor.numel() for tensor in tensors]))
        losses = (next(parts) / self._size).real.to(own.losses.dtype)
        divisor = self._size if self._mean else 1

        def unpack(leaf: torch.Tensor | None) -> torch.Tensor | None:
            if leaf is None:
                return None
            part: torch.Tensor = next(parts) / divisor
            real = part if leaf.is_complex() else part.real
            return real.to(leaf.dtype).reshape(leaf.shape)

        return StepGradients(losses, *tree_map(unpack, gradients))
