"""States of a run at some of its meta-steps, in bounded memory, from which any can be computed."""

from typing import Self

from labkit.core import Params
from labkit.session.trainer import State

MOST_STATES = 512
MOST_BYTES = 128_000_000
MOST_MARKS = 16
FIRST_STRIDE = 8


class States:
    """Keeps every `stride`-th state of a run; the stride doubles when they become too many.

    States at which a setting changed are marked: the last ones stay, and undo is immediate.

    Args:
        most: Largest number of states without marks, ≥ 2.
        most_bytes: Largest memory of all, bytes: half of it for those with marks. Two states
            without and one with a mark are kept in any case.
    """

    def __init__(self, most: int = MOST_STATES, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._stride = FIRST_STRIDE
        self._largest = 1
        self._states: dict[int, State] = {}
        self._marked: dict[int, State] = {}

    def __len__(self) -> int:
        return len(self._states)

    def wants(self, meta_step: int) -> bool:
        """Whether the state after so many meta-steps should be put in."""
        return meta_step % self._stride == 0 and meta_step not in self._states

    def put(self, state: State) -> None:
        """Keep a state; others may go for it."""
        self._states[state.meta_step] = state
        self._bound(state)

    def mark(self, state: State) -> None:
        """Keep a state among the last marked ones."""
        self._marked[state.meta_step] = state
        self._bound(state)

    def thin(self, most: int, most_bytes: int) -> None:
        """Keep no more than so many."""
        room = most_bytes // 2 // self._largest
        while len(self._states) > max(2, min(most, room)):
            self._stride *= 2
            self._states = {at: s for at, s in self._states.items() if at % self._stride == 0}
        for at in sorted(self._marked)[: -max(1, min(MOST_MARKS, room))]:
            del self._marked[at]

    def before(self, meta_step: int) -> State:
        """The latest state that is not later; there is always one at 0."""
        states = self._states | self._marked
        return states[max(at for at in states if at <= meta_step)]

    def path(self, meta_step: int, most: int) -> list[tuple[int, Params]]:
        """Meta-steps and θ of the states that are not later, evenly spaced.

        Args:
            meta_step: The last one that counts.
            most: Most of them, ≥ 1; states with marks are left out.
        """
        steps = sorted(at for at in self._states if at <= meta_step)
        stride = max(-(-len(steps) // most), 1)
        return [(at, self._states[at].learner["params"]) for at in steps[::stride]]

    def until(self, meta_step: int) -> Self:
        """A copy with the states that are not later; the states themselves are shared."""
        copied = type(self)(self._most, self._most_bytes)
        copied._stride, copied._largest = self._stride, self._largest
        copied._states = {at: s for at, s in self._states.items() if at <= meta_step}
        copied._marked = {at: s for at, s in self._marked.items() if at <= meta_step}
        return copied

    def _bound(self, state: State) -> None:
        self._largest = max(self._largest, state.nbytes)
        self.thin(self._most, self._most_bytes)
