"""Recorded operations as one call, without Python in between: TorchScript on a CPU, CUDA graphs."""

import logging
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Interpreter

from labkit.training.engine.fallback import TorchInterfaceError, warn_of_fallback
from labkit.training.engine.passes import wrap_flag_lists
from labkit.training.engine.torch_trace import ScriptProgram, copy_all

WARM_UPS = 3
"""Calls before a GPU's operations are captured, in which libraries allocate what they keep."""

_LOG = logging.getLogger(__name__)


@final
class CudaProgram:
    """A function of tensors on a GPU, run as a CUDA graph: one launch for all operations.

    Args:
        function: From tensors to a list of tensors, by operations that do not depend on numbers,
            all on one GPU.
        arguments: To capture it with. Later ones must have the same shapes, strides and dtypes.

    Raises:
        RuntimeError: An operation cannot be captured, such as one that waits for the CPU.
    """

    def __init__(self, function: Callable[..., list[Tensor]], arguments: list[Tensor]) -> None:
        self._arguments = [argument.clone() for argument in arguments]
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                function(*self._arguments)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = function(*self._arguments)

    def __call__(self, *arguments: Tensor) -> list[Tensor]:
        """Run the operations on these arguments; the caller owns the results."""
        copy_all(self._arguments, list(arguments))
        self._graph.replay()
        return [output.clone() for output in self._outputs]


def program_of(graph: Graph, arguments: list[Tensor]) -> Callable[..., list[Tensor]]:
    """Run operations without Python, if that gives the same numbers as with Python.

    Args:
        graph: From tensors to tensors.
        arguments: To compare the two with.
    """
    run: Callable[..., list[Tensor]] = GraphModule({}, graph).forward
    try:
        if all(argument.is_cuda for argument in arguments):
            program: ScriptProgram | CudaProgram = CudaProgram(run, arguments)
        else:
            # node by node: torch's tracer notes the line of each operation, and Python takes the
            # longer to find it the longer the function is, so a generated one takes quadratic time
            script = Interpreter(GraphModule({}, wrap_flag_lists(graph)))
            program = ScriptProgram(script.run, arguments)
        pairs = zip(program(*arguments), run(*arguments), strict=True)
        if all(torch.equal(one.nan_to_num(), two.nan_to_num()) for one, two in pairs):
            return program
        _LOG.info("torch's interpreter gives other numbers than the operations it has traced")
    except TorchInterfaceError as error:
        warn_of_fallback(error, "Python running the recorded operations")
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        _LOG.info("torch's interpreter cannot run a recording, Python does: %s", reason)
    return run
