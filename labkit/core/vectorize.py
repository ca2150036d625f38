"""Tasks side by side by `torch.func.vmap`, or, where torch cannot run a loss so, one after another.

Both give the same numbers. A loop runs what `vmap` does not: recurrent layers, boolean masks,
branches on values, `.item()`. Side by side, an operation is launched once for all tasks.
"""

import inspect
import re
import warnings
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Generic, Literal, NamedTuple, Self, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.func import vmap

from labkit.core.pytrees import tree_fill, tree_leaves, tree_map, tree_positions

T = TypeVar("T")

Vectorize: TypeAlias = Literal["auto"] | bool
"""True: tasks side by side; False: one after another; "auto": side by side where torch can."""

LOSS_FUNCTION = "the loss function"
"""What a `TasksError` names while nobody knows better."""

_NOT_BESIDE = "which torch.func.vmap cannot run for tasks side by side"

_SAID: set[str] = set()
"""Loops that a warning has named."""


class LoopWarning(UserWarning):
    """Tasks are computed one after another, to the same numbers, which is slower."""


class TasksError(ValueError):
    """Torch cannot run or differentiate a loss function for tasks.

    Attributes:
        reason: What the loss function does, as the end of a sentence.
        remedy: What to do about it, a sentence.
        side_by_side: Whether one task after another may work.
        who: What does it.
    """

    def __init__(
        self, reason: str, remedy: str, *, side_by_side: bool, who: str = LOSS_FUNCTION
    ) -> None:
        limit = ", " + _NOT_BESIDE if side_by_side else ""
        super().__init__(f"{who} {reason}{limit}. {remedy}")
        self.reason, self.remedy, self.who = reason, remedy, who
        self.side_by_side = side_by_side

    def of(self, who: str) -> Self:
        """The same error with the name of what causes it, if it had none."""
        if self.who != LOSS_FUNCTION:
            return self
        return type(self)(self.reason, self.remedy, side_by_side=self.side_by_side, who=who)


class Outcome(NamedTuple, Generic[T]):
    """What `attempt` returns.

    Attributes:
        result: Of the computation.
        vectorized: Whether its tasks went side by side.
        refusal: Why they did not, where that was tried.
    """

    result: T
    vectorized: bool
    refusal: TasksError | None


def check_vectorize(vectorize: object) -> None:
    """Raise ValueError unless this is a `Vectorize`."""
    if not (isinstance(vectorize, bool) or vectorize == "auto"):
        raise ValueError(f"vectorize must be 'auto', True or False, got {vectorize!r}")


def map_tasks(
    function: Callable[..., T],
    *data: Any,
    vectorize: bool,
    randomness: Literal["different", "error"] = "different",
    chunk_size: int | None = None,
) -> T:
    """A function of one task, for every task; the results have a first axis for the task.

    Args:
        function: Data of one task → pytree of tensors.
        data: Pytrees of tensors whose first axis is the task.
        vectorize: Side by side, or one after another.
        randomness: "different": random numbers of its own for each task; "error": none at all.
        chunk_size: Most tasks side by side; None: all.

    Example:
        >>> map_tasks(lambda x: {"sum": x.sum()}, torch.eye(2), vectorize=False)
        {'sum': tensor([1., 1.])}
    """
    if vectorize:
        mapped: T = vmap(function, randomness=randomness, chunk_size=chunk_size)(*data)
        return mapped
    first = next(leaf for leaf in tree_leaves(data) if isinstance(leaf, Tensor))
    before = _generators(first.device) if randomness == "error" else None
    results = [function(*tree_map(itemgetter(task), data)) for task in range(len(first))]
    if before is not None and not torch.equal(before, _generators(first.device)):
        raise RuntimeError("called random operation while in randomness error mode")
    leaves = zip(*map(tree_leaves, results), strict=True)
    stacked = [torch.stack(of_tasks) for of_tasks in leaves if of_tasks[0] is not None]
    filled: T = tree_fill(tree_positions(results[0]), stacked)
    return filled


def _generators(device: torch.device) -> Tensor:
    """The state of torch's generators, which changes when random numbers are drawn."""
    if device.type != "cuda":
        return torch.get_rng_state()
    return torch.cat([torch.get_rng_state(), torch.cuda.get_rng_state(device)])


def for_tasks(compute: Callable[[bool], T], vectorize: Vectorize, tasks: int) -> T:
    """A computation side by side, or one after another where torch cannot, which is said once.

    Args:
        compute: From whether tasks go side by side to the result.
        vectorize: As for `labkit.meta_gradient`.
        tasks: How many there are, for the message.

    Raises:
        TasksError: As for `attempt`.

    Warns:
        LoopWarning: Once for each reason, if "auto" comes to a loop.
    """
    outcome = attempt(compute, vectorize)
    if outcome.refusal is not None:
        say_loop(outcome.refusal, tasks)
    return outcome.result


def attempt(compute: Callable[[bool], T], vectorize: Vectorize) -> Outcome[T]:
    """Try a computation side by side, then, for "auto", one after another.

    Args:
        compute: From whether tasks go side by side to the result.
        vectorize: "auto", or the only way to try.

    Raises:
        TasksError: Torch can do it in no way that may be tried. Errors of the loss function that
            are not torch's limits are raised as they come, from one task alone.
    """
    check_vectorize(vectorize)
    refusal = None
    if vectorize:
        try:
            return Outcome(compute(True), vectorized=True, refusal=None)
        except Exception as error:  # torch has many kinds; whether one task alone works decides
            if isinstance(error, TasksError):
                refusal = error
            elif isinstance(error, ValueError):
                raise
            else:
                refusal = refusal_of(error)
            if vectorize is True:
                raise refusal from (None if refusal is error else error)
    try:
        return Outcome(compute(False), vectorized=False, refusal=refusal)
    except RuntimeError as error:
        if (limit := limitation(error)) is not None:
            raise limit from error
        raise


def say_loop(refusal: TasksError, tasks: int) -> None:
    """Warn, once for each cause and reason, that tasks are computed one after another."""
    text = f"{refusal.who} {refusal.reason}, {_NOT_BESIDE}"
    if text in _SAID:
        return
    warnings.warn(
        f"{text}: labkit computes them one after another, to the same numbers and up to {tasks} "
        f"times slower for {tasks} tasks (an LSTM was 10 times for 16, conv4 1.7 times for 8). "
        "vectorize=False does so without this line",
        LoopWarning,
        stacklevel=_callers_level(),
    )
    _SAID.add(text)


def _callers_level() -> int:
    """The `stacklevel` that shows the line which called labkit."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("labkit."):
        frame, level = frame.f_back, level + 1
    return level


_BESIDE = [
    (r"(?i)batching rule (?:not implemented )?for aten::_?(?P<name>\w+)", "uses {name}"),
    (r"boolean mask|masked_select|dynamic shape", "selects by values, as a boolean mask does"),
    (r"\.item\(\)", "reads values of tensors, as `.item()` and `if` do"),
    (r"data-dependent control flow", "branches on the value of a tensor"),
    (r"data pointer", "reads values of tensors, as `.tolist()` and `.numpy()` do"),
    (
        r"vmap: inplace|match the broadcast shape",
        "writes into a tensor in place, as torch's LSTM, GRU and RNN layers do",
    ),
]
"""What torch says of code that it cannot run side by side, and what that is."""

_ALONE = "Take vectorize='auto' or False, which computes tasks one after another"


def known_refusal(error: Exception) -> TasksError | None:
    """The error in words, if it is known to be a limit of torch's."""
    if (limit := limitation(error)) is not None:
        return limit
    for pattern, reason in _BESIDE:
        if match := re.search(pattern, str(error)):
            return TasksError(reason.format(**match.groupdict()), _ALONE, side_by_side=True)
    return None


def refusal_of(error: Exception) -> TasksError:
    """Why tasks cannot go side by side, after torch has raised this error."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    stops = TasksError(f"stops with {said!r}", _ALONE, side_by_side=True)
    return known_refusal(error) or stops


_SECOND = "take order=1, or write it by operations that torch differentiates twice"

_LIMITS = [
    (
        r"derivative for aten::_scaled_dot_product\w*_backward",
        "uses fused attention, which torch differentiates once and the meta-gradient twice",
        "Put torch.nn.attention.sdpa_kernel(SDPBackend.MATH) around the attention in the module's "
        f"forward, or around every call of labkit; or {_SECOND}",
    ),
    (
        r"derivative for (?:aten::)?'?_?(?P<name>\w+?)_backward",
        "uses {name}, which torch differentiates once and the meta-gradient twice",
        _SECOND[0].upper() + _SECOND[1:],
    ),
    (
        r"derivative for (?:aten::)?'?(?P<name>\w+?)'? is not implemented",
        "uses {name}, which has no derivative in torch",
        "Detach what no gradient goes through, or write it by other operations",
    ),
    (
        r"requires_grad_\(\)|backward\(\) called inside|element 0 of tensors does not require grad|"
        r"differentiated Tensors",
        "calls torch.autograd.grad, .requires_grad_() or .backward(), which cannot be "
        "differentiated again there",
        "Take torch.func.grad for a gradient in the inputs: "
        "torch.func.grad(lambda x: predict(x).sum())(x)",
    ),
    (
        r"randomness error mode",
        "draws random numbers, and IMAML, checkpoint=True and curvature compute it more than once, "
        "which must give the same numbers",
        "Take checkpoint=False and another algorithm, or put the dropout in eval mode",
    ),
    (
        r"would mutate a captured Tensor",
        "writes in place into a tensor from outside of it, such as a buffer",
        "Return a new tensor, x = x + 1 in place of x += 1, or hold it in the batch",
    ),
    (
        r"Can't call numpy\(\)",
        "leaves torch for numpy, through which no gradient goes",
        "Stay with operations of torch, or detach what no gradient goes through",
    ),
]
"""What torch can do for tasks neither side by side nor one after another; and the remedy."""


def limitation(error: Exception) -> TasksError | None:
    """The error in words, if torch cannot do this for one task alone either."""
    if isinstance(error, TasksError):
        return error
    said = str(error)
    for pattern, reason, remedy in _LIMITS:
        if match := re.search(pattern, said):
            words = reason.format(**match.groupdict())
            return TasksError(words, remedy, side_by_side=False)
    return None
