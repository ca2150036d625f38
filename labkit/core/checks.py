"""What the core asks of its arguments: each check raises one error that says what to do."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from math import isfinite
from numbers import Integral, Real
from typing import Any, TypeGuard, get_args

from torch import Tensor

from labkit.core.pytrees import tree_leaves
from labkit.core.types import Batch, LossFn, Order, Params, Patterns, Reduction, TaskList


def check_count(name: str, value: object, least: int) -> None:
    """Raise ValueError unless `value` is a whole number ≥ `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number ≥ {least}, got {value!r}")


def is_number(value: object) -> TypeGuard[float]:
    """Whether this is a real number, of Python or numpy, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_positive(name: str, value: object) -> None:
    """Raise ValueError unless `value` is a finite number above 0."""
    if not is_number(value) or not isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")


def check_inner_loop(inner_steps: int, order: int) -> None:
    """Raise ValueError unless `inner_steps` is a whole number ≥ 0 and `order` is 1 or 2."""
    check_count("inner_steps", inner_steps, 0)
    if isinstance(order, bool) or order not in get_args(Order):
        raise ValueError(
            f"order must be 1 (inner gradients as constants) or 2 (exact), got {order!r}"
        )


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless `reduction` is "mean" or "sum"."""
    if reduction not in get_args(Reduction):
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")


def check_params(params: Params) -> None:
    """Raise ValueError unless every parameter can have a gradient."""
    if not isinstance(params, Mapping) or not all(isinstance(p, Tensor) for p in params.values()):
        raise ValueError(
            f"params must be a dict of tensors, got {type(params).__name__}: for a module take "
            "dict(module.named_parameters()) and torch.func.functional_call in loss_fn"
        )
    if not params:
        raise ValueError("params is empty: there is nothing to adapt")
    for name, p in params.items():
        if not (p.is_floating_point() or p.is_complex()):
            raise ValueError(
                f"params[{name!r}] is {p.dtype}, which has no gradient: give floating-point or "
                "complex tensors, and keep others in the loss function"
            )


def count_tasks(support: Batch, query: Batch) -> int:
    """Number of tasks: the first axis of every tensor in support and query.

    Raises:
        ValueError: There is no tensor, one has no axis, or the first axes differ.
    """
    ends = [leaf for part in (support, query) for leaf in tree_leaves(part)]
    tensors = [leaf for leaf in ends if isinstance(leaf, Tensor)]
    sizes = {t.shape[0] if t.ndim and not t.is_nested else None for t in tensors}
    if len(tensors) < len(ends) or len(sizes) != 1 or not (tasks := sizes.pop()):
        got = [_shape(x) for x in ends]
        raise ValueError(
            "support and query must be pytrees of tensors whose first axis is the task, the same "
            f"number ≥ 1 in each; got shapes {got}"
        )
    return tasks


def count_listed(support: Batch, query: Batch) -> int | None:
    """Number of tasks where support or query is a `TaskList`; None where neither is.

    Raises:
        ValueError: The other one is none, or of another length.
    """
    listed = [part for part in (support, query) if isinstance(part, TaskList)]
    if not listed:
        return None
    sizes = [len(part) for part in listed]
    if len(listed) < 2 or len(set(sizes)) > 1:
        raise ValueError(
            "support and query must both be a TaskList, with the data of the same tasks, got "
            f"{type(support).__name__} and {type(query).__name__} of {sizes} tasks"
        )
    return sizes[0]


def _shape(leaf: object) -> tuple[int, ...] | str:
    if not isinstance(leaf, Tensor):
        return type(leaf).__name__
    return "nested tensor: pad it, and give a mask" if leaf.is_nested else tuple(leaf.shape)


def checked(loss_fn: LossFn) -> LossFn:
    """`loss_fn` with a check that what it returns is 0-d."""

    def scalar_loss(params: Params, batch: Batch) -> Tensor:
        loss = loss_fn(params, batch)
        check_scalar(loss)
        return loss

    return scalar_loss


def check_scalar(loss: object) -> None:
    """Raise ValueError unless `loss` is a real 0-d tensor."""
    if not isinstance(loss, Tensor) or loss.ndim or loss.is_complex():
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        if isinstance(loss, Tensor) and loss.is_complex():
            got += " complex"
        raise ValueError(
            f"loss_fn must return a real 0-d tensor, got {got}: reduce it, for example by .mean()"
        )


def check_depends(loss: Tensor, params: Params) -> None:
    """Raise ValueError unless a loss, under differentiation, depends on one of these parameters."""
    if not loss.requires_grad:
        raise ValueError(
            f"the loss has no gradient in any of the parameters {sorted(params)}: look for "
            ".detach(), torch.no_grad(), numpy or argmax between them and the loss, or for a "
            "function that does not use them"
        )


def check_patterns(name: str, patterns: Any) -> None:
    """Raise ValueError unless this is a pattern for names, or a list of some."""
    listed = isinstance(patterns, list | tuple) and len(patterns) > 0
    if not isinstance(patterns, str) and not (
        listed and all(isinstance(pattern, str) for pattern in patterns)
    ):
        raise ValueError(
            f"{name} must be a pattern for parameter names as text, or a list of patterns, got "
            f"{patterns!r}"
        )


def check_freeze(freeze: object) -> None:
    """Raise ValueError unless this is None, a pattern for names, or a list of some."""
    if freeze is not None:
        check_patterns("freeze", freeze)


def matching(params: Params, patterns: Patterns, argument: str) -> frozenset[str]:
    """Names of the parameters that one of some patterns with `*` and `?` matches.

    Raises:
        ValueError: A pattern matches none; the message lists those there are.
    """
    names: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matches = {name for name in params if fnmatchcase(name, pattern)}
        if not matches:
            raise ValueError(
                f"{argument}={pattern!r} matches no parameter: those that are learned are "
                f"{sorted(params)}"
            )
        names |= matches
    return frozenset(names)


def not_frozen(params: Params, freeze: Patterns | None) -> frozenset[str] | None:
    """Names of the parameters that an inner loop moves; None: all of them.

    Raises:
        ValueError: A pattern matches nothing, or nothing is left.
    """
    if freeze is None:
        return None
    names = params.keys() - matching(params, freeze, "freeze")
    if not names:
        raise ValueError(
            f"freeze={freeze!r} matches every parameter, so nothing would adapt: {sorted(params)}"
        )
    return frozenset(names)
