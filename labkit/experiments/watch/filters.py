"""Which runs to list, as words that all have to hold."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from labkit.experiments.compare import RunRow
from labkit.experiments.tables import value_text

_CONDITION = re.compile(r"([^<>=!]+)(<=|>=|!=|=|<|>)(.*)")

TAGS = frozenset({"tag", "tags"})

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Words that all have to hold of a run.

    Args:
        words: Conditions such as "state=done", "tag=good", "alpha<0.1" or "ratio>=0.5"; any other
            word must occur in the run's name, notebook, note, tags, id or folder.

    Example:
        >>> row = RunRow("runs/a1", "a1", "mine", "done", parameters={"alpha": 0.05})
        >>> [Filter.of(text).accepts(row) for text in ("alpha<0.1 state=done", "alpha=1", "mine")]
        [True, False, True]
    """

    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """The words of a text, between spaces."""
        return cls(tuple(text.split()))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the conditions are about, without that of tags."""
        matches = (_CONDITION.fullmatch(word) for word in self.words)
        return tuple(match[1] for match in matches if match and match[1] not in TAGS)

    def accepts(self, row: RunRow) -> bool:
        """Whether all words hold."""
        return all(_holds(word, row) for word in self.words)


def _holds(word: str, row: RunRow) -> bool:
    condition = _CONDITION.fullmatch(word)
    if condition is None:
        labels = row.labels
        texts = (labels.name, *labels.tags, labels.note, row.notebook, row.id, row.folder)
        return any(word.casefold() in text.casefold() for text in texts)
    name, sign, target = condition.groups()
    if name in TAGS:
        return (target in row.labels.tags) == (sign != "!=")
    value = values_of(row).get(name)
    if value is None:
        return sign == "!="
    compare = _COMPARISONS[sign]
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = _number(target)
        return sign == "!=" if number is None else compare(value, number)
    return compare(value_text(value), target)


def values_of(row: RunRow) -> dict[str, object]:
    """Name → value of all that a run can be listed by."""
    return {
        "state": row.state,
        "notebook": row.notebook,
        "id": row.id,
        "name": row.labels.name,
        "seconds": row.seconds,
        **row.metrics,
        **row.parameters,
    }


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number
