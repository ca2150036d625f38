"""The one door to torch's private tracer, dispatcher and script interpreter.

Checked by `tests/training/test_torch_contracts.py`; the cap on torch in `pyproject.toml` says which
version was tried last.
"""

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor

# what follows may be missing in another version; whoever imports this module expects that
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from labkit.training.engine.fallback import private_interface

__all__ = [
    "ScriptProgram",
    "TorchDispatchMode",
    "WeakIdKeyDictionary",
    "copy_all",
    "is_mutable",
    "qualified_name",
]


@final
class ScriptProgram:
    """A function of tensors, run by torch's own interpreter.

    Python takes longer to ask for a small operation than the operation takes, and a thread that
    answers a person meanwhile waits for Python's lock. Here one call asks for all operations, in
    the same order, and holds no lock. None is fused or dropped, so the numbers stay the same to
    the last bit.

    Args:
        function: From tensors to a list of tensors, by operations that do not depend on numbers.
        arguments: To trace it with. Later ones must have the same shapes, strides and dtypes.

    Raises:
        TorchInterfaceError: torch's tracer is not the one that we know.
        RuntimeError: The tracer cannot express one of the operations.

    Example:
        >>> program = ScriptProgram(lambda x, y: [x @ y, x + 1], [torch.ones(2, 2), torch.eye(2)])
        >>> program(torch.full((2, 2), 3.0), torch.eye(2))[1]
        tensor([[4., 4.],
                [4., 4.]])
    """

    def __init__(self, function: Callable[..., list[Tensor]], arguments: Sequence[Tensor]) -> None:
        names = [f"argument_{number}" for number in range(len(arguments))]
        with private_interface("torch._C._create_function_from_trace"):
            self._script: Any = torch._C._create_function_from_trace(
                "recorded", function, tuple(arguments), lambda _: "", False, False, names
            )
            # functions of TorchScript that it calls end with `function`, unknown to it
            torch._C._jit_pass_inline(self.graph)
        with private_interface("torch._C._set_graph_executor_optimize"):
            self._get_optimise = torch._C._get_graph_executor_optimize
            self._set_optimise = torch._C._set_graph_executor_optimize

    @property
    def graph(self) -> Any:
        """The operations, as TorchScript has them."""
        return self._script.graph

    def __call__(self, *arguments: Tensor) -> list[Tensor]:
        """Run the operations on these arguments."""
        # of this thread; with it on, the interpreter looks for what it can compute otherwise
        before = self._get_optimise()
        self._set_optimise(False)
        try:
            return list(self._script(*arguments))
        finally:
            self._set_optimise(before)


def is_mutable(operation: Any) -> bool:
    """Whether an operation writes to one of its arguments."""
    with private_interface("torch._ops.OpOverload._schema"):
        return bool(operation._schema.is_mutable)


def qualified_name(operation: Any) -> str:
    """The name of an operation below `torch.ops`, such as "aten.add"."""
    with private_interface("torch._ops.OpOverload._schema"):
        return str(operation._schema.name).replace("::", ".")


def copy_all(targets: list[Tensor], sources: list[Tensor]) -> None:
    """Copy tensors into others, in one launch on a GPU where torch can."""
    if (copy := getattr(torch, "_foreach_copy_", None)) is not None:
        copy(targets, sources)
        return
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
