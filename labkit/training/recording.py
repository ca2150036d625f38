"""A function of tensors, recorded as the operations that it does, so that they can be done again.

`torch.func` decides for every operation anew how it works for tasks side by side and what its
derivative is. Recorded once, the operations themselves are left: the same numbers to the last bit,
without these decisions.
"""

import threading
from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor
from torch._functorch.compile_utils import fx_graph_cse
from torch.func import functionalize
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

_LOCK = threading.Lock()
"""Recording changes methods of `torch.nn.Module` for its time."""

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
        outputs: list[tuple[TreeSpec, list[bool]]] = []

        def flat(*leaves: Tensor) -> list[Tensor]:
            values, spec = tree_flatten(function(*tree_unflatten(list(leaves), given)))
            outputs.append((spec, [value is not None for value in values]))
            return [value for value in values if value is not None]

        with _LOCK:
            graph = make_fx(functionalize(flat))(*leaves)
        self._outputs, self._there = outputs[-1]
        self.graph = _cleaned(graph)
        """From the leaves of the arguments to those of the outputs."""

    def __call__(self, *arguments: Any) -> Any:
        """Do the operations on these arguments."""
        return self.whole(self.graph.forward(*tree_flatten(arguments)[0]))

    def whole(self, leaves: list[Tensor]) -> Any:
        """The function's output from what the graph gives."""
        rest = iter(leaves)
        values = [next(rest) if there else None for there in self._there]
        return tree_unflatten(values, self._outputs)


def _cleaned(module: GraphModule) -> GraphModule:
    """The same operations, each done once, and views at once from what they are views of."""
    graph = fx_graph_cse(module.graph)
    for node in list(graph.nodes):
        if node.target in _VIEWS:
            _shorten(node)
    graph.eliminate_dead_code()
    # views of equal shape of the same tensor are now equal
    cleaned = GraphModule(module, fx_graph_cse(graph))
    cleaned.graph.eliminate_dead_code()
    for node in cleaned.graph.nodes:
        node.meta.clear()  # it holds tensors
    cleaned.recompile()
    return cleaned


def _shorten(node: Node) -> None:
    """Look at the tensor at the beginning of a chain of views."""
    base = node.args[0]
    while isinstance(base, Node) and base.target is _ATEN.as_strided.default:
        base = base.args[0]
    seen, whole = _layout(node), _layout(base)
    if seen is None or whole is None or not isinstance(base, Node):
        return
    if seen == whole:
        node.replace_all_uses_with(base)
        return
    with node.graph.inserting_before(node):
        view = node.graph.call_function(_ATEN.as_strided.default, (base, *seen))
    view.meta = dict(node.meta)
    node.replace_all_uses_with(view)


def _layout(node: object) -> tuple[list[int], list[int]] | None:
    """Shape and strides."""
    meta = node.meta.get("tensor_meta") if isinstance(node, Node) else None
    return None if meta is None else (list(meta.shape), list(meta.stride))
