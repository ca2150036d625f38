"""Marks of changed settings over the meta-steps, and where their labels find room."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from labkit.session import ALGORITHMS, Event

SYMBOLS = {
    "alpha": "α",
    "beta": "β",
    "inner_steps": "K",
    "order": "order",
    "algorithm": "→",
    "alpha_learned": "learned α:",
    "meta_optimizer": "optimiser",
    "meta_batch": "meta-batch",
    "shots": "shots",
}
"""What stands before the value of a setting."""

NEAR = 0.03
"""Changes nearer to each other than this share of the axis get one mark."""

MOST_ROWS, MOST_LETTERS = 3, 28
"""Rows of labels one above another, and letters of the longest."""

ROUND = (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.4, 8, 10)
"""Ends of an axis within a decade, none more than 1.3 times the one before."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line where settings changed.

    Attributes:
        x: Where, in units of the axis; where several changes began.
        text: What changed to which values in the end, all of it.
        end: Where the last of them was made.
    """

    x: float
    text: str
    end: float


@dataclass(slots=True)
class _Changes:
    """What one mark will say."""

    x: float
    end: float
    values: dict[str, float | str] = field(default_factory=dict)


@dataclass(slots=True)
class Label:
    """The label of a mark, to the right of its line.

    Attributes:
        x: Where it begins, in units of the axis.
        row: 0 for the upper one.
        text: As much of the mark's text as has room.
    """

    x: float
    row: int
    text: str

    def cut(self, letters: int) -> None:
        """Keep so many letters, of which "…" is one."""
        if len(self.text) > letters:
            self.text = self.text[: max(letters - 1, 0)] + "…"


def change_marks(events: Sequence[Event], xs: Sequence[float], end: float) -> list[Mark]:
    """Marks of all changes: one for those that lie close together, one for each gesture.

    Args:
        events: In their order.
        xs: Where each lies on the axis, not decreasing.
        end: Last point of the axis, which begins at 0.

    Example:
        >>> drag = [Event(10, "alpha", 0.02, gesture=1), Event(70, "alpha", 0.05, gesture=1)]
        >>> change_marks([*drag, Event(71, "order", 1)], [10.0, 70.0, 71.0], end=100.0)
        [Mark(x=10.0, text='α 0.05', end=70.0), Mark(x=71.0, text='order 1', end=71.0)]
    """
    together: list[_Changes] = []
    gestures: dict[tuple[int | None, str], _Changes] = {}
    for event, x in zip(events, xs, strict=True):
        changes = gestures.get((event.gesture, event.name))
        if changes is None:
            if not together or x - together[-1].x > NEAR * end:
                together.append(_Changes(x, x))
            changes = together[-1]
        if event.gesture is not None:
            gestures[event.gesture, event.name] = changes
        changes.values[event.name] = event.value
        changes.end = x
    return [
        Mark(each.x, ", ".join(_words(name, v) for name, v in each.values.items()), each.end)
        for each in together
    ]


def steady_end(last: float) -> float:
    """The next of a few round numbers: an end that moves now and then, and not with every step.

    Args:
        last: Last point that must be on the axis; an axis without one ends at 1.

    Example:
        >>> steady_end(1300.0), steady_end(2000.0), steady_end(0.0)
        (1600.0, 2000.0, 1.0)
    """
    if not last > 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(last))
    return next(end for end in (number * unit for number in ROUND) if end >= last)


def axis_end(marks: Sequence[Mark], end: float, letters: int) -> float:
    """End of an axis: the round number after it where the label of the last mark wants the room.

    Args:
        marks: On the axis.
        end: Of `steady_end`.
        letters: How many stand side by side on the whole axis.

    Example:
        Five letters, and one before them, are three tenths of the axis.

        >>> axis_end([Mark(56.0, "α 0.5", 56.0)], end=80.0, letters=20)
        80.0
        >>> axis_end([Mark(57.0, "α 0.5", 57.0)], end=80.0, letters=20)
        100.0
    """
    most = min(MOST_LETTERS, letters - 2)
    ends = (mark.x / (1 - (min(len(mark.text), most) + 1) / letters) for mark in marks)
    return steady_end(math.nextafter(end, math.inf)) if max(ends, default=0.0) > end else end


def place_labels(marks: Sequence[Mark], end: float, letters: int) -> list[Label]:
    """Labels in rows one above another, none of which overlap.

    Where no row is free, the label that has been longest in its way is cut.

    Args:
        marks: From left to right.
        end: Of the axis, which begins at 0.
        letters: How many stand side by side on the whole axis.

    Example:
        >>> texts = {0.0: "α 0.02", 1.0: "K 5", 50.0: "order 1"}
        >>> marks = [Mark(x, text, x) for x, text in texts.items()]
        >>> [(label.row, label.text) for label in place_labels(marks, 100.0, letters=50)]
        [(0, 'α 0.02'), (1, 'K 5'), (0, 'order 1')]
    """
    letter = end / letters
    labels: list[Label] = []
    for mark in marks:
        covering = [x for x in labels if mark.x < x.x + (len(x.text) + 2) * letter]
        free = [row for row in range(MOST_ROWS) if row not in {label.row for label in covering}]
        if not free:
            covering[0].cut(int((mark.x - covering[0].x) / letter) - 2)
            free = [covering[0].row]
        label = Label(mark.x, free[0], mark.text)
        label.cut(min(MOST_LETTERS, round((end - mark.x) / letter) - 1))
        labels.append(label)
    return labels


def _words(name: str, value: float | str) -> str:
    if name == "algorithm":
        value = ALGORITHMS[str(value)].label
    text = value if isinstance(value, str) else f"{value:.3g}"
    return f"{SYMBOLS[name]} {text}"
