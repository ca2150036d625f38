"""How much memory a computation needs at a time, counted by its tensors."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor

from labkit.core import tree_leaves


def peak_memory(compute: Callable[[], object]) -> int:
    """The most bytes of tensors that a computation holds at a time, of those that it makes.

    The same on every machine: it counts tensors, not what an allocator keeps.

    Args:
        compute: Is called once.

    Raises:
        ImportError: This version of torch lacks the interface that shows a computation's tensors.

    Example:
        1,000 numbers of 4 bytes, and as many again; the first are gone before the last.

        >>> import torch
        >>> peak_memory(lambda: (torch.ones(1000) + 1) * 2)
        8000
    """
    from labkit.training.engine.torch_trace import TorchDispatchMode  # noqa: PLC0415

    class Count(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.held, self.most = 0, 0
            self.counted: set[int] = set()

        def __torch_dispatch__(
            self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            output = operation(*args, **(kwargs or {}))
            inputs = {
                _memory(leaf)._cdata for leaf in tree_leaves((args, kwargs)) if _is_made(leaf)
            }
            for leaf in tree_leaves(output):
                if _is_made(leaf) and (memory := _memory(leaf))._cdata not in inputs | self.counted:
                    self.counted.add(memory._cdata)
                    self.held += memory.nbytes()
                    self.most = max(self.most, self.held)
                    weakref.finalize(memory, self.free, memory._cdata, memory.nbytes())
            return output

        def free(self, key: int, size: int) -> None:
            self.counted.discard(key)
            self.held -= size

    with Count() as count:
        compute()
    most: int = count.most
    return most


def _is_made(leaf: object) -> bool:
    return isinstance(leaf, Tensor)


def _memory(tensor: Tensor) -> Any:
    return tensor.untyped_storage()
