"""A function of tensors, recorded as the operations that it does, to replay them.

`torch.func` decides at every call of an operation how it works for tasks side by side and what its
derivative is. A recording holds the operations alone: the same numbers to the last bit, without
these decisions, and as a program without Python in between.
"""

from collections.abc import Callable
from typing import Any, final

from torch import Tensor
from torch.fx import GraphModule

from labkit.core import tree_fill, tree_leaves, tree_positions
from labkit.training.engine.passes import (
    eliminate_common_subexpressions,
    fold_multiply_by_one,
    fold_view_chains,
)
from labkit.training.engine.programs import program_of
from labkit.training.engine.tracing import traced


@final
class Recording:
    """The operations of a function, to replay them on other numbers.

    Args:
        function: From pytrees of tensors to a pytree of tensors and None. It must do the same
            operations whatever the numbers are; other tensors that it reads count as constants.
        arguments: To record it with. Later ones must have the same structure, shapes, strides,
            types and devices.

    Raises:
        Exception: Of torch, in many kinds, if the operations depend on numbers.

    Example:
        >>> import torch
        >>> from torch.func import grad, vmap
        >>> slope = vmap(grad(lambda x: (x**3).sum()))
        >>> recorded = Recording(slope, (torch.ones(2, 3),))
        >>> recorded(torch.full((2, 3), 2.0))
        tensor([[12., 12., 12.],
                [12., 12., 12.]])
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        template, leaves = tree_positions(arguments), tree_leaves(arguments)
        outputs: list[Any] = []

        def flat(*leaves: Tensor) -> list[Tensor]:
            output = function(*tree_fill(template, leaves))
            outputs.append(tree_positions(output))
            return [leaf for leaf in tree_leaves(output) if leaf is not None]

        graph, self.constants = traced(flat, leaves)
        """Tensors that the function reads besides its arguments."""
        self._output = outputs[-1]
        fold_multiply_by_one(graph)
        eliminate_common_subexpressions(graph)
        self.graph = GraphModule({}, graph)
        """From the leaves of the arguments, and the constants, to the leaves of the outputs."""
        self._program = program_of(fold_view_chains(graph), [*leaves, *self.constants])

    def __call__(self, *arguments: Any) -> Any:
        """Replay the operations on these arguments."""
        return self.assemble(self.run(tree_leaves(arguments)))

    def run(self, leaves: list[Tensor]) -> list[Tensor]:
        """The same from the leaves of the arguments to those of the output."""
        return self._program(*leaves, *self.constants)

    def assemble(self, leaves: list[Tensor]) -> Any:
        """The function's output from its leaves."""
        return tree_fill(self._output, leaves)
