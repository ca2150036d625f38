"""The inner step size α in its forms: one number, per tensor, per element, each also per step."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from labkit.core.types import Alpha, Params, StepSize

AlphaTensors = Tensor | dict[str, Tensor] | list[Tensor | dict[str, Tensor]]


def steps_of(alpha: Alpha) -> list[StepSize] | None:
    """The step sizes of a sequence with one per inner step; None if `alpha` is one for all."""
    return list(alpha) if isinstance(alpha, Sequence) and not isinstance(alpha, str) else None


def alpha_tensors(alpha: Alpha, params: Params, inner_steps: int) -> AlphaTensors:
    """Check `alpha` against `params` and turn its numbers into tensors, keeping its structure.

    Args:
        alpha: A number, a 0-d tensor, a dict per parameter, or a sequence of those.
        params: θ, name → tensor.
        inner_steps: K; a sequence must have exactly K entries.

    Returns:
        The same structure with a tensor at every leaf.

    Raises:
        ValueError: The structure does not fit `params` or `inner_steps`, or a value is not finite.

    Example:
        >>> theta = {"w": torch.zeros(2)}
        >>> alpha_tensors([0.5, {"w": 0.25}], theta, inner_steps=2)
        [tensor(0.5000), {'w': tensor(0.2500)}]
    """
    steps = steps_of(alpha)
    if steps is not None:
        if len(steps) != inner_steps:
            raise ValueError(
                f"alpha has {len(steps)} entries for inner_steps={inner_steps}: give one step size "
                "per inner step, or a single one for all of them"
            )
        return [_one_step(entry, params) for entry in steps]
    return _one_step(alpha, params)


def step_size(alpha: AlphaTensors, step: int, name: str) -> Tensor:
    """α for one inner step and one parameter, from what `alpha_tensors` returned."""
    entry = alpha[step] if isinstance(alpha, list) else alpha
    return entry[name] if isinstance(entry, dict) else entry


def _one_step(alpha: object, params: Params) -> Tensor | dict[str, Tensor]:
    if isinstance(alpha, Mapping):
        missing, unknown = params.keys() - alpha.keys(), alpha.keys() - params.keys()
        if missing or unknown:
            raise ValueError(
                f"alpha must name each parameter once; missing {sorted(missing)}, "
                f"unknown {sorted(unknown)}; the parameters are {sorted(params)}"
            )
        return {name: _leaf(alpha[name], p, name) for name, p in params.items()}
    reference = next(iter(params.values()), torch.empty(0))
    value = _leaf(alpha, reference, "all parameters")
    if value.ndim:
        raise ValueError(
            f"alpha for all parameters must be a number or a 0-d tensor, got shape "
            f"{tuple(value.shape)}: give a dict per parameter, or a list per step"
        )
    return value


def _leaf(value: object, param: Tensor, name: str) -> Tensor:
    if isinstance(value, Tensor):
        if not value.is_floating_point():
            raise ValueError(f"alpha for {name} must be floating point, got {value.dtype}")
        if value.ndim and value.shape != param.shape:
            raise ValueError(
                f"alpha for {name} has shape {tuple(value.shape)}: expected 0-d or the "
                f"parameter's shape {tuple(param.shape)}"
            )
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"alpha for {name} must be a number or a tensor, got {value!r}")
    tensor = torch.tensor(value, dtype=param.real.dtype, device=param.device)
    if not torch.isfinite(tensor):
        raise ValueError(f"alpha for {name} must be finite, got {value!r}")
    return tensor
