"""An instrument on the page: controls and one figure, drawn by the front end of the lab."""

from collections.abc import Sequence
from typing import ClassVar

import plotly.graph_objects as go
import traitlets

from labkit.figures import DARK
from labkit.widgets.controls import Group, specification
from labkit.widgets.dashboard import Dashboard

PANEL = "instrument"


class InstrumentBoard(Dashboard):
    """A dashboard of one figure, as wide as the page gives room for.

    Args:
        groups: Its controls.
        figure: Its first picture; `layout.meta.layouts` has an arrangement for each width.
        heading: Its name.

    Example:
        >>> board = InstrumentBoard([], go.Figure(), heading="Gradient truth")
        >>> board.heading
        'Gradient truth'
        >>> board.close()
    """

    panels: ClassVar[tuple[str, ...]] = (PANEL,)
    heading = traitlets.Unicode().tag(sync=True)
    """A page shows what has one as an instrument."""

    def __init__(self, groups: Sequence[Group], figure: go.Figure, *, heading: str) -> None:
        super().__init__(specification(groups), {PANEL: figure}, DARK, opened=False)
        self.heading = heading
        self.offer()
        self.open()

    def show(self, figure: go.Figure) -> None:
        """Put another figure in place of the last one."""
        self.replace(PANEL, figure)
