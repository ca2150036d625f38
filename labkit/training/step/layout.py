"""Where θ lies in the tensors that an optimiser updates, and what the optimiser remembers of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from labkit.core import Params

Memory = dict[str, Tensor]
"""Name → tensor that an optimiser remembers, of one parameter or of a flat vector of many."""

COUNTER = "step"
"""What an optimiser remembers of a tensor as a whole; the rest it remembers of each entry."""


class Slot(NamedTuple):
    """A tensor that an optimiser updates, and what it remembers of earlier gradients.

    Attributes:
        value: Real.
        memory: By the names that `torch.optim` gives them; empty for plain SGD.
    """

    value: Tensor
    memory: Memory


class Layout(ABC):
    """Where each tensor of θ lies in the real tensors that an optimiser updates.

    Args:
        params: θ, or tensors of the same shapes, dtypes and devices.
    """

    def __init__(self, params: Params) -> None:
        self.names = tuple(params)
        """Names of θ's tensors, in their order."""

    @abstractmethod
    def flat(self, params: Params) -> list[Tensor]:
        """The tensors that an optimiser updates."""

    @abstractmethod
    def params(self, vectors: Sequence[Tensor]) -> Params:
        """The tensors of θ, as views of them."""

    @abstractmethod
    def spread(self, theta: Sequence[Slot]) -> list[Memory]:
        """What the optimiser remembers, for each tensor of θ; views."""

    @abstractmethod
    def gather(self, memories: Sequence[Memory]) -> list[Memory]:
        """The inverse of `spread`: one memory for each of the optimiser's tensors."""


@final
class FlatLayout(Layout):
    """θ in flat vectors, one for each dtype and device.

    One operation then updates all of θ. Complex numbers lie there as pairs of real ones.

    Example:
        >>> params = {"w": torch.ones(2, 2), "b": torch.zeros(2)}
        >>> layout = FlatLayout(params)
        >>> layout.flat(params)
        [tensor([1., 1., 1., 1., 0., 0.])]
        >>> layout.params([torch.arange(6.0)])["b"]
        tensor([4., 5.])
    """

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._shapes = {name: p.shape for name, p in params.items()}
        self._groups: dict[tuple[torch.dtype, torch.device], list[str]] = {}
        for name, p in params.items():
            self._groups.setdefault((p.dtype, p.device), []).append(name)

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

    def spread(self, theta: Sequence[Slot]) -> list[Memory]:
        """What the optimiser remembers, for each tensor of θ, in its shape; views."""
        groups = list(zip(self._groups.values(), theta, strict=True))
        memories: dict[str, Memory] = {name: {} for name in self.names}
        for key in theta[0].memory:
            if key == COUNTER:
                each = {name: slot.memory[key] for names, slot in groups for name in names}
            else:
                each = self.params([slot.memory[key] for slot in theta])
            for name, tensor in each.items():
                memories[name][key] = tensor
        return list(memories.values())

    def gather(self, memories: Sequence[Memory]) -> list[Memory]:
        """The inverse of `spread`."""
        by_name = dict(zip(self.names, memories, strict=True))
        gathered: list[Memory] = [{} for _ in self._groups]
        for key in memories[0]:
            each = {name: memory[key] for name, memory in by_name.items()}
            firsts = [each[names[0]] for names in self._groups.values()]
            vectors = firsts if key == COUNTER else self.flat(each)
            for memory, vector in zip(gathered, vectors, strict=True):
                memory[key] = vector
        return gathered


@final
class SeparateLayout(Layout):
    """Each tensor of θ by itself in its own shape, for optimisers that look at shapes.

    Complex numbers are pairs of real ones, along a last axis.

    Example:
        >>> params = {"w": torch.ones(2, 2), "z": torch.zeros(3, dtype=torch.complex64)}
        >>> [tuple(tensor.shape) for tensor in SeparateLayout(params).flat(params)]
        [(2, 2), (3, 2)]
    """

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._complex = {name for name, p in params.items() if p.is_complex()}

    def flat(self, params: Params) -> list[Tensor]:
        """The tensors, each real."""
        return [
            torch.view_as_real(params[name]) if name in self._complex else params[name]
            for name in self.names
        ]

    def params(self, vectors: Sequence[Tensor]) -> Params:
        """The tensors of θ."""
        return {
            name: torch.view_as_complex(each) if name in self._complex else each
            for name, each in zip(self.names, vectors, strict=True)
        }

    def spread(self, theta: Sequence[Slot]) -> list[Memory]:
        """What the optimiser remembers, as it does."""
        return [slot.memory for slot in theta]

    def gather(self, memories: Sequence[Memory]) -> list[Memory]:
        """The same memories."""
        return list(memories)


def optimizer_state(
    layout: Layout, theta: list[Slot], rows: Sequence[dict[str, Slot]], betas: list[float]
) -> dict[str, Any]:
    """Copy the memory of the optimiser of θ and α, per tensor, in the form of `torch.optim`.

    Args:
        layout: Of θ.
        theta: Its tensors as the optimiser has them.
        rows: Of a learned α.
        betas: Meta step sizes of θ and, if it is learned, of α.
    """
    memories = layout.spread(theta)
    memories += [slot.memory for row in rows for slot in row.values()]
    return {
        "state": {
            number: {key: tensor.clone() for key, tensor in memory.items()}
            for number, memory in enumerate(memories)
            if memory
        },
        "param_groups": [{"lr": beta} for beta in betas],
    }


def memories_of(state: dict[str, Any], count: int) -> tuple[list[Memory], list[Memory]]:
    """The memory of each tensor in a checkpoint: of θ, and then of α; empty before the first step.

    Args:
        state: From `optimizer_state`.
        count: Tensors of θ.
    """
    saved: dict[int, Memory] = state["state"]
    numbers = range(max([count - 1, *saved]) + 1)
    memories = [saved.get(number, {}) for number in numbers]
    return memories[:count], memories[count:]
