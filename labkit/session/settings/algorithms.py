"""The algorithms of the lab, declared once for settings, controls, colours and tables."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import final, get_args

from labkit.core import ANIL, IMAML, MAML, Algorithm, LearnedAlpha, ProtoMAML, Reptile
from labkit.session.settings.changes import LIVE

Color = tuple[str, str]
"""`#rrggbb` on white and on dark paper."""


@final
@dataclass(frozen=True, slots=True)
class AlgorithmEntry:
    """One algorithm, as settings name it and views show it.

    Attributes:
        name: In settings, notebooks and on the command line.
        label: As its authors write it.
        kind: The class that computes it.
        color: In every panel.
        first_order_color: With order 1, if that has its own colour.
        classes_only: Whether it needs tasks with classes, that is `ClassificationSettings`.
    """

    name: str
    label: str
    kind: type[Algorithm]
    color: Color
    first_order_color: Color | None = None
    classes_only: bool = False

    @property
    def arguments(self) -> Mapping[str, object]:
        """Argument of the class → its type."""
        return {field.name: field.type for field in fields(self.kind)}

    @property
    def live_settings(self) -> tuple[str, ...]:
        """The settings that it uses, of those that may change between two meta-steps."""
        return tuple(name for name in LIVE if name in self.arguments)

    @property
    def learns_alpha(self) -> bool:
        """Whether it has a gradient in α."""
        return LearnedAlpha in get_args(self.arguments["alpha"])


_ENTRIES = (
    AlgorithmEntry("maml", "MAML", MAML, ("#0072b2", "#4fb0f0"), ("#bf7839", "#f4cc7b")),
    AlgorithmEntry("anil", "ANIL", ANIL, ("#9900ff", "#9d4dff")),
    AlgorithmEntry("reptile", "Reptile", Reptile, ("#075536", "#4cf0af")),
    AlgorithmEntry("imaml", "iMAML", IMAML, ("#a30085", "#ef39c4")),
    AlgorithmEntry(
        "proto_maml", "Proto-MAML", ProtoMAML, ("#850004", "#ff3d57"), classes_only=True
    ),
)

ALGORITHMS: Mapping[str, AlgorithmEntry] = {entry.name: entry for entry in _ENTRIES}
"""Name as a setting → the algorithm; a new one needs its line above, and nothing elsewhere."""


def algorithm_names(*, classes: bool) -> tuple[str, ...]:
    """The names from which settings choose.

    Args:
        classes: Whether the tasks have classes.
    """
    return tuple(e.name for e in ALGORITHMS.values() if classes or not e.classes_only)


def incompatibility_message(values: Mapping[str, object]) -> str | None:
    """Why settings that are allowed one by one determine no algorithm; None if they do.

    Example:
        >>> incompatibility_message({"algorithm": "maml", "alpha": 0.0, "alpha_learned": "no"})
    """
    learned = values["alpha_learned"]
    learns = ALGORITHMS[str(values["algorithm"])].learns_alpha
    if values["alpha"] == 0 and learned != "no" and learns:
        return (
            f"alpha = 0 with alpha_learned = {learned!r}: a learned α stays above 0 and must start "
            "above 0: give a larger alpha, or alpha_learned = 'no'"
        )
    return None
