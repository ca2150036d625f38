"""Operations on a GPU as a CUDA graph, which one call starts as a whole."""

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

WARM_UPS = 3
"""Calls before the operations are captured, in which libraries make what they keep."""


@final
class CudaProgram:
    """What a function of tensors does on a GPU, to be done again as one launch.

    Args:
        function: From tensors to a list of tensors, by operations that do not depend on numbers,
            all on one GPU.
        arguments: To do it with. Later ones must be alike.

    Raises:
        RuntimeError: An operation cannot be captured, such as one that waits for the CPU.
    """

    def __init__(self, function: Callable[..., list[Tensor]], arguments: list[Tensor]) -> None:
        self._arguments = [argument.clone() for argument in arguments]
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UPS):
                function(*self._arguments)
        torch.cuda.current_stream().wait_stream(beside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._found = function(*self._arguments)

    def __call__(self, *arguments: Tensor) -> list[Tensor]:
        """Do the operations on these arguments; what comes out is the caller's own."""
        torch._foreach_copy_(self._arguments, list(arguments))
        self._graph.replay()
        return [found.clone() for found in self._found]
