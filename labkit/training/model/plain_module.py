"""A model with given parameters as a plain `torch.nn.Module`, which needs no labkit."""

import copy

from torch import Tensor, nn

from labkit.core import Params
from labkit.training.model.batch_norm import StepBatchNorm
from labkit.training.model.task_loss import TaskLoss


def plain_module(loss_fn: TaskLoss, params: Params, step: int) -> nn.Module:
    """A copy of a learner's module that holds these parameters, of the module's own class.

    Args:
        loss_fn: Module and constants.
        params: θ' or θ, name → tensor.
        step: Inner steps that led to them, which choose the statistics of batch norm per step.
    """
    module = copy.deepcopy(loss_fn.model)
    constants = dict(loss_fn.constants)
    for name, norm in list(module.named_modules()):
        if isinstance(norm, StepBatchNorm):
            parent, _, child = name.rpartition(".")
            mean, var = (constants.pop(f"{name}.{part}") for part in ("step_mean", "step_var"))
            constants.pop(f"{name}.step")
            setattr(module.get_submodule(parent), child, norm.at(step, mean, var))
    for name, tensor in {**constants, **params}.items():
        _fill(module, name, tensor)
    return module


def _fill(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Put a copy of a tensor in the place of a parameter or buffer; what is tied to it stays so."""
    owner, _, leaf = name.rpartition(".")
    holder = module.get_submodule(owner)
    value = tensor.detach().clone()
    if leaf in holder._buffers:
        holder.register_buffer(leaf, value, leaf not in holder._non_persistent_buffers_set)
    else:
        holder.get_parameter(leaf).data = value
