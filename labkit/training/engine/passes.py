"""Passes over recorded operations, none of which changes a bit of the results."""

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node

from labkit.training.engine.torch_trace import qualified_name
from labkit.training.engine.tracing import like

_ENDS = ("placeholder", "output")
_ATEN = torch.ops.aten
_VIEWS = {
    _ATEN.alias.default,
    _ATEN.detach.default,
    _ATEN.expand.default,
    _ATEN.permute.default,
    _ATEN.squeeze.dim,
    _ATEN.squeeze.dims,
    _ATEN.t.default,
    _ATEN.transpose.int,
    _ATEN._unsafe_view.default,
    _ATEN.unsqueeze.default,
    _ATEN.view.default,
}
"""Operations that only view a tensor in another shape, from its first element on."""


def fold_multiply_by_one(graph: Graph) -> None:
    """Replace products of a tensor and one by the tensor, which is the same to the last bit."""
    for node in graph.nodes:
        factor = _other_factor(node)
        # an output stays a separate tensor
        if factor is not None and not _is_output(node):
            node.replace_all_uses_with(factor)


def _other_factor(node: Node) -> Node | None:
    """The other factor of a product with one, if it has the product's type and layout."""
    if node.target not in (_ATEN.mul.Scalar, _ATEN.mul.Tensor):
        return None
    one, other = node.args
    for tensor, factor in ((one, other), (other, one)):
        if isinstance(tensor, Node) and _is_one(factor):
            return tensor if like(tensor) == like(node) else None
    return None


def _is_one(factor: object) -> bool:
    while isinstance(factor, Node) and factor.target in _VIEWS:
        factor = factor.args[0]
    if isinstance(factor, Node):
        return factor.target is _ATEN.ones_like.default
    return isinstance(factor, int | float) and factor == 1


def eliminate_common_subexpressions(graph: Graph) -> None:
    """Do each operation once, and none whose output nothing reads."""
    first: dict[Hashable, Node] = {}
    for node in graph.nodes:
        if node.op != "call_function" or _is_random(node):
            continue
        same = first.setdefault((node.target, _exactly(node.args), _exactly(node.kwargs)), node)
        if same is not node and not _is_output(node):
            node.replace_all_uses_with(same)
    # random numbers that nothing reads still advance the generator
    graph.eliminate_dead_code(lambda node: node.op in _ENDS or _is_random(node))


def _is_random(node: Node) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def _exactly(value: Any) -> Hashable:
    """A key of an operation's arguments, in which 1, 1.0 and True differ."""
    if isinstance(value, list | tuple):
        return tuple(map(_exactly, value))
    if isinstance(value, dict):
        return tuple((name, _exactly(part)) for name, part in value.items())
    return value if isinstance(value, Node) else (type(value), repr(value))


def _is_output(node: Node) -> bool:
    return any(user.op == "output" for user in node.users)


def fold_view_chains(graph: Graph) -> Graph:
    """A copy in which each view looks at the tensor at the start of its chain of views.

    It relies on the strides that the tensors have here, which a compiler does not keep.
    """
    short = Graph()
    short.output(short.graph_copy(graph, {}))
    for node in short.nodes:
        if node.target in _VIEWS:
            _shorten(node)
        elif node.target is _ATEN.lift_fresh_copy.default:
            node.replace_all_uses_with(node.args[0])  # nothing writes to the copy
    # views of equal shape of the same tensor are now equal
    eliminate_common_subexpressions(short)
    return short


def _shorten(node: Node) -> None:
    """Make a view look at the tensor at the start of its chain."""
    base = node.args[0]
    while isinstance(base, Node) and base.target is _ATEN.as_strided.default:
        base = base.args[0]
    view_like, base_like = like(node), like(base)
    if view_like is None or base_like is None or not isinstance(base, Node):
        return
    if view_like == base_like:
        node.replace_all_uses_with(base)
        return
    with node.graph.inserting_before(node):
        view = node.graph.call_function(
            _ATEN.as_strided.default, (base, view_like.shape, view_like.strides)
        )
    view.meta = dict(node.meta)
    node.replace_all_uses_with(view)


def wrap_flag_lists(graph: Graph) -> Graph:
    """A copy with functions of TorchScript for operations that take truth values in a list.

    torch's tracer cannot express these. In the backward of a convolution or of batch norm, the list
    says which gradients are wanted; the others are no tensors, and a script cannot return them.

    Args:
        graph: Operations from `traced`.

    Raises:
        RuntimeError: TorchScript cannot express the arguments of such an operation.

    Example:
        >>> from labkit.training.engine.tracing import traced
        >>> fixed = None, [1], [0], [1], False, [0], 1, [False, True, False]
        >>> slope = lambda x: [torch.ops.aten.convolution_backward(x, x, x, *fixed)[1]]
        >>> graph, _ = traced(slope, [torch.ones(1, 1, 1)])
        >>> [node.name for node in wrap_flag_lists(graph).nodes]
        ['argument_0', 'operation', 'getitem_1', 'output']
    """
    scripted = Graph()
    scripted.output(scripted.graph_copy(graph, {}))
    for node in scripted.nodes:
        if _takes_truth_values(node):
            _wrap(node)
    return scripted


def _takes_truth_values(node: Node) -> bool:
    lists = [argument for argument in node.args if isinstance(argument, list | tuple)]
    return not node.kwargs and any(isinstance(each, bool) for flags in lists for each in flags)


def _wrap(node: Node) -> None:
    for part in tuple(node.users):
        if not part.users:
            node.graph.erase_node(part)
    tensors, parts = node.all_input_nodes, tuple(node.users)
    indices = sorted({int(part.args[1]) for part in parts})  # type: ignore[arg-type]
    with node.graph.inserting_before(node):
        call = node.graph.call_function(_script(node, tensors, indices), tuple(tensors))
    for part in parts:
        place = indices.index(part.args[1])  # type: ignore[arg-type]
        part.args = (call, place)
    node.graph.erase_node(node)


def _script(node: Node, tensors: list[Node], indices: list[int]) -> Callable[..., Any]:
    """A function from these tensors to the parts of the operation's output at these indices."""
    names = {tensor: f"tensor_{number}" for number, tensor in enumerate(tensors)}
    arguments = ", ".join(_source(value, names) for value in node.args)
    parts = "".join(f"parts[{place}], " for place in indices)
    source = (
        f"def operation({', '.join(names.values())}):\n"
        f"    parts = torch.ops.{qualified_name(node.target)}({arguments})\n"
        f"    return ({parts})\n"
    )
    script: Any = torch.jit.CompilationUnit(source).operation

    def operation(*arguments: Tensor) -> Any:
        return script(*arguments)  # a graph needs a name, which the script has not

    return operation


def _source(value: Any, names: dict[Node, str]) -> str:
    if isinstance(value, Node):
        return names[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(_source(each, names) for each in value)}]"
    return repr(value)
