"""What the lab's controls do."""

from collections.abc import Callable, Collection
from typing import Any, get_args

from labkit.figures import By
from labkit.session import LIVE, Recipe, Session, problem_of, read_share_code, switched
from labkit.widgets.browser_messages import Message
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.exports import Copied, exported
from labkit.widgets.lab_controls import YOURS
from labkit.widgets.lab_state import Looks

MOST = {"inner_steps": 100, "meta_batch": 1000, "shots": 1000}
"""Ten times what their sliders reach. A number with too many zeros takes all memory there is, and
then the system ends the kernel, with the training in it."""


class Actions:
    """Each control by its name: what it sets, what it starts. All may raise ValueError.

    Args:
        session: What is steered.
        looks: What is chosen to be seen.
        dashboard: Where exports go.
    """

    def __init__(self, session: Session, looks: Looks, dashboard: Dashboard) -> None:
        self._session, self._looks, self._dashboard = session, looks, dashboard
        self._home = session.source, session.specification
        self._presses = self._buttons()
        self._edited = False

    def choose(self, name: str, value: Any, *, joined: bool) -> None:
        """Take a value; `joined` to the one before, as in dragging."""
        session, looks = self._session, self._looks
        if name in LIVE:
            _check_affordable(name, value)
            # of a drag, what was refused or changed nothing is no edit that others could join
            self._edited &= joined
            before = session.settings
            session.set(joined=self._edited, **{name: value})
            self._edited |= session.settings != before
            return
        match name:
            case "look":
                session.look(min(_whole(name, value), session.last_step))
            case "tasks" | "model":
                self._restart(name, value)
            case "export":
                self._export(value)
            case "load":
                recipe = read_share_code(value)
                _check_recipe(recipe)
                session.load(recipe)
                looks.loading = False
            case "measure":
                looks.measure = _one_of(name, value, looks.measures)
            case "by":
                looks.by = _one_of(name, value, get_args(By))
            case "shown_step":
                # the same step chosen again, and not at the end of a drag: all of them
                step = _whole(name, value)
                again = step == looks.shown_step and not joined
                looks.shown_step = None if again else step

    def press(self, name: str) -> None:
        """Do what a button says."""
        if name in self._presses:
            self._presses[name]()

    def _buttons(self) -> dict[str, Callable[[], object]]:
        session, looks = self._session, self._looks

        def play() -> None:
            session.pause() if session.playing else session.play()

        def fork() -> None:
            session.pin()
            session.fork()

        def large() -> None:
            looks.large = self._dashboard.large = not looks.large

        def more() -> None:
            looks.more = not looks.more

        def loading() -> None:
            looks.loading = not looks.loading

        def another() -> None:
            looks.task, looks.points = (looks.task + 1) % session.source.test_tasks, None

        def own_points() -> None:
            looks.points = None

        def again(begin: Callable[[], None]) -> None:
            begin()
            if session.ahead:
                first = session.ahead[0][0]
                looks.note = f"What was prescribed comes again, first after {first:,} meta-steps"

        def all_steps() -> None:
            looks.shown_step = looks.steps if looks.shown_step is None else None

        return {
            "play": play,
            "inner_step": lambda: session.step("inner_step"),
            "task": lambda: session.step("task"),
            "meta_step": lambda: session.step("meta_step"),
            "reset": lambda: again(session.reset),
            "reseed": lambda: again(session.reseed),
            "undo": session.undo,
            "redo": session.redo,
            "live": lambda: session.look(None),
            "fork": fork,
            "pin": session.pin,
            "unpin": session.unpin,
            "large": large,
            "more": more,
            "loading": loading,
            "another": another,
            "own_points": own_points,
            "all_steps": all_steps,
        }

    def _restart(self, name: str, value: str) -> None:
        session = self._session
        problem = value if name == "tasks" else problem_of(session.source)
        if problem not in (None, YOURS):
            model = value if name == "model" and value != YOURS else None
            session.restart(
                *switched(session.source, session.specification, problem=problem, model=model)
            )
        elif self._home[0] is not session.source:
            session.restart(*self._home)

    def _export(self, what: str) -> None:
        if what in ("svg", "png"):
            name = f"maml-lab-{self._session.snapshot().meta_step}.{what}"
            self._dashboard.save_picture(name, file_format=what)
            return
        result = exported(self._session, what, self._looks)
        if isinstance(result, Copied):
            self._dashboard.copy(result.text)
            self._looks.note = f"Copied: {result.text.splitlines()[0][:60]} …"
            return
        for name, content in result.contents.items():
            self._dashboard.save_file(name, content)

    def move_point(self, message: Message) -> None:
        """Add, move or remove a support point."""
        session, looks = self._session, self._looks
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


def _whole(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} = {value!r}: must be a whole number ≥ 0")
    return value


def _check_recipe(recipe: Recipe) -> None:
    settings = recipe.settings
    for name in MOST:
        _check_affordable(name, getattr(settings, name))
    for _, name, value in settings.events:
        _check_affordable(name, value)


def _check_affordable(name: str, value: object) -> None:
    most = MOST.get(name)
    if most is not None and isinstance(value, int) and value > most:
        raise ValueError(
            f"{name} = {value:,}: the lab takes at most {most:,}; if the memory is there for more, "
            "steer the session from a cell"
        )


def _one_of(name: str, value: Any, known: Collection[str]) -> Any:
    if value not in known:
        raise ValueError(f"{name} = {value!r}: must be one of {', '.join(known)}")
    return value
