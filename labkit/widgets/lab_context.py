"""What the lab's controls work with: the session as it is shown, and the view's own choices."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any

from labkit.figures import Arrangement
from labkit.session import (
    CUSTOM,
    Points,
    Recipe,
    Session,
    Settings,
    Snapshot,
    Source,
    preset_named,
    problem_of,
    switched,
    unused,
)
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.protocol import Message

MAXIMUM = {"inner_steps": 100, "meta_batch": 1000, "shots": 1000}
"""Ten times the ends of their sliders. A number with too many zeros uses up all memory, and then
the system ends the kernel, with the training in it."""


@dataclass(slots=True)
class ViewState:
    """What a person has chosen to see, which changes nothing of the session.

    Attributes:
        measure: Metric of the adaptation panel; None: the first that there is.
        by: Unit of the training panel's x-axis.
        task: Number of the held-out task.
        points: Support points set by hand, or the goal alone; None: as the task has them.
        paths: How the paths of a navigation task are arranged.
        has_paths: Whether the task that is drawn has such.
        shown_step: Inner step shown alone, or None.
        large: Large type.
        message: What went wrong, in words.
        note: What was done, in words, where nothing went wrong.
        more: Whether folded controls are shown.
        tried: Setting → its value before it was tried, and all settings after that.
        loading: Whether the field for a share code is shown.
        measures: Metrics that can be shown.
        steps: Inner steps that the task panel shows.
    """

    measure: str | None = None
    by: Any = "meta_step"
    task: int = 0
    points: Points | None = None
    paths: Arrangement = "overlaid"
    has_paths: bool = False
    shown_step: int | None = None
    large: bool = False
    message: str = ""
    note: str = ""
    more: bool = False
    tried: dict[str, tuple[Any, Settings]] = field(default_factory=dict)
    loading: bool = False
    measures: Sequence[str] = ()
    steps: int = 1

    @property
    def visible_step(self) -> int | None:
        """The inner step that is shown alone, of those that there are by now."""
        return None if self.shown_step is None else min(self.shown_step, self.steps)


@dataclass(frozen=True)
class Scene:
    """What the states of the controls depend on.

    Attributes:
        session: Whose lab it is.
        snapshot: What is shown of it.
        view: How it is shown.
    """

    session: Session
    snapshot: Snapshot
    view: ViewState

    @property
    def settings(self) -> Settings:
        """Those of the snapshot."""
        return self.snapshot.settings

    @property
    def source(self) -> Source:
        """Model and tasks of the snapshot: the session may have others by now."""
        return self.snapshot.observer.source

    @property
    def in_history(self) -> bool:
        """Whether an earlier meta-step is shown."""
        return self.snapshot.meta_step != self.snapshot.last_step

    @cached_property
    def unused(self) -> dict[str, str]:
        """Settings that the algorithm ignores, with the reason."""
        return unused(self.settings)


@dataclass
class LabContext:
    """What the actions of the controls change.

    Attributes:
        session: What is steered.
        view: What is chosen to be seen.
        dashboard: Where exports go.
        wake: Lets the lab draw what has changed in the view.
    """

    session: Session
    view: ViewState
    dashboard: Dashboard
    wake: Callable[[], None]
    _home: tuple[Source, Settings] = field(init=False)
    _edited: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._home = self.session.source, self.session.specification

    def set(self, name: str, value: Any, *, joined: bool) -> None:
        """Change a live setting; `joined` to the change before, as in dragging.

        Raises:
            ValueError: The value is not allowed, or more than there may be memory for.
        """
        check_affordable(name, value)
        # what was refused, or changed nothing, is no edit that the rest of a drag could join
        self._edited &= joined
        before = self.session.settings
        self.session.set(joined=self._edited, **{name: value})
        self._edited |= self.session.settings != before

    def attempt(self, name: str, value: Any) -> None:
        """Set a setting to try it out; what has that value already goes back to before.

        With nothing changed since, θ goes back too.

        Raises:
            ValueError: As for `set`.
        """
        session, tried = self.session, self.view.tried
        before = session.settings
        if getattr(before, name) != value:
            self.set(name, value, joined=False)
            tried[name] = getattr(before, name), session.settings
        elif name in tried:
            previous, after = tried.pop(name)
            if before == after and session.can_undo:
                session.undo()
            else:
                self.set(name, previous, joined=False)

    def restart(self, begin: Callable[[], None]) -> None:
        """Restart at meta-step 0, and say which scheduled changes that brings back."""
        begin()
        if self.session.ahead:
            first = self.session.ahead[0][0]
            self.view.note = (
                f"Scheduled changes will be re-applied, the first at meta-step {first:,}"
            )

    def switch(self, *, problem: str | None = None, model: str | None = None) -> None:
        """Restart with other tasks or another model of the catalogue, or with those of the start.

        Raises:
            ValueError: There are none of this name.
        """
        session = self.session
        problem = problem_of(session.source) if problem is None else problem
        if problem not in (None, CUSTOM):
            model = None if model == CUSTOM else model
            session.restart(
                *switched(session.source, session.specification, problem=problem, model=model)
            )
        elif self._home[0] is not session.source:
            session.restart(*self._home)

    def open_preset(self, name: object) -> None:
        """Restart as a prepared session.

        Raises:
            ValueError: There is none of this name.
        """
        self.session.restart(*preset_named(name).restarted(self.session.source))

    def move_point(self, message: Message) -> None:
        """Add, move or remove a support point, or place the goal."""
        session, view = self.session, self.view
        snapshot = session.snapshot()
        if snapshot.cursor is not None or not session.editable(snapshot):
            return
        if view.has_paths:
            if message["action"] != "remove":  # wherever: there is one goal
                view.points = ((float(message["x"]), float(message["y"])),)
            return
        if view.points is None:
            portrait: Any = session.portrait(snapshot, view.task)
            x, y = portrait.support_x.tolist(), portrait.support_y.tolist()
            view.points = tuple(zip(x, y, strict=True))
        points, at = list(view.points), message.get("index")
        point = float(message["x"]), float(message["y"])
        if message["action"] == "add":
            points.append(point)
        elif at is not None and at < len(points):
            points[at : at + 1] = [point] if message["action"] == "move" else []
        if points:
            view.points = tuple(points)
        else:
            view.message = "The last support point stays: without any there is nothing to adapt to."

    def set_points(self, points: Sequence[tuple[float, float]] | None) -> None:
        """Set all support points, or the goal; None: as the task has them.

        Raises:
            ValueError: The task that is shown has none that can be set, or not these.
        """
        session, view = self.session, self.view
        snapshot = session.snapshot()
        chosen: Points | None = None
        if points is not None:
            if snapshot.cursor is not None or not session.editable(snapshot):
                raise ValueError(
                    "the task that is shown has no points that can be set: a held-out regression "
                    "task in one variable has its support points, one of navigation its goal"
                )
            chosen = tuple((float(x), float(y)) for x, y in points)
            if not chosen or not all(isfinite(value) for point in chosen for value in point):
                raise ValueError(f"points must be pairs of finite numbers (x, y), got {points!r}")
            session.portrait(snapshot, view.task, chosen)  # raises where there is one goal
        view.points = chosen


def whole(name: str, value: object) -> int:
    """A whole number from the page.

    Raises:
        ValueError: It is none, or below 0.
    """
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} = {value!r}: must be a whole number ≥ 0")
    return value


def one_of(name: str, value: Any, allowed: Collection[str]) -> Any:
    """A choice from the page.

    Raises:
        ValueError: It is none of the allowed ones.
    """
    if value not in allowed:
        raise ValueError(f"{name} = {value!r}: must be one of {', '.join(allowed)}")
    return value


def check_affordable(name: str, value: object) -> None:
    """Refuse a setting that may use up all memory.

    Raises:
        ValueError: It is above its `MAXIMUM`.
    """
    most = MAXIMUM.get(name)
    if most is not None and isinstance(value, int) and value > most:
        raise ValueError(
            f"{name} = {value:,}: the lab takes at most {most:,}; if there is memory for more, "
            "set it from a cell with session.set"
        )


def check_recipe(recipe: Recipe) -> None:
    """Refuse a share code with settings that may use up all memory.

    Raises:
        ValueError: One of them is above its `MAXIMUM`.
    """
    settings = recipe.settings
    for name in MAXIMUM:
        check_affordable(name, getattr(settings, name))
    for _, name, value in settings.events:
        check_affordable(name, value)
