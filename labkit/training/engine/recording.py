"""A function of tensors, recorded as the operations that it does, so that they can be done again.

`torch.func` decides for every operation anew how it works for tasks side by side and what its
derivative is. Recorded once, the operations themselves are left: the same numbers to the last bit,
without these decisions, and as a program without Python in between.
"""

import logging
from collections.abc import Callable, Hashable
from typing import Any, final

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.utils._pytree import tree_flatten, tree_unflatten

from labkit.core import pytrees
from labkit.training.engine.cuda_program import CudaProgram
from labkit.training.engine.program import Program
from labkit.training.engine.script_operations import with_script_operations
from labkit.training.engine.tracing import like, traced

_LOG = logging.getLogger(__name__)

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
"""Operations that only look at a tensor in another shape, from its first element on."""


@final
class Recording:
    """The operations that a function has done, to be done again on other numbers.

    Args:
        function: From pytrees of tensors to a pytree of tensors and None. It must do the same
            operations whatever the numbers are; what else it reads is taken as it is now.
        arguments: To record it with. Later ones must have the same structure, shapes, strides,
            types and devices.

    Raises:
        Exception: Of torch, in many kinds, if what the function does depends on numbers.

    Example:
        >>> from torch.func import grad, vmap
        >>> slope = vmap(grad(lambda x: (x**3).sum()))
        >>> recorded = Recording(slope, (torch.ones(2, 3),))
        >>> recorded(torch.full((2, 3), 2.0))
        tensor([[12., 12., 12.],
                [12., 12., 12.]])
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        leaves, given = tree_flatten(arguments)
        outputs: list[Any] = []

        def flat(*leaves: Tensor) -> list[Tensor]:
            values, spec = tree_flatten(function(*tree_unflatten(list(leaves), given)))
            there = [value for value in values if value is not None]
            positions = iter(range(len(there)))
            ends = [None if value is None else next(positions) for value in values]
            outputs.append(tree_unflatten(ends, spec))
            return there

        graph, self.constants = traced(flat, leaves)
        """Tensors that the function reads beside its arguments."""
        self._template = outputs[-1]
        _leave_out_ones(graph)
        _leave_out_repetition(graph)
        self.graph = GraphModule({}, graph)
        """From the leaves of the arguments, and the constants, to the leaves of the outputs."""
        self._program = _program(_with_short_views(graph), [*leaves, *self.constants])

    def __call__(self, *arguments: Any) -> Any:
        """Do the operations on these arguments."""
        return self.whole(self.run(pytrees.leaves(arguments)))

    def run(self, leaves: list[Tensor]) -> list[Tensor]:
        """The same from the leaves of the arguments to those of the output."""
        return self._program(*leaves, *self.constants)

    def whole(self, found: list[Tensor]) -> Any:
        """The function's output from its leaves."""
        return pytrees.filled(self._template, found)


def _program(graph: Graph, arguments: list[Tensor]) -> Callable[..., list[Tensor]]:
    """Operations without Python, if that gives the same as they do by Python."""
    run: Callable[..., list[Tensor]] = GraphModule({}, graph).forward
    try:
        if all(argument.is_cuda for argument in arguments):
            program: Program | CudaProgram = CudaProgram(run, arguments)
        else:
            script = GraphModule({}, with_script_operations(graph))
            program = Program(script.forward, arguments)
        pairs = zip(program(*arguments), run(*arguments), strict=True)
        if all(torch.equal(one.nan_to_num(), two.nan_to_num()) for one, two in pairs):
            return program
        _LOG.info("torch's interpreter gives other numbers than the operations it was shown")
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        _LOG.info("torch's interpreter cannot do a recording, Python does it: %s", reason)
    return run


def _leave_out_ones(graph: Graph) -> None:
    """Products of a tensor and one are that tensor to the last bit."""
    for node in graph.nodes:
        kept = _times_one(node)
        # what comes out stays a tensor of its own
        if kept is not None and not _comes_out(node):
            node.replace_all_uses_with(kept)


def _times_one(node: Node) -> Node | None:
    """The other factor of a product with one, if it has the product's type and layout."""
    if node.target not in (_ATEN.mul.Scalar, _ATEN.mul.Tensor):
        return None
    one, other = node.args
    for kept, factor in ((one, other), (other, one)):
        if isinstance(kept, Node) and _is_one(factor):
            return kept if like(kept) == like(node) else None
    return None


def _is_one(factor: object) -> bool:
    while isinstance(factor, Node) and factor.target in _VIEWS:
        factor = factor.args[0]
    if isinstance(factor, Node):
        return factor.target is _ATEN.ones_like.default
    return isinstance(factor, int | float) and factor == 1


def _leave_out_repetition(graph: Graph) -> None:
    """Do each operation once, and none whose output nobody needs."""
    first: dict[Hashable, Node] = {}
    for node in graph.nodes:
        if node.op != "call_function" or _is_random(node):
            continue
        same = first.setdefault((node.target, _exactly(node.args), _exactly(node.kwargs)), node)
        if same is not node and not _comes_out(node):
            node.replace_all_uses_with(same)
    # what is drawn and not needed still moves the generator
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


def _comes_out(node: Node) -> bool:
    return any(user.op == "output" for user in node.users)


def _with_short_views(graph: Graph) -> Graph:
    """The same with views at once of what they are views of.

    They rely on the strides that the tensors have here, which a compiler does not keep.
    """
    short = Graph()
    short.output(short.graph_copy(graph, {}))
    for node in short.nodes:
        if node.target in _VIEWS:
            _shorten(node)
        elif node.target is _ATEN.lift_fresh_copy.default:
            node.replace_all_uses_with(node.args[0])  # nothing writes to a copy
    # views of equal shape of the same tensor are now equal
    _leave_out_repetition(short)
    return short


def _shorten(node: Node) -> None:
    """Look at the tensor at the beginning of a chain of views."""
    base = node.args[0]
    while isinstance(base, Node) and base.target is _ATEN.as_strided.default:
        base = base.args[0]
    seen, whole = like(node), like(base)
    if seen is None or whole is None or not isinstance(base, Node):
        return
    if seen == whole:
        node.replace_all_uses_with(base)
        return
    with node.graph.inserting_before(node):
        view = node.graph.call_function(_ATEN.as_strided.default, (base, seen.shape, seen.strides))
    view.meta = dict(node.meta)
    node.replace_all_uses_with(view)
