"""How functions of tensors are computed: by torch.func, replayed from a recording, or compiled."""

import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, final, get_args

import torch
from torch import Tensor
from torch.linalg import vector_norm

from labkit.core import TasksError, tree_leaves
from labkit.training.engine.fallback import (
    EngineFallbackWarning,
    TorchInterfaceError,
    private_interface,
    warn_of_fallback,
)
from labkit.training.step import StepOutput

if TYPE_CHECKING:
    from labkit.training.engine.compilation import Compilation
    from labkit.training.engine.recording import Recording

EngineName: TypeAlias = Literal["auto", "eager", "compiled"]

RECORDED_AFTER = 30
"""Calls of one kind before they are recorded, which takes about as long as these calls."""

MOST_SPECIALIZATIONS = 32

MOST_ROUNDING = 10_000
"""Rounding errors that a compiled function may have, in units of the last digit of a tensor's norm.

Not of its largest entry: where rounding decides a maximum or a ReLU the other way, single entries
of a gradient differ by much more than the others.
"""

_LOG = logging.getLogger(__name__)


@final
class Engine:
    """Calls functions again and again, faster from some number of calls of one kind on.

    Args:
        name: "eager": torch.func at first, later a replay of the operations that it does: the
            same numbers to the last bit. "compiled": one function of machine code, for which the
            first call waits; numbers differ in the last digits. "auto": eager until another
            process has compiled it.
        recorded_after: Calls of one kind before they are recorded; None: `RECORDED_AFTER`.

    Raises:
        ValueError: There is no such engine.

    Warns:
        EngineFallbackWarning: Once, if this version of torch lacks an interface that recordings or
            compiled code need; "auto" and "eager" then continue without, to the same numbers.
    """

    def __init__(self, name: EngineName, recorded_after: int | None = None) -> None:
        if name not in get_args(EngineName):
            names = ", ".join(map(repr, get_args(EngineName)))
            raise ValueError(f"engine must be one of {names}, got {name!r}")
        self.name = name
        self._recorded_after = recorded_after
        self._specializations: dict[Hashable, Specialization] = {}
        self._last: Specialization | None = None

    @property
    def compiled(self) -> bool:
        """Whether the last call ran as compiled code."""
        return self._last is not None and self._last.compiled

    def compiled_step(self) -> "CompiledStep | None":
        """How calls such as the last one are replayed; None while they are not."""
        return None if self._last is None else self._last.compiled_step

    def call(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's output for these arguments.

        Args:
            key: Of the function; with the same key and tensors of one signature it does the same
                operations.
            function: From pytrees of tensors to a pytree of tensors and None.
            arguments: Pytrees of tensors.

        Raises:
            RuntimeError: The engine is "compiled", and torch cannot compile the function.
        """
        leaves = tree_leaves(arguments)
        if not all(isinstance(leaf, Tensor) for leaf in leaves):
            self._last = None
            return function(*arguments)
        full_key = (key, tensor_signature(leaves), torch.get_num_threads())
        if (special := self._specializations.get(full_key)) is None:
            if len(self._specializations) == MOST_SPECIALIZATIONS:
                del self._specializations[next(iter(self._specializations))]  # the oldest
            special = Specialization(self.name, self._recorded_after)
            self._specializations[full_key] = special
        self._last = special
        return special.call(function, arguments, leaves)


def tensor_signature(tensors: list[Tensor]) -> Hashable:
    """What tensors must have in common to go through the same recording."""
    return tuple((each.shape, each.stride(), each.dtype, each.device) for each in tensors)


class CompiledStep(Protocol):
    """A recording, or the function compiled from it."""

    def run(self, leaves: list[Tensor]) -> list[Tensor]:
        """From the leaves of the arguments to those of the output."""
        ...

    def assemble(self, leaves: list[Tensor]) -> Any:
        """The function's output from its leaves."""
        ...


@final
class Specialization:
    """One function on tensors of one signature: counts its calls, records and compiles it."""

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
        """The function's output for these arguments, of which `leaves` are the leaves."""
        self._calls += 1
        if self._calls == (1 if self._name == "compiled" else self._recorded_after):
            self._record(function, arguments, leaves)
        if self._compilation is not None and not self.compiled:
            self._try(self._compilation, leaves)
        if (step := self.compiled_step) is None:
            return function(*arguments)
        with torch.no_grad():
            return step.assemble(step.run(leaves))

    @property
    def compiled_step(self) -> CompiledStep | None:
        """How calls are replayed; None while they are not recorded."""
        return self._compilation if self.compiled else self._recording

    def _record(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], leaves: list[Tensor]
    ) -> None:
        try:
            # imported here: they load much of torch, for which a first meta-step need not wait
            with private_interface("torch.utils._python_dispatch"):
                from labkit.training.engine.compilation import Compilation  # noqa: PLC0415
                from labkit.training.engine.recording import Recording  # noqa: PLC0415

            self._recording = Recording(function, arguments)
            if self._name != "eager":
                self._compilation = Compilation(self._recording, leaves)
        except EngineFallbackWarning:  # where warnings are errors
            raise
        except Exception as error:  # noqa: BLE001  # torch has many kinds; `function` still works
            self._refuse(error)

    def _try(self, compilation: "Compilation", leaves: list[Tensor]) -> None:
        """Use the compiled function once it is ready and gives what the recording gives."""
        try:
            if self._name == "compiled":
                compilation.wait()
            if compilation.poll() and self._recording is not None:
                results, expected = compilation.run(leaves), self._recording.run(leaves)
                _compare(compilation.assemble(results), compilation.assemble(expected))
                self.compiled = True
        except RuntimeError as error:
            self._compilation = None
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        said = error.__cause__ if isinstance(error, TasksError) else error
        reason = str(said).strip().partition("\n")[0]
        recorded = self._recording is not None
        action = "compiled" if recorded else "recorded"
        if self._name == "compiled":
            raise RuntimeError(
                f"this meta-step cannot be {action}: {reason}. Take engine='auto' or 'eager', "
                "which do without"
            ) from error
        if isinstance(error, TorchInterfaceError):
            warn_of_fallback(error, "replaying recordings" if recorded else "by torch.func alone")
        else:
            _LOG.info("a meta-step cannot be %s and is computed as before: %s", action, reason)


def _compare(results: Any, expected: Any) -> None:
    """Raise RuntimeError where compiled numbers differ by more than rounding."""
    pairs = zip(tree_leaves(_linear(results)), tree_leaves(_linear(expected)), strict=True)
    for one, two in pairs:
        if one is None or not two.isfinite().all():
            continue
        allowed = MOST_ROUNDING * torch.finfo(two.dtype).eps * vector_norm(two)
        if not vector_norm(one - two) <= allowed:
            raise RuntimeError(
                f"the compiled function gives {_largest(one)} instead of {_largest(two)}"
            )


def _linear(results: Any) -> Any:
    """The part that can be compared up to rounding."""
    return results.linear() if isinstance(results, StepOutput) else results


def _largest(tensor: Tensor) -> str:
    return f"at most {float(tensor.abs().max()):.6g}"
