"""How a meta-step is computed: by torch.func, from its recorded operations, or compiled."""

import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, final, get_args

import torch
from torch import Tensor
from torch.linalg import vector_norm

from labkit.core import pytrees
from labkit.training.step import Moved

if TYPE_CHECKING:
    from labkit.training.engine.compilation import Compilation
    from labkit.training.engine.recording import Recording

EngineName: TypeAlias = Literal["auto", "eager", "compiled"]

RECORDED_AFTER = 30
"""Calls of one kind before it is recorded, which takes about as long as these calls."""

MOST_KINDS = 32

MOST_ROUNDING = 10_000
"""In units of the last digit of a tensor's norm: sums in another order.

Not of its largest entry: where rounding tips another of two inputs over in a maximum or a ReLU,
single entries of a gradient differ by much more than the others.
"""

_LOG = logging.getLogger(__name__)


@final
class Engine:
    """Calls one function again and again, faster when it has seen calls of a kind before.

    Args:
        name: "eager": torch.func, and after a while the operations that it does, recorded: the
            same numbers to the last bit. "compiled": a compiler makes one function of them, for
            which the first call waits; numbers differ in the last digits. "auto": eager until
            that is ready, which another process sees to.
        recorded_after: Calls of one kind before it is recorded; None: `RECORDED_AFTER`.

    Raises:
        ValueError: There is no such engine.
    """

    def __init__(self, name: EngineName, recorded_after: int | None = None) -> None:
        if name not in get_args(EngineName):
            known = ", ".join(map(repr, get_args(EngineName)))
            raise ValueError(f"engine must be one of {known}, got {name!r}")
        self.name = name
        self._recorded_after = recorded_after
        self._kinds: dict[Hashable, _Kind] = {}
        self._last: _Kind | None = None

    @property
    def compiled(self) -> bool:
        """Whether the last call was made by compiled operations."""
        return self._last is not None and self._last.compiled

    def known(self) -> "Known | None":
        """How calls such as the last one are made; None while they are not recorded."""
        return None if self._last is None else self._last.known

    def call(self, what: Hashable, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's output for these arguments.

        Args:
            what: Names the function; for the same name and like tensors it does the same
                operations.
            function: From pytrees of tensors to a pytree of tensors and None.
            arguments: Pytrees of tensors.

        Raises:
            RuntimeError: The engine is "compiled", and the function cannot be compiled.
        """
        leaves = pytrees.leaves(arguments)
        if not all(isinstance(leaf, Tensor) for leaf in leaves):
            self._last = None
            return function(*arguments)
        key = (what, kinds_of_tensors(leaves), torch.get_num_threads())
        if (kind := self._kinds.get(key)) is None:
            if len(self._kinds) == MOST_KINDS:
                del self._kinds[next(iter(self._kinds))]  # the oldest
            kind = self._kinds[key] = _Kind(self.name, self._recorded_after)
        self._last = kind
        return kind.call(function, arguments, leaves)


def kinds_of_tensors(tensors: list[Tensor]) -> Hashable:
    """What tensors must share to be given to the same recording."""
    return tuple((each.shape, each.stride(), each.dtype, each.device) for each in tensors)


class Known(Protocol):
    """A recording, or what was compiled from it."""

    def run(self, leaves: list[Tensor]) -> list[Tensor]:
        """From the leaves of the arguments to those of the output."""
        ...

    def whole(self, found: list[Tensor]) -> Any:
        """The function's output from its leaves."""
        ...


class _Kind:
    """Calls whose tensors are alike."""

    def __init__(self, name: EngineName, recorded_after: int | None) -> None:
        self._name = name
        self._recorded_after = RECORDED_AFTER if recorded_after is None else recorded_after
        self._calls = 0
        self._recording: Recording | None = None
        self._compilation: Compilation | None = None
        self.compiled = False

    def call(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], leaves: list[Tensor]
    ) -> Any:
        self._calls += 1
        if self._calls == (1 if self._name == "compiled" else self._recorded_after):
            self._record(function, arguments, leaves)
        if self._compilation is not None and not self.compiled:
            self._look(self._compilation, leaves)
        if (known := self.known) is None:
            return function(*arguments)
        with torch.no_grad():
            return known.whole(known.run(leaves))

    @property
    def known(self) -> Known | None:
        return self._compilation if self.compiled else self._recording

    def _record(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], leaves: list[Tensor]
    ) -> None:
        # imported here, for they bring much of torch that a first meta-step need not wait for
        from labkit.training.engine.compilation import Compilation  # noqa: PLC0415
        from labkit.training.engine.recording import Recording  # noqa: PLC0415

        try:
            self._recording = Recording(function, arguments)
            if self._name != "eager":
                self._compilation = Compilation(self._recording, leaves)
        except Exception as error:  # noqa: BLE001  # torch has many kinds; the function still works
            self._refuse(error)

    def _look(self, compilation: "Compilation", leaves: list[Tensor]) -> None:
        """Take the compiled form if it is there and gives what the recorded one gives."""
        try:
            if self._name == "compiled":
                compilation.wait()
            if compilation.poll() and self._recording is not None:
                found, expected = compilation.run(leaves), self._recording.run(leaves)
                _compare(compilation.whole(found), compilation.whole(expected))
                self.compiled = True
        except RuntimeError as error:
            self._compilation = None
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        reason = str(error).strip().partition("\n")[0]
        done = "recorded" if self._recording is None else "compiled"
        if self._name == "compiled":
            raise RuntimeError(
                f"this meta-step cannot be {done}: {reason}. Take engine='auto' or 'eager', which "
                "do without"
            ) from error
        _LOG.info("a meta-step cannot be %s and is computed as before: %s", done, reason)


def _compare(found: Any, expected: Any) -> None:
    """Raise RuntimeError where compiled numbers differ by more than rounding."""
    pairs = zip(pytrees.leaves(_linear(found)), pytrees.leaves(_linear(expected)), strict=True)
    for one, two in pairs:
        if one is None or not two.isfinite().all():
            continue
        allowed = MOST_ROUNDING * torch.finfo(two.dtype).eps * vector_norm(two)
        if not vector_norm(one - two) <= allowed:
            raise RuntimeError(f"compiled, it gives {_largest(one)} where {_largest(two)} is right")


def _linear(found: Any) -> Any:
    """What can be compared, where not all of it can."""
    return found.linear() if isinstance(found, Moved) else found


def _largest(tensor: Tensor) -> str:
    return f"at most {float(tensor.abs().max()):.6g}"
