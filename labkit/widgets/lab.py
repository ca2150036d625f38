"""The lab: controls and linked plots over a session."""

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from labkit.figures import DARK, lab_figures
from labkit.session import InterruptedReplayError, Session, Snapshot, keep_threads
from labkit.widgets.browser_messages import Message
from labkit.widgets.controls import specification
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.lab_actions import Actions
from labkit.widgets.lab_controls import ALWAYS_SHOWN, lab_groups
from labkit.widgets.lab_state import Looks, control_state
from labkit.widgets.lull import Lull
from labkit.widgets.painter import Painter
from labkit.widgets.publisher import Publisher
from labkit.widgets.static_copy import StaticCopy, picture_html

REDRAW_SECONDS = 0.1
MESSAGES_UNDER_WAY = 14
"""So many the page may still have to draw when the next is sent: it draws the last state only."""

ANSWER_SECONDS = 1.0
ANSWERED_SECONDS = 0.06
"""The training rests for what a person has asked for: so long at most until the answer is sent,
and so long for the page to draw it."""

STILL_SECONDS = 1.0
"""After so long at rest the picture is taken that stays in a saved notebook."""

LOCKED = "locked for this lesson"


class Lab:
    """The live view of a session; displaying it shows the controls and the plots.

    Callbacks only set values on the session; one thread draws. `close` ends it.

    Args:
        session: What is shown and steered.
        show: Names of the controls to show, such as "alpha", "order", "play"; None: all. What is
            not shown keeps its value.
        lock: Names of controls that are shown but cannot be moved.

    Raises:
        ValueError: There is no control of a name.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> lab = Lab(Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid), lock=["beta"])
        >>> lab.choose("alpha", 0.02)
        >>> lab.session.settings.alpha
        0.02
        >>> lab.close()
    """

    def __init__(
        self,
        session: Session,
        *,
        show: Collection[str] | None = None,
        lock: Collection[str] = (),
    ) -> None:
        self.session = session
        groups = lab_groups(session)
        names = {control.name for group in groups for control in group.controls}
        for argument, given in (("show", show or ()), ("lock", lock)):
            unknown = [given] if isinstance(given, str) else sorted(set(given) - names)
            if unknown:
                raise ValueError(
                    f"{argument} must be a list of names of controls, got {unknown[0]!r}; there "
                    f"are: {', '.join(sorted(names))}"
                )
        self._hidden = set() if show is None else names - {*show, *ALWAYS_SHOWN}
        if "load" not in self._hidden:
            self._hidden.discard("loading")  # which opens it
        self._locked = set(lock)
        self._looks = Looks()
        self._last: tuple[str, bool] = "", True
        self._asked = False
        self._turn = threading.RLock()  # one thing at a time is done to the session
        self.dashboard = Dashboard(specification(groups), lab_figures(), DARK)
        self._actions = Actions(session, self._looks, self.dashboard)
        self.dashboard.on_message(self._heard)
        self._painter = Painter(
            session, self.dashboard, self._looks, self._tried, lambda: self._asked
        )
        self._source = session.source
        self._still, self._lull = StaticCopy(), Lull(STILL_SECONDS)
        self._publisher: Publisher | None = None
        self._draw()
        self.dashboard.offer()
        self._publisher = Publisher(session.subscribe, self._draw_aside, REDRAW_SECONDS)

    def close(self) -> None:
        """Stop the training and the drawing, and take the lab from the page."""
        if self._publisher is not None:
            self._publisher.close()
        self.session.close()
        self.dashboard.close()

    def choose(self, name: str, value: Any, *, final: bool = True) -> None:
        """Do what moving a control does; `final` is False while it is being dragged."""
        with self._turn:
            joined, self._last = self._last == (name, False), (name, final)
            if joined and final and getattr(self.session.settings, name, None) == value:
                return  # it stands already
            self._refusable(name, lambda: self._actions.choose(name, value, joined=joined))

    def press(self, name: str) -> None:
        """Do what pressing a button does."""
        with self._turn:
            self._last = "", True
            self._refusable(name, lambda: self._actions.press(name))

    def __repr__(self) -> str:
        return "MAML Lab (live in a notebook with widgets)"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        live: Any = self.dashboard._repr_mimebundle_  # None once it is closed
        data, _ = (live and live(**kwargs)) or ({}, {})
        return {**data, "text/plain": repr(self)}

    def show_still(self) -> None:
        """Add a picture below the lab in the running cell, for where the lab itself cannot live."""
        self._still.show()

    def _heard(self, message: Message) -> None:
        match message["kind"]:
            case "picture" if self._still.shown:
                self._still.update(picture_html(message["images"]))
            case "set":
                self.choose(message["name"], message["value"], final=message["final"])
            case "press":
                self.press(message["name"])
            case "support":
                with self._turn:
                    self._refusable("points", lambda: self._actions.move_point(message))
            case "look":
                self.choose("look", message["meta_step"])

    def _refusable(self, name: str, action: Callable[[], None]) -> None:
        """Do something that may be refused; the lab then says why."""
        if name in self._locked | self._hidden:
            return
        self._looks.message = self._looks.note = ""
        if self.dashboard.watched and self.session.playing:
            self.session.hold(ANSWER_SECONDS)  # until the answer is on its way
        try:
            action()
        except (ValueError, ModuleNotFoundError) as error:
            self._looks.message = str(error)
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            self._looks.message = f"{type(error).__name__}: {error}"
        finally:
            self._asked = True
            if self._publisher is not None:
                self._publisher.hurry()

    def _draw_aside(self) -> bool:
        keep_threads(self.session.threads)  # the thread is the publisher's own
        return self._draw()

    def _draw(self) -> bool:
        """Show the session as it is; True if something is still to follow."""
        session, looks = self.session, self._looks
        self.dashboard.begin()
        try:
            snapshot = session.snapshot()
        except InterruptedReplayError:
            return True
        except Exception as error:  # noqa: BLE001  # a model may raise anything, also repeated
            looks.message = f"Looking back failed. {type(error).__name__}: {error}"
            session.look(None)
            return True
        if snapshot.observer.source is not self._source:
            self._source = snapshot.observer.source
            self._begin_anew()
        if snapshot.playing and not self.dashboard.watched and self._painter.begun:
            return True  # nobody sees it: the training has the time
        asked, self._asked = self._asked, False
        if not snapshot.playing:
            # a choice is answered before what follows from it is measured, on all held-out tasks
            self.dashboard.state = self._state(snapshot)
        more = self._painter.draw(snapshot)
        if self._asked and self._painter.behind:
            return True  # that is answered first
        walk = snapshot.cursor
        # before the controls: until the page's next frame, in which it is drawn, they come as well
        self.dashboard.flush()
        self.dashboard.inner_step = looks.shown_step if walk is None else walk.inner_step
        self.dashboard.state = self._state(snapshot)
        if not self._asked:  # meanwhile: that holds it for itself
            session.hold(ANSWERED_SECONDS if asked else 0)
        self.dashboard.idle(behind=MESSAGES_UNDER_WAY)
        if not snapshot.playing and self._lull.reached((snapshot.meta_step, snapshot.settings)):
            self.dashboard.ask_for_pictures()
        return more or (self._lull.waits and not snapshot.playing)

    def _begin_anew(self) -> None:
        """Other tasks: another kind of picture, other measures."""
        looks = self._looks
        looks.task, looks.points, looks.measure, looks.shown_step = 0, None, None, None
        self._painter.forget()

    def _state(self, snapshot: Snapshot) -> dict[str, Any]:
        looks, failure = self._looks, snapshot.failure
        if failure is not None and not looks.message:
            stopped = f"Training stopped. {type(failure).__name__}: {failure}"
            looks = replace(looks, message=stopped)
        state = control_state(self.session, snapshot, looks)
        for name in self._locked:
            state[name] = {**state.get(name, {}), "disabled": True, "reason": LOCKED}
        for name in self._hidden:
            state[name] = {**state.get(name, {}), "hidden": True}
        return state

    def _tried(self, draw: Callable[[], None]) -> None:
        """Draw; what a task family's own code raises is said in the lab, which goes on."""
        try:
            draw()
        except Exception as error:  # noqa: BLE001  # it may raise anything
            text = f"Drawing failed. {type(error).__name__}: {error}"
            if text != self._looks.message:
                self._looks.message = text
                if self._publisher is not None:  # it draws once more when it begins
                    self._publisher.wake()
