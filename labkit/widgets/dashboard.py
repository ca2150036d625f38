"""The lab on the page: controls and three plots in one widget, drawn by the browser."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import plotly.graph_objects as go
import traitlets

from labkit.widgets.live_figure import LiveFigure
from labkit.widgets.plotly_bundle import SCRIPT, STYLES, plotly_bundle
from labkit.widgets.presence import RollCall
from labkit.widgets.protocol import Message, is_message, packed
from labkit.widgets.subshell_widget import SubshellWidget

PANELS = ("adaptation", "task", "training")
PATIENCE_SECONDS = 1.0
"""How long one picture may take before the page counts as one that nobody looks at."""

HEARING_SECONDS = 0.05
"""So long at most a picture waits for what is being asked as it begins."""


class Dashboard(SubshellWidget):
    """Controls and plots; whoever draws stages changes in its figures and calls `flush`.

    Nothing is sent to a page that does not draw: a hidden tab, or none at all, costs nothing, and
    gets the present picture as soon as it is looked at. One thread draws; `on_message` callbacks
    run on others.

    Args:
        controls: Groups of controls, as JSON.
        figures: Panel ("adaptation", "task", "training") → its first picture.
        dark: Colour `#rrggbb` on a light theme → the one on a dark theme.
        room: The same → the one for a projector, with large type on a light theme.
        opened: Whether pages hear of it at once; if not, they do by `open`.

    Attributes:
        state: Name of a control → what of it differs from its specification; any part of it.
        first: The picture that a page begins with, before it can ask for one; see `offer`.
        large: Large type and strong colours, for a room.
        inner_step: The inner step that all panels show; None for all steps.
        trained: Whether something is lost with the session; an application asks before it ends.
        library: Which plotly.js draws, by its digest; a page asks for it if it has not got it yet.

    Raises:
        ValueError: Not exactly these panels.

    Example:
        >>> names = ("adaptation", "task", "training")
        >>> dashboard = Dashboard([], {name: go.Figure(go.Scatter()) for name in names})
        >>> dashboard.figure("task").plotly_update({"y": [[1.0, 2.0]]}, {}, [0])
        >>> dashboard.flush()
        >>> dashboard.close()
    """

    panels: ClassVar[tuple[str, ...]] = PANELS
    _esm = SCRIPT
    _css = STYLES
    controls: traitlets.List[Any] = traitlets.List().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    dark = traitlets.Dict().tag(sync=True)
    room = traitlets.Dict().tag(sync=True)
    first = traitlets.Dict().tag(sync=True)
    large = traitlets.Bool(False).tag(sync=True)
    inner_step = traitlets.Int(None, allow_none=True).tag(sync=True)
    library = traitlets.Unicode().tag(sync=True)
    trained = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        controls: Sequence[Mapping[str, Any]],
        figures: Mapping[str, go.Figure],
        dark: Mapping[str, str] | None = None,
        room: Mapping[str, str] | None = None,
        *,
        opened: bool = True,
    ) -> None:
        if set(figures) != set(self.panels):
            expected = ", ".join(self.panels)
            raise ValueError(f"expected the figures {expected}, got {', '.join(figures)}")
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._figures = {name: LiveFigure(figures[name], self._lock) for name in self.panels}
        self._callbacks: list[Callable[[Message], None]] = []
        self._sent = self._drawn = self._hearing = 0
        self._asked: dict[str, int] = {}
        self._answers, self._told = self._asked, self._asked
        self._watched = self._shut = self._attending = False
        self._replaced = False  # a figure that no page has been sent yet
        self._held_back, self._left = not opened, False
        self._roll = RollCall(lambda: self.send({"kind": "roll"}), self._note_left)
        self._view = ""
        self._still: Message | None = None
        super().__init__(
            controls=list(controls),
            dark={light.lower(): color for light, color in (dark or {}).items()},
            room={light.lower(): color for light, color in (room or {}).items()},
            library=plotly_bundle().digest,
        )
        self._held_back = False
        self.on_msg(self._received)

    def open(self) -> None:
        """Let pages hear of the widget, unless they have."""
        if not self._held_back:
            super().open()

    @property
    def watched(self) -> bool:
        """Whether a page draws what is sent; if none does, nothing is sent."""
        return self._watched

    def figure(self, panel: str) -> LiveFigure:
        """The figure of a panel, for updates that the next `flush` sends.

        Raises:
            KeyError: There is no such panel.
        """
        return self._figures[panel]

    def offer(self) -> None:
        """Give what is staged along with the widget, for a page that has not asked yet.

        The kernel may be busy when it asks.
        """
        json, buffers = packed(self._whole())
        self.first = {"figures": json, "buffers": buffers}

    def begin(self) -> None:
        """What is staged from here on answers all that `on_message` callbacks have done.

        One that is at it has some time to end: it has perhaps woken whoever calls this.
        """
        with self._news:
            self._news.wait_for(lambda: not self._hearing, HEARING_SECONDS)
            self._answers = self._asked

    def flush(self) -> None:
        """Send what has changed in all figures in one message."""
        with self._lock:
            if not self._watched or self._shut:
                return
            changes = {name: figure.take_changes() for name, figure in self._figures.items()}
            changes = {name: change for name, change in changes.items() if change}
            if changes or self._answers != self._told:
                self._post({"kind": "changes", "figures": changes})

    def idle(self, timeout: float = PATIENCE_SECONDS, *, behind: int = 0) -> bool:
        """Wait until a page has drawn the last messages: a slow one is never flooded.

        A page that takes longer counts as one that nobody sees. Without a page, or with a
        question that is not answered yet, this returns at once.

        Args:
            timeout: Longest wait, seconds.
            behind: So many of them may still have to be drawn.

        Returns:
            Whether they were drawn.
        """
        with self._news:
            if not self._watched:
                return False
            self._news.wait_for(
                lambda: self._shut or self._unanswered or self._sent - self._drawn <= behind,
                timeout,
            )
            kept_up = self._sent - self._drawn <= behind
            self._watched = not self._shut and (kept_up or self._unanswered)
            return self._watched and kept_up

    @property
    def _unanswered(self) -> bool:
        return self._asked != self._answers

    def on_message(self, callback: Callable[[Message], None]) -> None:
        """Call with each message of the kinds set, press, support, look, pick and picture.

        And with "gone" when no page shows the widget any longer, "back" when one does again.

        Args:
            callback: Gets the message, a dict with "kind" and what belongs to it; may be called on
                any thread.
        """
        self._callbacks.append(callback)

    def save_picture(self, filename: str, *, file_format: str = "png", scale: float = 2) -> None:
        """Let the page that was used last download a picture of the three panels.

        Args:
            filename: Of the picture, without a folder.
            file_format: "png" or "svg".
            scale: Pixels of a PNG for each pixel of the page.

        Raises:
            ValueError: Another format, or a scale that is not positive.
        """
        if file_format not in ("png", "svg"):
            raise ValueError(f'file_format: expected "png" or "svg", got {file_format!r}')
        if not scale > 0:
            raise ValueError(f"scale: expected a number > 0, got {scale!r}")
        picture = {"filename": filename, "format": file_format, "scale": scale}
        self._ask({"kind": "export", **picture})

    def ask_for_pictures(self) -> None:
        """Let the page that was used last send an SVG of each panel, as a "picture" message."""
        self._ask({"kind": "snapshot"})

    def attend(self) -> None:
        """Let the page show the lab, and focus Play, unless its reader has done something since.

        A page that is still loading does so once it has the lab.
        """
        with self._lock:
            self._attending = not self._view
        if not self._attending:
            self._ask({"kind": "attend"})

    def copy(self, text: str) -> None:
        """Let the page that was used last put a text on the clipboard."""
        self._ask({"kind": "copy", "text": text})

    def save_file(self, filename: str, content: bytes) -> None:
        """Let the page that was used last download a file, by a name without a folder."""
        self._ask({"kind": "file", "filename": filename}, [content])

    def replace_still(self, mark: str, html: str) -> None:
        """Let pages put another picture into the notebook's output that contains a mark.

        One that comes later has loaded the notebook as it was saved, and hears of it as well.
        """
        with self._lock:
            self._still = {"kind": "still", "mark": mark, "html": html}
            if not self._shut:
                self.send(self._still)

    def replace(self, panel: str, figure: go.Figure) -> None:
        """Start a panel again with another figure, of other traces and axes."""
        with self._lock:
            self._figures[panel].become(figure)
            self._replaced = True
            if self._watched:
                self._send_whole(self._view)

    def close(self) -> None:
        """Take the widget from all pages; what is staged afterwards is not sent."""
        if self.comm is None:  # closed already, or never opened
            return
        with self._news:
            self._shut, self._watched = True, False
            self._news.notify_all()
        self.layout.close()
        super().close()

    def __repr__(self) -> str:
        return "Dashboard (live in a notebook with widgets)"

    def _ask(self, content: Message, buffers: list[bytes] | None = None) -> None:
        with self._lock:
            if not self._shut:
                self.send({**content, "view": self._view}, buffers)

    def _post(self, content: Message) -> None:
        self._sent += 1
        self._told = self._answers
        json, buffers = packed({**content, "number": self._sent, "answers": self._told})
        self.send(json, buffers)

    def _received(self, _: object, content: Any, __: object) -> None:
        if not is_message(content):
            return
        kind = content["kind"]
        if kind == "ready":
            self._send_whole(content["view"])
            if self._left:
                self._left = False
                self._tell({"kind": "back"})
            self._note_shown()
            if self._attending:
                self.attend()
        elif kind == "drawn":
            self._note_drawn(content["number"])
        elif kind == "gone":
            self._roll.begin()
        elif kind == "here":
            self._roll.hear()
        elif kind == "library":
            self.send({"kind": "library"}, [plotly_bundle().packed])
        else:
            self._view = view = content["view"]
            message = {name: content[name] for name in content if name not in ("view", "asked")}
            with self._lock:
                self._hearing += 1
            try:
                self._tell(message)
            finally:
                self._note_asked(view, content.get("asked", 0))

    def _tell(self, message: Message) -> None:
        for callback in tuple(self._callbacks):
            callback(message)

    def _note_shown(self) -> None:
        """A page begins to show the widget, or draws again after a rest."""

    def _note_left(self) -> None:
        with self._lock:
            if self._shut:
                return
            self._left, self._watched = True, False
        self._tell({"kind": "gone"})

    def _send_whole(self, view: str) -> None:
        with self._lock:
            if self._shut:
                return
            self._view, self._watched = view, True
            self._post({"kind": "whole", "figures": self._whole()})
            self._replaced = False
            if self._still is not None:
                self.send(self._still)
            self.first = {}  # by now it is an old one

    def _whole(self) -> dict[str, Any]:
        with self._lock:
            return {name: figure.take_whole() for name, figure in self._figures.items()}

    def _note_asked(self, view: str, asked: int) -> None:
        with self._news:
            self._hearing -= 1
            most = max(asked, self._asked.get(view, 0))
            self._asked = {**self._asked, view: most}  # another dict: `begin` keeps the last
            self._news.notify_all()

    def _note_drawn(self, number: int) -> None:
        with self._news:
            self._drawn = max(self._drawn, number)
            awoken, self._watched = not self._watched, not self._shut
            self._news.notify_all()
            if awoken:
                # nothing was sent meanwhile, and perhaps nothing else changes
                if self._replaced and self._watched:
                    self._send_whole(self._view)
                else:
                    self.flush()
        if awoken:
            self._note_shown()
