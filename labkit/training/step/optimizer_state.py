"""The memory of an optimiser as checkpoints hold it: per tensor, as `torch.optim` writes it."""

from typing import Any

from torch import Tensor

from labkit.training.step.flat import Layout
from labkit.training.step.learned_alpha import Row
from labkit.training.step.meta_optimizers import Slot

Memory = dict[str, Tensor]
"""Name → tensor: of one parameter, or of a flat vector of many."""


def optimizer_state(
    layout: Layout, theta: list[Slot], rows: list[Row], betas: list[float]
) -> dict[str, Any]:
    """A copy of what the optimiser of θ and α remembers.

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
    """What a checkpoint holds for each tensor that has been moved, in their order."""
    return [state["state"][number] for number in sorted(state["state"])]


def with_memory(layout: Layout, theta: list[Slot], memories: list[Memory]) -> list[Slot]:
    """New slots of θ, with what was remembered of its tensors if there is anything."""
    if not memories:
        return theta
    known = dict(zip(layout.names, memories, strict=False))
    memory = {key: layout.flat(_each(known, key)) for key in _per_entry(theta)}
    memory |= {key: layout.gathered(_each(known, key)) for key in _per_tensor(theta)}
    return [
        Slot(slot.value, {key: memory[key][group].clone() for key in slot.memory})
        for group, slot in enumerate(theta)
    ]


def _each(memories: dict[str, Memory], key: str) -> Memory:
    return {name: memory[key] for name, memory in memories.items()}


def _per_entry(theta: list[Slot]) -> list[str]:
    """What is remembered of each entry of a vector."""
    return [key for key, tensor in theta[0].memory.items() if tensor.ndim]


def _per_tensor(theta: list[Slot]) -> list[str]:
    """What is remembered of a vector as a whole."""
    return [key for key, tensor in theta[0].memory.items() if not tensor.ndim]
