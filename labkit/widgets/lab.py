"""The lab: controls and linked plots over a session."""

import threading
from collections.abc import Callable, Collection
from typing import Any

from labkit.figures.lab import lab_figures
from labkit.figures.palette import DARK
from labkit.figures.task_figure import task_figure
from labkit.session.catalog import problem_of, switched
from labkit.session.changes import LIVE
from labkit.session.run import InterruptedReplayError
from labkit.session.session import Session
from labkit.session.share import read_share_code
from labkit.session.snapshot import Snapshot
from labkit.widgets.browser_messages import Message
from labkit.widgets.controls import specification
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.exports import Copied, exported
from labkit.widgets.lab_controls import lab_groups
from labkit.widgets.lab_state import Looks, control_state
from labkit.widgets.painter import Painter
from labkit.widgets.publisher import Publisher

REDRAW_SECONDS = 0.1
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
        self._hidden = set() if show is None else names - {*show, "status", "message"}
        self._locked = set(lock)
        self._looks = Looks()
        self._presses = self._actions()
        self._home = session.source, session.settings
        self._last: tuple[str, bool] = "", True
        self._turn = threading.RLock()  # one thing at a time is done to the session
        snapshot = session.snapshot()
        portrait = session.portrait(snapshot)
        figures = lab_figures(portrait)
        figures["task"] = task_figure(portrait, editable=session.editable(snapshot))
        self.dashboard = Dashboard(specification(groups), figures, DARK)
        self.dashboard.on_message(self._heard)
        self._painter = Painter(session, self.dashboard, self._looks, self._tried)
        self._source = session.source
        self._draw()
        self._publisher = Publisher(session.changed, self._draw, REDRAW_SECONDS)

    def close(self) -> None:
        """Stop the training and the drawing, and take the lab from the page."""
        self._publisher.close()
        self.session.close()
        self.dashboard.close()

    def choose(self, name: str, value: Any, *, final: bool = True) -> None:
        """Do what moving a control does; `final` is False while it is being dragged."""
        joined = self._last == (name, False)
        self._last = name, final
        with self._turn:
            self._refusable(lambda: self._set(name, value, joined=joined))

    def press(self, name: str) -> None:
        """Do what pressing a button does."""
        self._last = "", True
        with self._turn:
            self._refusable(lambda: self._press(name))

    def __repr__(self) -> str:
        return "MAML Lab (live in a notebook with widgets)"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        data, _ = self.dashboard._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": repr(self)}

    def _heard(self, message: Message) -> None:
        match message["kind"]:
            case "set":
                self.choose(message["name"], message["value"], final=message["final"])
            case "press":
                self.press(message["name"])
            case "support":
                with self._turn:
                    self._move_point(message)
            case "look":
                self.choose("look", message["meta_step"])

    def _refusable(self, action: Callable[[], None]) -> None:
        """Do something that may be refused; the lab then says why."""
        self._looks.message = ""
        try:
            action()
        except (ValueError, ModuleNotFoundError) as error:
            self._looks.message = str(error)
        finally:
            self._publisher.hurry()

    def _set(self, name: str, value: Any, *, joined: bool) -> None:
        session, looks = self.session, self._looks
        if name in self._locked | self._hidden:
            return
        if name in LIVE:
            session.set(joined=joined, **{name: value})
            return
        match name:
            case "look":
                session.look(min(int(value), session.last_step))
            case "tasks" | "model":
                self._restart(name, value)
            case "export":
                self._export(value)
            case "load":
                session.load(read_share_code(value))
            case "measure":
                looks.measure = value
            case "by":
                looks.by = value
            case "shown_step":
                looks.shown_step = int(value)

    def _press(self, name: str) -> None:
        if name not in self._locked | self._hidden and name in self._presses:
            self._presses[name]()

    def _actions(self) -> dict[str, Callable[[], object]]:
        session, looks = self.session, self._looks

        def play() -> None:
            session.pause() if session.playing else session.play()

        def fork() -> None:
            session.pin()
            session.fork()

        def large() -> None:
            looks.large = self.dashboard.large = not looks.large

        def another() -> None:
            looks.task, looks.points = (looks.task + 1) % session.source.test_tasks, None

        def own_points() -> None:
            looks.points = None

        def all_steps() -> None:
            looks.shown_step = looks.steps if looks.shown_step is None else None

        return {
            "play": play,
            "inner_step": lambda: session.step("inner_step"),
            "task": lambda: session.step("task"),
            "meta_step": lambda: session.step("meta_step"),
            "reset": session.reset,
            "reseed": session.reseed,
            "undo": session.undo,
            "redo": session.redo,
            "live": lambda: session.look(None),
            "fork": fork,
            "pin": session.pin,
            "unpin": session.unpin,
            "large": large,
            "another": another,
            "own_points": own_points,
            "all_steps": all_steps,
        }

    def _restart(self, name: str, value: str) -> None:
        session = self.session
        problem = value if name == "tasks" else problem_of(session.source)
        if problem not in (None, "yours"):
            model = value if name == "model" and value != "yours" else None
            session.restart(
                *switched(session.source, session.settings, problem=problem, model=model)
            )
        elif self._home[0] is not session.source:
            session.restart(*self._home)

    def _export(self, what: str) -> None:
        if what in ("svg", "png"):
            name = f"maml-lab-{self.session.snapshot().meta_step}.{what}"
            self.dashboard.save_picture(name, file_format=what)
            return
        result = exported(self.session, what)
        if isinstance(result, Copied):
            self.dashboard.copy(result.text)
            self._looks.message = f"Copied: {result.text.splitlines()[0][:60]} …"
            return
        for name, content in result.contents.items():
            self.dashboard.save_file(name, content)

    def _move_point(self, message: Message) -> None:
        session, looks = self.session, self._looks
        snapshot = session.snapshot()
        if snapshot.cursor is not None or not session.editable(snapshot):
            return
        if looks.points is None:
            portrait: Any = session.portrait(snapshot, looks.task)
            shown = zip(portrait.support_x.tolist(), portrait.support_y.tolist(), strict=True)
            looks.points = tuple(shown)
        points, at = list(looks.points), message.get("index")
        point = float(message["x"]), float(message["y"])
        if message["action"] == "add":
            points.append(point)
        elif at is not None and at < len(points):
            points[at : at + 1] = [point] if message["action"] == "move" else []
        if points:
            looks.points = tuple(points)
        else:
            looks.message = (
                "The last support point stays: without any there is nothing to adapt to."
            )
        self._publisher.hurry()

    def _draw(self) -> bool:
        """Show the session as it is; True if something is still to follow."""
        session, looks = self.session, self._looks
        try:
            snapshot = session.snapshot()
        except InterruptedReplayError:
            return True
        if session.source is not self._source:
            self._source = session.source
            self._begin_anew(snapshot)
        more = self._painter.draw(snapshot)
        walk = snapshot.cursor
        self.dashboard.inner_step = looks.shown_step if walk is None else walk.inner_step
        self.dashboard.state = self._state(snapshot)
        self.dashboard.flush()
        self.dashboard.idle()
        return more

    def _begin_anew(self, snapshot: Snapshot) -> None:
        """Other tasks: another kind of picture, other measures."""
        looks, session = self._looks, self.session
        looks.task, looks.points, looks.measure, looks.shown_step = 0, None, None, None
        self._painter.forget()
        portrait = session.portrait(snapshot)
        editable = session.editable(snapshot)
        self.dashboard.replace("task", task_figure(portrait, editable=editable))

    def _state(self, snapshot: Snapshot) -> dict[str, Any]:
        looks = self._looks
        failure = snapshot.failure
        said = looks.message
        if failure is not None:
            looks.message = said or f"Training stopped. {type(failure).__name__}: {failure}"
        state = control_state(self.session, snapshot, looks)
        looks.message = said
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
                self.session.changed.set()
