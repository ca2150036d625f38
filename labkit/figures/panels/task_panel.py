"""What the panel of a task must offer, whatever kind of portrait it shows."""

from typing import Any, Protocol

from plotly.basedatatypes import BaseTraceType

from labkit.figures.style import Update


class TaskPanel(Protocol):
    """How one kind of portrait is drawn."""

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

    def traces(self) -> list[BaseTraceType]:
        """The panel's traces, each on its axes; `updates` fills them."""
        ...

    def layout(self) -> dict[str, Any]:
        """What the panel sets in the figure's layout once, as `update_layout` takes it."""
        ...

    def updates(self) -> list[Update]:
        """All that changes from one portrait to the next."""
        ...
