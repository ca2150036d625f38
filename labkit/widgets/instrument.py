"""An instrument on the page: controls and one figure, drawn by the front end of the lab."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets
import plotly.graph_objects as go
import traitlets

from labkit.figures import DARK, ROOM, PlainFigure
from labkit.session import InterruptedReplayError, Session, keep_threads
from labkit.widgets.controls import Control, Group, Text, Toggle, specification
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.draw_loop import DrawLoop
from labkit.widgets.opening import running_cell
from labkit.widgets.protocol import Message

PANEL = "instrument"
REDRAW_SECONDS = 0.3
LEAST_WIDTH = "300px"


def instrument_groups(*own: Control) -> tuple[Group, ...]:
    """Its own controls, and those that every instrument has."""
    large = Toggle(name="large", label="Large type", tooltip="", icon="type", compact=True)
    return (
        Group("top", (*own, large, Text(name="status", live=False))),
        Group("top", (Text(name="message"),), "notices"),
    )


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
        super().__init__(specification(groups), {PANEL: figure}, DARK, ROOM, opened=False)
        self.heading = heading
        self.offer()
        self.open()

    def _note_shown(self) -> None:
        self._tell({"kind": "ready"})

    def show(self, figure: go.Figure) -> None:
        """Put another figure in place of the last one."""
        self.replace(PANEL, figure)


class Instrument(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """What all instruments have: a board, a thread that draws when the session changes, an end.

    A subclass gives `figure`, `draw` and `words`; for its controls `press`, `choose` and `states`.

    Args:
        session: Whose changes are followed.
        groups: The controls, from `instrument_groups`.
        figure: The first picture.
        heading: Its name.

    Attributes:
        session: What is measured.
        board: The widget that the page shows.
        message: What it says, and how: "note" or "error"; "" for nothing.
        present: Whether a page has the instrument, perhaps in a hidden tab.
    """

    def __init__(
        self, session: Session, groups: Sequence[Group], figure: go.Figure, *, heading: str
    ) -> None:
        self.session = session
        self.message: tuple[str, str] = "", ""
        self.present = False
        self.board = InstrumentBoard(groups, figure, heading=heading)
        self.board.on_message(self._heard)
        self._loop = DrawLoop(session.subscribe, self._draw, REDRAW_SECONDS)
        # in a row the lab has the larger part, and in a column next to it some room is left
        layout = ipywidgets.Layout(flex="0 1 44%", min_width=LEAST_WIDTH, overflow="visible")
        super().__init__([self.board], layout=layout)
        self.tell()
        self._loop.wake()
        self._loop.start()

    def figure(self) -> PlainFigure:
        """A plain figure of what has been measured; if nothing has, of a measurement made now."""
        raise NotImplementedError

    def draw(self) -> bool:
        """Measure what is due, and show it; True if something is left. On the loop's thread."""
        raise NotImplementedError

    def words(self) -> list[str]:
        """The read-out, two lines at most."""
        raise NotImplementedError

    def press(self, name: str) -> None:
        """Do what a button does."""

    def choose(self, name: str, value: Any) -> None:
        """Do what choosing a value does."""

    def pick(self, name: str, index: int) -> None:
        """Do what clicking a point does: of a map of cells one, counted row by row."""

    def states(self) -> Mapping[str, Mapping[str, object]]:
        """What is to be shown of its own controls, by name."""
        return {}

    def close(self) -> None:
        """Stop measuring, and take the instrument from all pages; the session continues."""
        if self.comm is None:  # closed already, or never opened
            return
        self._loop.close()
        super().close()
        self.board.close()
        self.layout.close()

    def tell(self) -> None:
        """Let the page show the read-out and the message."""
        text, tone = self.message
        self.board.state = {
            "status": {"value": self.words()[:2]},
            "message": {"value": text, "tone": tone or "note", "hidden": not text},
            "large": {"pressed": self.board.large},
            **self.states(),
        }

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if running_cell() is None:
            return self.figure().bundle(repr(self))
        return super()._repr_mimebundle_(**kwargs)

    def _heard(self, message: Message) -> None:
        match message:
            case {"kind": "press", "name": "large"}:
                self.board.large = not self.board.large
                self.tell()
            case {"kind": "press", "name": name}:
                self.press(name)
            case {"kind": "set", "name": name, "value": value}:
                self.choose(name, value)
            case {"kind": "pick", "name": name, "index": index}:
                self.pick(name, index)
            case {"kind": "ready"}:
                self._loop.hurry()
            case {"kind": "gone"}:
                self.present = False
            case {"kind": "back"}:
                self.present = True
                self._loop.hurry()

    def _draw(self) -> bool:
        keep_threads(self.session.threads)  # the thread is the loop's own
        self.board.begin()
        self.present |= self.board.watched
        try:
            left = self.draw()
        except InterruptedReplayError:
            return True
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            self.message = f"Measuring failed. {type(error).__name__}: {error}", "error"
            left = False
        self.tell()
        self.board.flush()
        self.board.idle(behind=1)
        return left
