"""Operations that torch's tracer cannot write down, as functions that it can."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node


def with_script_operations(graph: Graph) -> Graph:
    """The same with functions of TorchScript for operations that take truth values in a list.

    Of a convolution's backward, or batch norm's, such a list says which gradients are wanted; the
    others are no tensors, and a script does not return them.

    Args:
        graph: Operations of `traced`.

    Raises:
        RuntimeError: TorchScript has no words for what such an operation is given.

    Example:
        >>> from labkit.training.engine.engine.tracing import traced
        >>> fixed = None, [1], [0], [1], False, [0], 1, [False, True, False]
        >>> slope = lambda x: [torch.ops.aten.convolution_backward(x, x, x, *fixed)[1]]
        >>> graph, _ = traced(slope, [torch.ones(1, 1, 1)])
        >>> [node.name for node in with_script_operations(graph).nodes]
        ['argument_0', 'operation', 'getitem_1', 'output']
    """
    scripted = Graph()
    scripted.output(scripted.graph_copy(graph, {}))
    for node in scripted.nodes:
        if _takes_truth_values(node):
            _replace(node)
    return scripted


def _takes_truth_values(node: Node) -> bool:
    lists = [given for given in node.args if isinstance(given, list | tuple)]
    return not node.kwargs and any(isinstance(each, bool) for given in lists for each in given)


def _replace(node: Node) -> None:
    for part in tuple(node.users):
        if not part.users:
            node.graph.erase_node(part)
    tensors, parts = node.all_input_nodes, tuple(node.users)
    wanted = sorted({int(part.args[1]) for part in parts})  # type: ignore[arg-type]
    with node.graph.inserting_before(node):
        call = node.graph.call_function(_script(node, tensors, wanted), tuple(tensors))
    for part in parts:
        place = wanted.index(part.args[1])  # type: ignore[arg-type]
        part.args = (call, place)
    node.graph.erase_node(node)


def _script(node: Node, tensors: list[Node], wanted: list[int]) -> Callable[..., Any]:
    """A function of these tensors to the wanted parts of what the operation gives."""
    names = {tensor: f"tensor_{number}" for number, tensor in enumerate(tensors)}
    given = ", ".join(_written(value, names) for value in node.args)
    parts = "".join(f"found[{place}], " for place in wanted)
    source = (
        f"def operation({', '.join(names.values())}):\n"
        f"    found = torch.ops.{_name(node)}({given})\n"
        f"    return ({parts})\n"
    )
    script: Any = torch.jit.CompilationUnit(source).operation

    def operation(*given: Tensor) -> Any:
        return script(*given)  # a graph asks for a name, which the script has not

    return operation


def _name(node: Node) -> str:
    packet: Any = node.target
    return str(packet._schema.name).replace("::", ".")


def _written(value: Any, names: dict[Node, str]) -> str:
    if isinstance(value, Node):
        return names[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(each, names) for each in value)}]"
    return repr(value)
