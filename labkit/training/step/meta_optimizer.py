"""SGD and Adam as functions of flat vectors of tensors, and their memory in checkpoints."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, final, get_args

import torch
from torch import Tensor

from labkit.core import Params

MetaOptimizer: TypeAlias = Literal["adam", "sgd"]

DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Of Adam: β₁, β₂ and ε, as in its paper and in torch."""

Memory = dict[str, Tensor]
"""Name → tensor that an optimiser remembers, of one parameter or of a flat vector of many."""


class Slot(NamedTuple):
    """A tensor that an optimiser updates, and what it remembers of earlier gradients.

    Attributes:
        value: Real.
        memory: By the names that `torch.optim` gives them; empty for SGD.
    """

    value: Tensor
    memory: Memory


def check_meta_optimizer(name: str) -> None:
    """Raise ValueError unless this is the name of an optimiser."""
    if name not in get_args(MetaOptimizer):
        raise ValueError(f"meta_optimizer must be 'adam' or 'sgd', got {name!r}")


def new_slot(name: MetaOptimizer, value: Tensor) -> Slot:
    """Pair a tensor with the memory that this optimiser starts with."""
    if name == "sgd":
        return Slot(value, {})
    memory = {"exp_avg": torch.zeros_like(value), "exp_avg_sq": torch.zeros_like(value)}
    return Slot(value, {"step": torch.zeros((), device=value.device), **memory})


def step_size(beta: float, value: Tensor) -> Tensor:
    """β for `update_slot` of this tensor, 0-d: an input, so a new β compiles nothing."""
    return torch.tensor(beta, dtype=_exact(value.dtype), device=value.device)


def update_slot(name: MetaOptimizer, slot: Slot, gradient: Tensor, beta: Tensor) -> Slot:
    """Take one step of an optimiser.

    SGD: x − βg. Adam, at its step t: m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g²,
    x − β m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).

    Args:
        name: Which optimiser.
        slot: Value and memory before the step.
        gradient: Real, like the slot's value.
        beta: From `step_size`.

    Returns:
        Value and memory after the step.

    Source:
        Kingma, Ba 2015, arXiv:1412.6980, Algorithm 1.

    Example:
        The first step of Adam has length β, whatever the gradient.

        >>> slot = new_slot("adam", torch.tensor([1.0, 1.0]))
        >>> update_slot("adam", slot, torch.tensor([3.0, -0.01]), torch.tensor(0.5)).value
        tensor([0.5000, 1.5000])
    """
    if name == "sgd":
        return Slot(slot.value - beta * gradient, {})
    step = slot.memory["step"] + 1
    mean = slot.memory["exp_avg"].lerp(gradient, 1 - DECAY)
    square = slot.memory["exp_avg_sq"] * SQUARE_DECAY + (1 - SQUARE_DECAY) * gradient * gradient
    exact_step = step.to(_exact(slot.value.dtype))
    # 1 − bᵗ, which a difference of numbers near 1 would blur
    unbiased, root = (-torch.expm1(exact_step * math.log(d)) for d in (DECAY, SQUARE_DECAY))
    value = slot.value - (beta / unbiased) * mean / (square.sqrt() / root.sqrt() + EPSILON)
    return Slot(value, {"step": step, "exp_avg": mean, "exp_avg_sq": square})


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


@final
class Layout:
    """Where each tensor of θ lies in flat vectors, one for each dtype and device.

    One operation then updates all of θ. Complex numbers lie there as pairs of real ones.

    Args:
        params: θ, or tensors of the same shapes, dtypes and devices.

    Example:
        >>> params = {"w": torch.ones(2, 2), "b": torch.zeros(2)}
        >>> layout = Layout(params)
        >>> layout.flat(params)
        [tensor([1., 1., 1., 1., 0., 0.])]
        >>> layout.params([torch.arange(6.0)])["b"]
        tensor([4., 5.])
    """

    def __init__(self, params: Params) -> None:
        self._shapes = {name: p.shape for name, p in params.items()}
        self._groups: dict[tuple[torch.dtype, torch.device], list[str]] = {}
        for name, p in params.items():
            self._groups.setdefault((p.dtype, p.device), []).append(name)
        self.names = tuple(params)
        """Names of θ's tensors, in their order."""

    def flat(self, params: Params) -> list[Tensor]:
        """The vectors, each real and of one axis."""
        vectors = []
        for (dtype, _), names in self._groups.items():
            vector = torch.cat([params[name].flatten() for name in names])
            vectors.append(torch.view_as_real(vector).flatten() if dtype.is_complex else vector)
        return vectors

    def params(self, vectors: Sequence[Tensor]) -> Params:
        """The tensors of θ, as views of the vectors."""
        tensors: Params = {}
        for ((dtype, _), names), vector in zip(self._groups.items(), vectors, strict=True):
            whole = torch.view_as_complex(vector.view(-1, 2)) if dtype.is_complex else vector
            parts = torch.split(whole, [self._shapes[name].numel() for name in names])
            tensors |= {n: p.view(self._shapes[n]) for n, p in zip(names, parts, strict=True)}
        return {name: tensors[name] for name in self.names}

    def spread(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """One value per vector → the same value for each tensor of θ that lies in it."""
        groups = zip(self._groups.values(), values, strict=True)
        by_name = {name: value for names, value in groups for name in names}
        return {name: by_name[name] for name in self.names}

    def gather(self, values: dict[str, Tensor]) -> list[Tensor]:
        """The inverse of `spread`."""
        return [values[names[0]] for names in self._groups.values()]


def optimizer_state(
    layout: Layout, theta: list[Slot], rows: Sequence[dict[str, Slot]], betas: list[float]
) -> dict[str, Any]:
    """Copy the memory of the optimiser of θ and α, per tensor, in the form of `torch.optim`.

    Args:
        layout: Of θ.
        theta: Its flat vectors.
        rows: Of a learned α.
        betas: Meta step sizes of θ and, if it is learned, of α.
    """
    spread = [
        {key: layout.params([slot.memory[key] for slot in theta]) for key in _per_entry(theta)},
        {key: layout.spread([slot.memory[key] for slot in theta]) for key in _per_tensor(theta)},
    ]
    memories = [
        {key: tensors[name] for part in spread for key, tensors in part.items()}
        for name in layout.names
    ]
    memories += [slot.memory for row in rows for slot in row.values()]
    return {
        "state": {
            number: {key: tensor.clone() for key, tensor in memory.items()}
            for number, memory in enumerate(memories)
            if memory
        },
        "param_groups": [{"lr": beta} for beta in betas],
    }


def memories_of(state: dict[str, Any]) -> list[Memory]:
    """The memory of each tensor in a checkpoint, in their order; empty before the first step."""
    return [state["state"][number] for number in sorted(state["state"])]


def with_memory(layout: Layout, theta: list[Slot], memories: list[Memory]) -> list[Slot]:
    """Give new slots of θ the memory of its tensors, if there is any."""
    if not memories:
        return theta
    by_name = dict(zip(layout.names, memories, strict=False))
    memory = {key: layout.flat(_each(by_name, key)) for key in _per_entry(theta)}
    memory |= {key: layout.gather(_each(by_name, key)) for key in _per_tensor(theta)}
    return [
        Slot(slot.value, {k: memory[k][group].to(t, copy=True) for k, t in slot.memory.items()})
        for group, slot in enumerate(theta)
    ]


def _each(memories: dict[str, Memory], key: str) -> Memory:
    return {name: memory[key] for name, memory in memories.items()}


def _per_entry(theta: list[Slot]) -> list[str]:
    """What the optimiser remembers of each entry of a vector."""
    return [key for key, tensor in theta[0].memory.items() if tensor.ndim]


def _per_tensor(theta: list[Slot]) -> list[str]:
    """What the optimiser remembers of a vector as a whole."""
    return [key for key, tensor in theta[0].memory.items() if not tensor.ndim]
