"""States of a run at some of its meta-steps, in bounded memory, from which any can be computed."""

from labkit.session.trainer import State

MOST_STATES = 512
MOST_BYTES = 128_000_000
FIRST_STRIDE = 8


class States:
    """Keeps every `stride`-th state of a run; the stride doubles when they become too many.

    Args:
        most: Largest number of states, ≥ 2.
        most_bytes: Largest memory of all, bytes; two states are kept in any case.
    """

    def __init__(self, most: int = MOST_STATES, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._stride = FIRST_STRIDE
        self._states: dict[int, State] = {}
        self._nbytes = 0

    def __len__(self) -> int:
        return len(self._states)

    def wants(self, meta_step: int) -> bool:
        """Whether the state after so many meta-steps should be put in."""
        return meta_step % self._stride == 0 and meta_step not in self._states

    def put(self, state: State) -> None:
        """Keep a state; others may go for it."""
        self._states[state.meta_step] = state
        self._nbytes += state.nbytes
        while len(self._states) > 2 and (
            len(self._states) > self._most or self._nbytes > self._most_bytes
        ):
            self._stride *= 2
            self._states = {at: s for at, s in self._states.items() if at % self._stride == 0}
            self._nbytes = sum(s.nbytes for s in self._states.values())

    def before(self, meta_step: int) -> State:
        """The latest state that is not later; there is always one at 0."""
        return self._states[max(at for at in self._states if at <= meta_step)]

    def until(self, meta_step: int) -> "States":
        """A copy with the states that are not later; the states themselves are shared."""
        copied = States(self._most, self._most_bytes)
        copied._stride = self._stride
        copied._states = {at: s for at, s in self._states.items() if at <= meta_step}
        copied._nbytes = sum(s.nbytes for s in copied._states.values())
        return copied
