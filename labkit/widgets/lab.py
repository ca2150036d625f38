"""The lab: controls and linked plots over a session, as one widget."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, final

import ipywidgets
import traitlets

from labkit.figures import DARK, ROOM, lab_figures
from labkit.session import InterruptedReplayError, Session, Snapshot, keep_threads
from labkit.training import DivergedError
from labkit.widgets.controls import specification
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.draw_loop import DrawLoop, IdleDetector
from labkit.widgets.lab_context import LabContext, Scene, ViewState
from labkit.widgets.lab_controls import LabControls, Request
from labkit.widgets.lab_traits import SessionTrait, TraitsMirror, setting_trait
from labkit.widgets.lab_words import in_words_of_the_lab
from labkit.widgets.presence import labs
from labkit.widgets.protocol import Message
from labkit.widgets.renderer import Renderer
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


COUNTED = (
    'meta_step counts the training and cannot be set: train with press("meta_step") or '
    'playing = True, and view an earlier meta-step with choose("look", 40)'
)


@final
class Lab(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The live view of a session, with its controls and plots: a widget like any other.

    It can be put into boxes and tabs. Its traits are the session's values: they can be observed
    and linked, and assigning one changes the session as a control does. `alpha`, `beta`,
    `inner_steps`, `order`, `algorithm`, `alpha_learned`, `meta_optimizer`, `meta_batch` and `shots`
    are the settings; `playing` starts and pauses the training; `meta_step`, the one that is shown,
    can only be observed. What the page, another lab or the session itself changes, one drawing
    thread notices and tells the observers, at most ten times a second.

    Any number of labs can show one session. Closing one ends its own drawing and nothing else:
    `session.close()` ends the training.

    Args:
        session: What is shown and steered.
        show: Names of the controls to show, such as "alpha", "order", "play"; None: all. What is
            not shown keeps its value, unless a cell assigns it. What is listed is in sight also on
            a narrow page, which otherwise folds all but the most needed.
        lock: Names of controls that are shown but cannot be moved; their traits cannot be set.

    Raises:
        ValueError: There is no control of a name.
        TraitError: An assigned value is refused; nothing has changed.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> lab = Lab(Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid), lock=["beta"])
        >>> lab.observe(lambda change: print(change["old"], "→", change["new"]), "alpha")
        >>> lab.alpha = 0.02
        0.01 → 0.02
        >>> lab.session.settings.alpha
        0.02
        >>> lab.close()
    """

    alpha = setting_trait("alpha")
    beta = setting_trait("beta")
    inner_steps = setting_trait("inner_steps")
    order = setting_trait("order")
    algorithm = setting_trait("algorithm")
    alpha_learned = setting_trait("alpha_learned")
    meta_optimizer = setting_trait("meta_optimizer")
    meta_batch = setting_trait("meta_batch")
    shots = setting_trait("shots")
    playing = SessionTrait(help="whether the training runs in the background")
    meta_step = SessionTrait(help="the meta-step that is shown; it cannot be set")

    def __init__(
        self,
        session: Session,
        *,
        show: Collection[str] | None = None,
        lock: Collection[str] = (),
    ) -> None:
        self.session = session
        self._controls = LabControls(session)
        self._controls.check_listed(show or (), lock)
        self._hidden = set() if show is None else self._controls.hidden(show)
        self._listed = set(show or ())
        self._locked = set(lock)
        self._view = ViewState()
        self._last: tuple[str, bool] = "", True
        self._asked = False
        self._turn = threading.RLock()  # one thing at a time is done to the session
        self.traits_mirror = TraitsMirror(session, self._assign, self._notify)
        specs = specification(self._controls.groups())
        self.dashboard = Dashboard(specs, lab_figures(), DARK, ROOM, opened=False)
        self._loop = DrawLoop(session.subscribe, self._draw_aside, REDRAW_SECONDS)
        self._context = LabContext(session, self._view, self.dashboard, self._loop.wake)
        self.dashboard.on_message(self._heard)
        self._renderer = Renderer(
            session, self.dashboard, self._view, self._tried, lambda: self._asked
        )
        self._source = session.source
        self._still, self._idle = StaticCopy(), IdleDetector(STILL_SECONDS)
        if self._draw():
            self._loop.wake()
        self.dashboard.offer()
        # all at once: a page that connects between two of them hears of a lab whose content it
        # does not know, and waits for that instead of for the kernel's answer that it has asked for
        self.dashboard.open()
        # in a row the lab takes the room that the others leave
        layout = ipywidgets.Layout(flex="1 1 auto", min_width="0", overflow="visible")
        super().__init__([self.dashboard], layout=layout)
        labs.enter(self)
        self._loop.start()

    def close(self) -> None:
        """Stop drawing, and take the lab from all pages; session and other labs continue."""
        if self.comm is None:  # closed already, or never opened
            return
        labs.forget(self)
        self._loop.close()
        # before what it holds: a page that is just loading would look for what has gone
        super().close()
        self.dashboard.close()
        self.layout.close()

    def choose(self, name: str, value: Any, *, final: bool = True) -> None:
        """Do what moving a control does; `final` is False while it is being dragged."""
        if self._movable(name):
            self._choose(name, value, final=final)

    def press(self, name: str) -> None:
        """Do what pressing a button does."""
        if self._movable(name):
            with self._turn:
                self._last = "", True
                self._attempt(lambda: self._act(name, Request(), pressed=True))

    def set_points(self, points: Sequence[tuple[float, float]] | None) -> None:
        """Do what clicks in the task's plot do: set its support points, or the goal to reach.

        The task of the lab's portrait alone is changed, as that is drawn; no training sees it.

        Args:
            points: x and y of each support point; of a navigation task its goal, alone. None: as
                the task has them.

        Raises:
            ValueError: The task that is shown has none that can be set, or these are not finite.

        Example:
            >>> from labkit.session import Settings
            >>> from labkit.tasks import Navigation, gaussian_policy
            >>> settings = Settings(shots=2, meta_batch=2)
            >>> session = Session(settings, model=gaussian_policy, tasks=Navigation, test_tasks=2)
            >>> lab = Lab(session)
            >>> lab.set_points([(0.3, -0.4)])       # the goal of the task that is shown
            >>> lab.close()
        """
        with self._turn:
            error = self._attempt(lambda: self._context.set_points(points))
        if error is not None:
            raise error

    def __repr__(self) -> str:
        return "MAML Lab (live in a notebook with widgets)"

    def show_still(self) -> None:
        """Add a picture below the lab in the running cell, for where the lab itself cannot live."""
        self._still.show()

    def _heard(self, message: Message) -> None:
        match message["kind"]:
            case "picture" if self._still.shown:
                self._still.update(picture_html(message["images"]))
                self.dashboard.replace_still(self._still.mark, self._still.html)
            case "set":
                self.choose(message["name"], message["value"], final=message["final"])
            case "press":
                self.press(message["name"])
            case "support":
                with self._turn:
                    self._attempt(lambda: self._context.move_point(message))
            case "look":
                self.choose("look", message["meta_step"])
            case "gone":
                labs.leave(self)
            case "back":
                labs.enter(self)

    def _movable(self, name: str) -> bool:
        return name not in self._locked | self._hidden

    def _choose(self, name: str, value: Any, *, final: bool) -> Exception | None:
        with self._turn:
            joined, self._last = self._last == (name, False), (name, final)
            if joined and final and getattr(self.session.settings, name, None) == value:
                return None  # the drag has set it already
            return self._attempt(lambda: self._act(name, Request(value, joined), pressed=False))

    def _act(self, name: str, request: Request, *, pressed: bool) -> None:
        control = self._controls[name]
        if control is not None and control.act is not None and control.pressed is pressed:
            control.act(self._context, request)

    def _attempt(self, action: Callable[[], None]) -> Exception | None:
        """Do something that may be refused; the lab then says why."""
        self._view.message = self._view.note = ""
        if self.dashboard.watched and self.session.playing:
            self.session.hold(ANSWER_SECONDS)  # until the answer is on its way
        try:
            action()
        except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
            self._view.message = in_words_of_the_lab(_sentence(error))
            return error
        finally:
            self._asked = True
            self._loop.hurry()
        return None

    def _assign(self, name: str, value: Any) -> None:
        """Do what assigning a trait asks for."""
        if name == "meta_step":
            raise traitlets.TraitError(COUNTED)
        if ("play" if name == "playing" else name) in self._locked:
            raise traitlets.TraitError(f"{name} is {LOCKED}")
        if name != "playing":
            error = self._choose(name, value, final=True)
        elif type(value) is not bool:
            raise traitlets.TraitError(f"playing = {value!r}: must be True or False")
        else:
            with self._turn:
                error = self._attempt(self.session.play if value else self.session.pause)
        if error is not None:
            raise traitlets.TraitError(_sentence(error)) from error

    def _notify(self, name: str, old: Any, new: Any) -> None:
        change = traitlets.Bunch(name=name, old=old, new=new, owner=self, type="change")
        self.notify_change(change)

    def _draw_aside(self) -> bool:
        keep_threads(self.session.threads)  # the thread is the loop's own
        self._tried(self.traits_mirror.refresh, "An observer of the lab failed")
        return self._draw()

    def _draw(self) -> bool:
        """Show the session as it is; True if something is still to follow."""
        session, view = self.session, self._view
        self.dashboard.begin()
        try:
            snapshot = session.snapshot()
        except InterruptedReplayError:
            return True
        except Exception as error:  # noqa: BLE001  # a model may raise anything, also repeated
            view.message = f"Viewing that meta-step failed. {type(error).__name__}: {error}"
            session.look(None)
            return True
        if snapshot.observer.source is not self._source:
            self._source = snapshot.observer.source
            self._begin_anew()
        if snapshot.playing and not self.dashboard.watched and self._renderer.begun:
            return True  # nobody sees it: the training has the time
        asked, self._asked = self._asked, False
        if not snapshot.playing:
            # a choice is answered before what follows from it is measured, on all held-out tasks
            self.dashboard.state = self._state(snapshot)
        more = self._renderer.draw(snapshot)
        if self._asked and self._renderer.behind:
            return True  # that is answered first
        walk = snapshot.cursor
        # before the controls: until the page's next frame, in which it is drawn, they come as well
        self.dashboard.flush()
        self.dashboard.inner_step = view.visible_step if walk is None else walk.inner_step
        self.dashboard.trained = session.last_step > 0
        self.dashboard.state = self._state(snapshot)
        if not self._asked:  # meanwhile: that holds it for itself
            session.hold(ANSWERED_SECONDS if asked else 0)
        self.dashboard.idle(behind=MESSAGES_UNDER_WAY)
        if not snapshot.playing and self._idle.reached((snapshot.meta_step, snapshot.settings)):
            self.dashboard.ask_for_pictures()
        return more or (self._idle.waiting and not snapshot.playing)

    def _begin_anew(self) -> None:
        """Other tasks: another kind of picture, other measures."""
        view = self._view
        view.task, view.points, view.measure, view.shown_step = 0, None, None, None
        self._renderer.forget()

    def _state(self, snapshot: Snapshot) -> dict[str, Any]:
        view, failure = self._view, snapshot.failure
        if failure is not None and not view.message:
            stopped = f"Training stopped: {_sentence(failure)}"
            view = replace(view, message=in_words_of_the_lab(stopped))
        state = self._controls.state(Scene(self.session, snapshot, view))
        for name in self._locked:
            state[name] = {**state.get(name, {}), "disabled": True, "reason": LOCKED}
        for name in self._listed:
            state[name] = {**state.get(name, {}), "essential": True}
        for name in self._hidden:
            state[name] = {**state.get(name, {}), "hidden": True}
        return state

    def _tried(self, do: Callable[[], None], words: str = "Drawing failed") -> None:
        """Do something; the lab says what a person's own code raises in it, and continues."""
        try:
            do()
        except Exception as error:  # noqa: BLE001  # a person's own code
            text = f"{words}. {type(error).__name__}: {error}"
            if text != self._view.message:
                self._view.message = text
                self._loop.wake()


def _sentence(error: BaseException) -> str:
    """What a refusal says; of an error that nobody foresaw also its kind."""
    expected = isinstance(error, ValueError | ModuleNotFoundError | DivergedError)
    return str(error) if expected else f"{type(error).__name__}: {error}"
