"""From a module to θ and the tensors that stay constant."""

import copy
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from labkit.core import Params

ModelSource: TypeAlias = nn.Module | Callable[[torch.Generator], nn.Module]
"""A module, or a function that creates one from a generator."""


def own_module(model: ModelSource, generator: torch.Generator) -> nn.Module:
    """A module that nobody else writes to: a copy, or a new one from a function.

    Raises:
        ValueError: It is neither, or went through torch.compile or torch.jit.
    """
    if isinstance(model, nn.Module):
        _check_plain(model)  # a copy forgets that it is compiled
    # a copy: functional_call puts parameters into the module while it runs
    module = (
        model(generator)
        if callable(model) and not isinstance(model, nn.Module)
        else copy.deepcopy(model)
    )
    if not isinstance(module, nn.Module):
        raise ValueError(
            "model must be a torch.nn.Module, or a function of a generator that makes one, got "
            f"{module!r}"
        )
    _check_plain(module)
    return module


def _check_plain(model: nn.Module) -> None:
    """Raise ValueError for code that is compiled already, which `torch.func` cannot transform."""
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            how, remedy = "torch.jit", "give the module that it was made from"
        elif hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None):
            how = "torch.compile"
            remedy = (
                "give the module as it was before (model._orig_mod of a compiled model); "
                "engine='compiled' compiles the whole meta-step"
            )
        else:
            continue
        what = f"the part {name!r} of the model" if name else f"the model {type(module).__name__}"
        raise ValueError(
            f"{what} went through {how}, and torch.func cannot differentiate compiled code twice: "
            f"{remedy}"
        )


def split_parameters(model: nn.Module, dtype: torch.dtype | None) -> tuple[Params, Params]:
    """Copies of a module's trainable parameters, and of everything else it reads.

    Args:
        model: Any module.
        dtype: Floating-point type of the copies; None keeps the module's.

    Returns:
        θ, and the frozen parameters and buffers, each name → tensor.

    Raises:
        ValueError: There is nothing to learn.
    """

    def copy_of(tensor: Tensor) -> Tensor:
        target = dtype if tensor.is_floating_point() else None
        if tensor.is_complex() and dtype is not None:
            target = dtype.to_complex()
        return tensor.detach().clone().to(target)

    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(f"dtype must be a floating-point torch.dtype or None, got {dtype!r}")
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    if not trainable:
        raise ValueError(
            f"{type(model).__name__} has no parameter with requires_grad=True to learn"
        )
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    params = {name: copy_of(t) for name, t in tensors.items() if name in trainable}
    return params, {name: copy_of(t) for name, t in tensors.items() if name not in trainable}
