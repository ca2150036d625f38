"""Operations as a program that torch's own interpreter runs: no Python, and none of its lock."""

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor


@final
class Program:
    """What a function of tensors does, to be done again by torch alone.

    Python takes longer to ask for a small operation than the operation takes, and whoever answers
    a person meanwhile waits for Python's lock. Here one call asks for all of them, in the same
    order, and holds no lock. Nothing is made one or left out, so that the numbers stay the same to
    the last bit.

    Args:
        function: From tensors to a list of tensors, by operations that do not depend on numbers.
        arguments: To do it with once. Later ones must be alike.

    Raises:
        RuntimeError: torch cannot write one of the operations down.

    Example:
        >>> program = Program(lambda x, y: [x @ y, x + 1], [torch.ones(2, 2), torch.eye(2)])
        >>> program(torch.full((2, 2), 3.0), torch.eye(2))[1]
        tensor([[4., 4.],
                [4., 4.]])
    """

    def __init__(self, function: Callable[..., list[Tensor]], arguments: list[Tensor]) -> None:
        names = [f"argument_{number}" for number in range(len(arguments))]
        self._run: Any = torch._C._create_function_from_trace(
            "recorded", function, tuple(arguments), lambda _: "", False, False, names
        )
        # functions of TorchScript that it calls would end with `function`, and it would not know
        torch._C._jit_pass_inline(self._run.graph)  # type: ignore[attr-defined]

    def __call__(self, *arguments: Tensor) -> list[Tensor]:
        """Do the operations on these arguments."""
        # of this thread; with it on, the interpreter looks for what can be computed otherwise
        before = torch._C._get_graph_executor_optimize()
        torch._C._set_graph_executor_optimize(False)
        try:
            found = self._run(*arguments)
        finally:
            torch._C._set_graph_executor_optimize(before)
        return list(found)
