"""What the figure's task panel must offer, whatever kind of portrait it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from plotly.basedatatypes import BaseTraceType


@dataclass(frozen=True, slots=True)
class Update:
    """New values for consecutive traces of a panel, and for the layout.

    Attributes:
        first: Number of the first trace among those of the panel.
        values: The same properties for each trace, see `figures.lab`.
        layout: Property of the figure's layout, with dots, → value.
    """

    first: int
    values: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)


class TaskPanel(Protocol):
    """How one kind of portrait is drawn, on the axes x2 and y2 and others of its own."""

    @property
    def kind(self) -> str:
        """What distinguishes the traces of this panel from those of others."""
        ...

    @property
    def title(self) -> str:
        """What task this is, beside the panel's title; "" for nothing."""
        ...

    @property
    def attribution(self) -> str:
        """Whose data are shown; "" for nobody's."""
        ...

    @property
    def extra_height(self) -> int:
        """Pixels that the figure needs beyond its usual height."""
        ...

    def traces(self) -> list[BaseTraceType]:
        """The panel's traces, each on its axes; `updates` fills them."""
        ...

    def layout(self) -> dict[str, Any]:
        """What the panel sets in the figure's layout once, property → value."""
        ...

    def updates(self) -> list[Update]:
        """All that changes from one portrait to the next."""
        ...
