"""How a figure is changed: new values for consecutive traces, and for the layout."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Drawable(Protocol):
    """A figure that can be updated: plotly's own, or one that stands for it in a browser."""

    def plotly_update(
        self,
        restyle_data: dict[str, list[Any]],
        relayout_data: dict[str, Any],
        trace_indexes: list[int],
    ) -> None:
        """Set properties of traces, one value for each of them, and of the layout."""
        ...

    def __getitem__(self, path: str) -> Any:
        """A property of the layout, such as `layout.yaxis.range`; None if it is not set."""
        ...


@dataclass(frozen=True, slots=True)
class Update:
    """New values for consecutive traces of a figure, and for its layout.

    Attributes:
        first: Number of the first trace.
        values: The same properties for each trace: what one message sets for some of its traces
            only is lost for the others (plotly 7.1).
        layout: Property of the figure's layout, with dots, → value.
    """

    first: int
    values: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)


def put(figure: Drawable, updates: Iterable[Update]) -> None:
    """Send each update in one message."""
    for update in updates:
        figure.plotly_update(
            restyle_data={
                name: [trace[name] for trace in update.values] for name in update.values[0]
            },
            relayout_data=dict(update.layout),
            trace_indexes=list(range(update.first, update.first + len(update.values))),
        )
