"""Batch norm in the inner loop: by the statistics of each batch, or by those of each inner step."""

import copy
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

BatchNormMode: TypeAlias = Literal["transductive", "per_step"]


class StepBatchNorm(nn.Module):
    """Batch norm that trains by the statistics of its batch and tests by those of its inner step.

    Row k of the statistics is for θ_k: k < K from support data, K from query data; steps beyond
    take the last row. They are averages over meta-steps, so at test time a prediction does
    not depend on the other points of its batch.

    Source:
        Antoniou, Edwards, Storkey 2019, arXiv:1810.09502, §4 (per-step running statistics).
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    step_mean: Tensor
    step_var: Tensor
    step: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        start = next((t for t in (norm.weight, norm.running_mean) if t is not None), torch.empty(0))
        shape = (1, norm.num_features)  # (steps, features)
        self.register_buffer("step_mean", torch.zeros(shape, dtype=start.dtype))
        self.register_buffer("step_var", torch.ones(shape, dtype=start.dtype))
        self.register_buffer("step", torch.tensor(0))
        # in a tuple, so it is no child of this module
        self._norm = (norm,)

    def at(self, step: int, mean: Tensor, var: Tensor) -> _BatchNorm:
        """The layer that this one stands for, with the statistics of one inner step.

        Args:
            step: k ≥ 0.
            mean: Of each inner step, (steps, features).
            var: The same.
        """
        row = min(step, len(mean) - 1)
        norm = copy.deepcopy(self._norm[0])
        norm.register_parameter("weight", self.weight)
        norm.register_parameter("bias", self.bias)
        norm.track_running_stats = True
        norm.register_buffer("running_mean", mean[row].clone())
        norm.register_buffer("running_var", var[row].clone())
        return norm.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x, (points, features, …)."""
        if self.training:
            return batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        row = torch.clamp(self.step, max=len(self.step_mean) - 1)
        return batch_norm(
            x, self.step_mean[row], self.step_var[row], self.weight, self.bias, eps=self.eps
        )


def set_batch_norm(model: nn.Module, mode: BatchNormMode | None) -> None:
    """Give a module's batch norm one of the modes that tasks side by side can run, in place.

    Args:
        model: The learner's own copy of a module.
        mode: "transductive": every batch by its own statistics, in training and in testing;
            "per_step": see `StepBatchNorm`; None: the module must have no running statistics to
            update.

    Raises:
        ValueError: The mode is unknown or does not fit the module.
    """
    if mode is not None and mode not in get_args(BatchNormMode):
        modes = " or ".join(repr(m) for m in get_args(BatchNormMode))
        raise ValueError(f"batch_norm must be {modes} or None, got {mode!r}")
    for name, m in model.named_modules():
        if isinstance(m, _InstanceNorm) and m.training and m.running_mean is not None:
            raise ValueError(
                f"{name}: instance norm with running statistics changes in every forward, which "
                "tasks that adapt side by side (vmap) cannot share: make it with "
                "track_running_stats=False"
            )
    norms = {n: m for n, m in model.named_modules() if isinstance(m, _BatchNorm)}
    if mode is not None and not norms:
        raise ValueError(
            f"batch_norm={mode!r}, but {type(model).__name__} has no batch norm: leave it out"
        )
    for name, norm in norms.items():
        if mode == "transductive":
            norm.track_running_stats = False
            norm.running_mean = norm.running_var = norm.num_batches_tracked = None
        elif mode == "per_step":
            parent, _, child = name.rpartition(".")
            if not name:
                raise ValueError("batch_norm='per_step' needs a module around the batch norm")
            setattr(model.get_submodule(parent), child, StepBatchNorm(norm).train(norm.training))
    running = [
        name
        for name, m in model.named_modules()
        if isinstance(m, _BatchNorm) and m.training and m.running_mean is not None
    ]
    if running:
        raise ValueError(
            f"{', '.join(running)}: running statistics change in every forward, and tasks that "
            "adapt side by side (vmap) cannot share them. Take batch_norm='transductive' (each "
            "batch by its own statistics) or batch_norm='per_step' (averages for each inner step "
            "at test time); or make the layer with track_running_stats=False, take GroupNorm, or "
            "call model.eval() to keep statistics that are trained already"
        )
