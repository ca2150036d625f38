"""Meta-steps one after the other, with nothing between them that could change what is done."""

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor

from labkit.core import Params, pytrees
from labkit.training.engine.engine import Known, kinds_of_tensors
from labkit.training.step import Movable, Moved


@final
class Chain:
    """Meta-steps of one kind, each of which goes on from what the one before has moved.

    To find out what kind a call is of, and to put its tensors in order, takes Python about as long
    as compiled code takes for a small meta-step. Here that is done once for all of them.

    Args:
        step: One meta-step as an engine takes it: from tasks and what is to be moved.
        known: How the last one was made, once it is done again by itself; else None.
        constants: What `step` reads beside.
        given: What the first one moves.
    """

    def __init__(
        self,
        step: Callable[[Any, Movable], Moved],
        known: Callable[[], Known | None],
        constants: Params,
        given: Movable,
    ) -> None:
        self._step, self._known, self._constants = step, known, constants
        self._given = given
        self._moved: Moved | None = None
        self._fast: Known | None = None
        self._alike: object = None
        self._rest: list[Tensor] = []
        """All that the next meta-step is given beside its tasks."""
        self._found: list[Tensor] = []
        """What a meta-step that was done again has found, until it is put together."""

    def take(self, drawn: Any) -> Tensor:
        """One more meta-step; its losses, as in `Moved`.

        Args:
            drawn: The tasks, of `drawn_for`.
        """
        leaves = pytrees.leaves(drawn)
        if self._fast is not None and kinds_of_tensors(leaves) == self._alike:
            return self._again(self._fast, leaves)
        given = self._given if self._moved is None else self._given.after(self.end())
        self._moved = self._step(drawn, given)
        self._fast = self._known()
        if self._fast is not None:
            self._alike = kinds_of_tensors(leaves)
            self._rest = pytrees.leaves((self._constants, given.after(self._moved)))
        return self._moved.losses

    def end(self) -> Moved:
        """What the last meta-step, of at least one, has moved."""
        if self._fast is not None and self._found:
            self._moved = self._fast.whole(self._found)
            self._found = []
        assert self._moved is not None  # noqa: S101  # for the type checker
        return self._moved

    def _again(self, fast: Known, drawn: list[Tensor]) -> Tensor:
        with torch.no_grad():
            found = fast.run([*drawn, *self._rest])
        # θ and α's rows, whether all was finite, and the losses
        *moved, going, losses = found
        first = len(self._constants)
        self._rest[first : first + len(moved)] = moved
        self._rest[-1] = going
        self._found = found
        return losses
