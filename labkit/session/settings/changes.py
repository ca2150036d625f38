"""Settings that change during a run: which may, how they are written, and what holds when."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from labkit.session.settings.parameters import ParameterError, message_on

LIVE = (
    "alpha",
    "beta",
    "inner_steps",
    "order",
    "algorithm",
    "alpha_learned",
    "meta_optimizer",
    "meta_batch",
    "shots",
)
"""Settings that may change between two meta-steps; the others decide how a session begins."""

MOST_LINES = 10
"""Of an error about events that are shown."""

Value: TypeAlias = int | float | str
Change: TypeAlias = tuple[int, str, Value]
"""(meta_step, name, value): `name` is `value` from the meta-step after `meta_step` of them on."""


def checked_changes(
    entries: object, value_of: Callable[[str, object], Value]
) -> tuple[Change, ...]:
    """Changes from lists, as YAML and JSON have them, or tuples.

    Args:
        entries: Should be changes.
        value_of: (name, value) → the value as its setting takes it; raises `ParameterError` that
            says what it must be.

    Raises:
        ParameterError: One line for each entry that is no change of a live setting, or that is
            earlier than the one above it.
    """
    if not isinstance(entries, list | tuple):
        raise ParameterError(
            message_on(
                "events",
                entries,
                "must be a list of [meta_step, name, value], such as [[100, 'alpha', 0.02]]",
            )
        )
    changes: list[Change] = []
    lines: list[str] = []
    for number, entry in enumerate(entries):
        try:
            changes.append(_checked_change(entry, changes[-1][0] if changes else 0, value_of))
        except ParameterError as error:
            lines.append(message_on_event(number, entry, str(error)))
    if lines:
        more = [f"events: and {len(lines) - MOST_LINES} more"] * (len(lines) > MOST_LINES)
        raise ParameterError("\n".join(lines[:MOST_LINES] + more))
    return tuple(changes)


def message_on_event(number: int, entry: Sequence[object], words: str) -> str:
    """One line on one of the events, written as a list as in YAML."""
    value = list(entry) if isinstance(entry, tuple) else entry
    return message_on(f"events[{number}]", value, words)


def in_force(
    start: Mapping[str, object], changes: Sequence[Change]
) -> Iterator[tuple[int, dict[str, object]]]:
    """After each meta-step at which settings change: number of its last change, and what holds.

    Example:
        >>> changes = [(0, "beta", 0.5), (7, "alpha", 0.2), (7, "beta", 0.1)]
        >>> list(in_force({"alpha": 0.1, "beta": 0.1}, changes))
        [(0, {'alpha': 0.1, 'beta': 0.5}), (2, {'alpha': 0.2, 'beta': 0.1})]
    """
    values = dict(start)
    for number, (meta_step, name, value) in enumerate(changes):
        values[name] = value
        if number + 1 == len(changes) or changes[number + 1][0] > meta_step:
            yield number, dict(values)


def without_overruled(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes without those that another one of the same setting overrules at once.

    Example:
        >>> without_overruled([(3, "alpha", 0.1), (3, "alpha", 0.2), (4, "alpha", 0.3)])
        ((3, 'alpha', 0.2), (4, 'alpha', 0.3))
    """
    last = {(meta_step, name): number for number, (meta_step, name, _) in enumerate(changes)}
    return tuple(change for n, change in enumerate(changes) if last[change[:2]] == n)


def _checked_change(
    entry: object, earliest: int, value_of: Callable[[str, object], Value]
) -> Change:
    if not isinstance(entry, list | tuple) or len(entry) != 3:
        raise ParameterError("must be [meta_step, name, value], such as [100, 'alpha', 0.02]")
    meta_step, name, value = entry
    if type(meta_step) is not int or meta_step < 0:
        raise ParameterError(f"the meta-step must be a whole number ≥ 0, got {meta_step!r}")
    if meta_step < earliest:
        raise ParameterError(
            f"is earlier than the event above it, of meta-step {earliest}: sort them by meta-step"
        )
    if name not in LIVE:
        raise ParameterError(f"what changes must be one of {', '.join(LIVE)}, got {name!r}")
    return meta_step, name, value_of(name, value)
