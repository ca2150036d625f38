"""The lab's controls, each declared once: what it is, how it stands, and what it does.

A new control is one more entry in one of the groups below.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from labkit.figures import Arrangement, By
from labkit.session import (
    CUSTOM,
    PRESETS,
    PROBLEMS,
    Session,
    Settings,
    preset_of,
    problem_of,
    read_share_code,
)
from labkit.widgets.controls import (
    Button,
    Choices,
    Control,
    Field,
    Group,
    Menu,
    Place,
    Segments,
    Select,
    Slider,
    Text,
    Toggle,
)
from labkit.widgets.exports import EXPORTS, export
from labkit.widgets.lab_context import (
    MAXIMUM,
    LabContext,
    Scene,
    check_recipe,
    one_of,
    whole,
)
from labkit.widgets.lab_words import CHOICE_WORDS, LABELS
from labkit.widgets.steps import STEPS, while_paused

RESTARTS = "restarts training"
GOAL_WORDS = {"label": "Reset goal", "tooltip": "Restore the task's original goal"}

State: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks of a control.

    Attributes:
        value: Chosen or typed; None for a press.
        joined: It belongs to the request before, as in dragging.
    """

    value: Any = None
    joined: bool = False


@dataclass(frozen=True, slots=True)
class LabControl:
    """One control of the lab.

    Args:
        spec: What the page draws.
        state: What differs from that in the present scene, see `Control`.
        act: What a request does; may raise ValueError with the reason why not.
        folded: Hidden while the view's `more` is off.
        always: Shown even if a notebook does not list it: a read-out.
        opened_by: Name of another control that shows this one, and is shown with it.
    """

    spec: Control
    state: Callable[[Scene], State] = lambda _: {}
    act: Callable[[LabContext, Request], object] | None = None
    folded: bool = False
    always: bool = False
    opened_by: str = ""

    @property
    def name(self) -> str:
        """Of the control."""
        return self.spec.name

    @property
    def pressed(self) -> bool:
        """Whether it is pressed, rather than given a value."""
        return isinstance(self.spec, Button) and not isinstance(self.spec, Menu)


@dataclass(frozen=True, slots=True)
class LabGroup:
    """Controls in a row; see `Group`."""

    place: Place
    name: str
    controls: Sequence[LabControl]


class LabControls:
    """All controls of a session's lab, by name.

    Args:
        session: Whose lab it is.
    """

    def __init__(self, session: Session) -> None:
        self._groups = _groups(session)
        self._by_name = {c.name: c for group in self._groups for c in group.controls}

    def __getitem__(self, name: str) -> LabControl | None:
        return self._by_name.get(name)

    @property
    def names(self) -> set[str]:
        """Of all controls."""
        return set(self._by_name)

    def check_listed(self, show: Collection[str], lock: Collection[str]) -> None:
        """Raise ValueError unless both list names of controls."""
        for argument, listed in (("show", show), ("lock", lock)):
            unknown = [listed] if isinstance(listed, str) else sorted(set(listed) - self.names)
            if unknown:
                raise ValueError(
                    f"{argument} must be a list of names of controls, got {unknown[0]!r}; there "
                    f"are: {', '.join(sorted(self.names))}"
                )

    def hidden(self, listed: Iterable[str]) -> set[str]:
        """The controls that a lab with only these, and the read-outs, does not show."""
        kept = {*listed, *(c.name for c in self._by_name.values() if c.always)}
        kept |= {c.opened_by for c in self._by_name.values() if c.name in kept and c.opened_by}
        return self.names - kept

    def groups(self) -> list[Group]:
        """What the page draws, in that order."""
        return [Group(g.place, [c.spec for c in g.controls], g.name) for g in self._groups]

    def state(self, scene: Scene) -> dict[str, State]:
        """How each control stands."""
        state = {c.name: c.state(scene) for c in self._by_name.values()}
        if not scene.view.more:
            for control in self._by_name.values():
                if control.folded:
                    state[control.name]["hidden"] = True
        return state


def _groups(session: Session) -> list[LabGroup]:
    kind = type(session.settings)
    return [
        LabGroup("top", "transport", _transport()),
        LabGroup("top", "", _inner_loop(kind)),
        LabGroup("top", "choices", _outer_loop(session)),
        LabGroup("top", "time", _history()),
        LabGroup("top", "notices", _notices()),
        LabGroup("adaptation", "", _adaptation()),
        LabGroup("task", "", _task()),
        LabGroup("training", "tries", _tries()),
        LabGroup("training", "", _training()),
    ]


def _transport() -> list[LabControl]:
    def play(context: LabContext, _: Request) -> None:
        session = context.session
        session.pause() if session.playing else session.play()

    def playing(scene: Scene) -> State:
        return {"label": "Pause", "icon": "pause"} if scene.snapshot.playing else {}

    def step(button: Button) -> LabControl:
        name: Any = button.name
        return LabControl(
            button,
            lambda scene: while_paused(scene.snapshot.playing),
            lambda context, _: context.session.step(name),
        )

    return [
        LabControl(
            Button(
                name="play",
                label="Play",
                tooltip="Start or pause training",
                icon="play",
                key=" ",
                primary=True,
                debounce=True,
                essential=True,
            ),
            playing,
            play,
        ),
        *map(step, STEPS),
        LabControl(
            Button(
                name="reset",
                label="Reset",
                tooltip="Restart at meta-step 0 with the same seed and current settings; "
                "scheduled changes are re-applied",
                icon="reset",
                key="r",
                debounce=True,
            ),
            act=lambda context, _: context.restart(context.session.reset),
        ),
        LabControl(
            Button(
                name="reseed",
                label="Next seed",
                tooltip="Restart at meta-step 0 with the next seed",
                icon="dice",
                debounce=True,
            ),
            act=lambda context, _: context.restart(context.session.reseed),
        ),
        LabControl(
            Button(
                name="undo",
                label="Undo",
                tooltip="Undo the last change",
                icon="undo",
                compact=True,
                essential=True,
            ),
            lambda scene: _unless(scene.session.can_undo, "nothing to undo"),
            lambda context, _: context.session.undo(),
        ),
        LabControl(
            Button(
                name="redo",
                label="Redo",
                tooltip="Redo the last change that was undone",
                icon="redo",
                compact=True,
            ),
            lambda scene: _unless(scene.session.can_redo, "nothing to redo"),
            lambda context, _: context.session.redo(),
        ),
        LabControl(Text(name="status", live=False, essential=True), _status, always=True),
    ]


def _inner_loop(kind: type[Settings]) -> list[LabControl]:
    most = MAXIMUM["inner_steps"] // 10
    steps = _slider(kind, "inner_steps", 0, most, scale="linear", whole=True)

    def with_room(scene: Scene) -> State:
        return {**steps.state(scene), "high": max(most, scene.settings.inner_steps)}

    return [
        _slider(kind, "alpha", 1e-4, 1.0),
        _slider(kind, "beta", 1e-5, 1e-1),
        LabControl(steps.spec, with_room, steps.act),
        _choice(kind, Segments, "order"),
        _toggle("more", "More", "Show or hide tasks, model and algorithm", icon="more"),
    ]


def _outer_loop(session: Session) -> list[LabControl]:
    kind = type(session.settings)

    def catalogue(
        name: str, options: Iterable[str], state: Callable[[Scene], State], act: Any
    ) -> LabControl:
        spec = Select(
            name=name,
            label=name,
            tooltip=f"Choose the {name}; this {RESTARTS}",
            options=_same(options),
            confirm=RESTARTS,
        )
        return LabControl(spec, state, act, folded=True)

    algorithm = _choice(kind, Select, "algorithm", folded=True)

    def of_these_tasks(scene: Scene) -> State:
        # those for classification have one more
        return {**algorithm.state(scene), "options": choices(type(scene.settings), "algorithm")}

    return [
        catalogue(
            "tasks",
            _with_custom(PROBLEMS, problem_of(session.source)),
            lambda scene: {"value": problem_of(scene.source) or CUSTOM},
            lambda context, request: context.switch(problem=request.value),
        ),
        catalogue(
            "model",
            (CUSTOM,),
            _model,
            lambda context, request: context.switch(model=request.value),
        ),
        LabControl(
            Menu(
                name="preset",
                label="Presets",
                tooltip=f"Open a prepared session, with what to watch; this {RESTARTS}",
                items=tuple((preset.name, preset.title) for preset in PRESETS.values()),
            ),
            act=lambda context, request: context.open_preset(request.value),
            folded=True,
        ),
        LabControl(algorithm.spec, of_these_tasks, algorithm.act, folded=True),
        _choice(kind, Select, "alpha_learned", folded=True),
        _choice(kind, Select, "meta_optimizer", folded=True),
        _slider(
            kind,
            "meta_batch",
            1,
            MAXIMUM["meta_batch"] // 10,
            whole=True,
            folded=True,
        ),
        _slider(kind, "shots", 1, MAXIMUM["shots"] // 10, whole=True, folded=True),
    ]


def _history() -> list[LabControl]:
    def look(context: LabContext, request: Request) -> None:
        session = context.session
        session.look(min(whole("look", request.value), session.last_step))

    def looking(scene: Scene) -> State:
        last = scene.snapshot.last_step
        return {
            "value": scene.snapshot.meta_step,
            "high": max(1, last),
            **_unless(last > 0, "nothing has been trained yet"),
        }

    def branch(context: LabContext, _: Request) -> None:
        context.session.pin(latest=True)
        context.session.fork()

    def large(context: LabContext, _: Request) -> None:
        context.view.large = context.dashboard.large = not context.view.large

    return [
        LabControl(
            Slider(
                name="look",
                label="history",
                tooltip="View an earlier meta-step; nothing is lost",
                low=0,
                high=1,
                scale="linear",
                whole=True,
            ),
            looking,
            look,
        ),
        LabControl(
            Button(
                name="live",
                label="Back to live",
                tooltip="Return to the latest meta-step",
                icon="live",
            ),
            lambda scene: {
                **_unless(scene.in_history, "this is the latest meta-step"),
                "essential": scene.in_history,
            },
            lambda context, _: context.session.look(None),
        ),
        LabControl(
            Button(
                name="fork",
                label="Branch from here",
                tooltip="Branch from here (keeps this run): continue in a new run",
                icon="fork",
                debounce=True,
            ),
            lambda scene: {"essential": scene.in_history},
            branch,
        ),
        LabControl(
            Button(
                name="pin",
                label="Keep curves",
                tooltip="Keep a copy of the current curves, to compare with",
                icon="pin",
                debounce=True,
            ),
            act=lambda context, _: context.session.pin(),
        ),
        LabControl(
            Button(
                name="unpin", label="Clear kept", tooltip="Remove all kept curves", icon="unpin"
            ),
            lambda scene: _unless(bool(scene.session.ghosts), "no curves are kept"),
            lambda context, _: context.session.unpin(),
        ),
        LabControl(
            Menu(
                name="export",
                label="Export",
                tooltip="Export session, data or figures",
                icon="export",
                items=EXPORTS,
            ),
            act=lambda context, request: export(context, request.value),
        ),
        _toggle(
            "loading",
            "Load a share code",
            "Open the field for a share code",
            icon="load",
            compact=True,
        ),
        LabControl(
            Toggle(
                name="large",
                label="Large type",
                tooltip="Enlarge all type and deepen the colours, for a lecture hall",
                icon="type",
                compact=True,
            ),
            lambda scene: {"pressed": scene.view.large},
            large,
        ),
    ]


def _notices() -> list[LabControl]:
    def load(context: LabContext, request: Request) -> None:
        recipe = read_share_code(request.value)
        check_recipe(recipe)
        context.session.load(recipe)
        context.view.loading = False

    return [
        LabControl(Text(name="banner", essential=True), _banner, always=True),
        LabControl(Text(name="message", essential=True), _message, always=True),
        LabControl(
            Field(
                name="load",
                label="share code",
                tooltip=f"Paste a share code and press Enter; this {RESTARTS}",
                essential=True,
            ),
            lambda scene: {"hidden": not scene.view.loading},
            load,
            opened_by="loading",
        ),
    ]


def _adaptation() -> list[LabControl]:
    def choose(context: LabContext, request: Request) -> None:
        view = context.view
        view.measure = one_of("measure", request.value, view.measures)

    def chosen(scene: Scene) -> State:
        measures = scene.view.measures
        return {
            "value": scene.view.measure or next(iter(measures), "loss"),
            "options": [[name, name.replace("_", " ")] for name in measures] or [["loss", "loss"]],
            "hidden": len(measures) < 2,
        }

    metric = Select(
        name="measure",
        label="metric",
        tooltip="Choose the metric of the adaptation curve",
        options=(("loss", "loss"),),
    )
    return [LabControl(metric, chosen, choose)]


def _tries() -> list[LabControl]:
    """Three clicks that show a newcomer what the settings do."""

    def attempt(name: str, value: Any, label: str, question: str) -> LabControl:
        def state(scene: Scene) -> State:
            now = _setting_state(scene, name)
            held = now.pop("value") == value
            if held and name not in scene.view.tried:
                now = {"disabled": True, "reason": "it has this value already"} | now
            return {"pressed": held, **now}

        return LabControl(
            Toggle(
                name=f"try_{name}",
                label=label,
                tooltip=f"Try {label}: {question} Press again to undo",
            ),
            state,
            lambda context, _: context.attempt(name, value),
        )

    return [
        attempt("alpha", 0.5, "α = 0.5", "what does a large inner step do to the curve?"),
        attempt("order", 1, "order 1", "is θ trained as well without second derivatives?"),
        attempt("inner_steps", 5, "K = 5", "do more inner steps help?"),
    ]


def _task() -> list[LabControl]:
    def show(context: LabContext, request: Request) -> None:
        # the same step chosen again, and not at the end of a drag: all of them
        view, asked = context.view, whole("shown_step", request.value)
        step = min(asked, view.steps)
        if asked > step:
            steps = "1 step" if view.steps == 1 else f"{view.steps} steps"
            view.note = f"The task is adapted in {steps} (K): it is shown after the last"
        again = step == view.shown_step and not request.joined
        view.shown_step = None if again else step

    def shown_step(scene: Scene) -> State:
        view = scene.view
        step = view.steps if view.visible_step is None else view.visible_step
        return {"value": step, "high": max(view.steps, 1)}

    def all_steps(context: LabContext, _: Request) -> None:
        view = context.view
        view.shown_step = view.steps if view.shown_step is None else None

    def another(context: LabContext, _: Request) -> None:
        view, tasks = context.view, context.session.source.test_tasks
        view.task, view.points = (view.task + 1) % tasks, None

    def own_points(context: LabContext, _: Request) -> None:
        context.view.points = None

    def points(scene: Scene) -> State:
        what = "goal" if scene.view.has_paths else "points"
        state = _unless(scene.view.points is not None, f"you have not changed the {what}")
        return state | GOAL_WORDS if scene.view.has_paths else state

    def arrange(context: LabContext, request: Request) -> None:
        context.view.paths = one_of("paths", request.value, get_args(Arrangement))

    return [
        LabControl(
            Slider(
                name="shown_step",
                label="show step",
                tooltip="Show the model after this inner step alone",
                low=0,
                high=10,
                scale="linear",
                whole=True,
            ),
            shown_step,
            show,
        ),
        LabControl(
            Toggle(name="all_steps", label="All", tooltip="Show the model after every inner step"),
            lambda scene: {"pressed": scene.view.shown_step is None},
            all_steps,
        ),
        LabControl(
            Button(
                name="another",
                label="New task",
                tooltip="Draw another held-out task",
                icon="shuffle",
            ),
            act=another,
        ),
        LabControl(
            Button(
                name="own_points",
                label="Reset points",
                tooltip="Restore the task's original support points",
                icon="reset",
            ),
            points,
            own_points,
        ),
        LabControl(
            Segments(
                name="paths",
                label="paths",
                tooltip="Draw the paths after all inner steps on one plot, or on a plot for each",
                options=(("overlaid", "overlaid"), ("by step", "by step")),
            ),
            lambda scene: {"value": scene.view.paths, "hidden": not scene.view.has_paths},
            arrange,
        ),
    ]


def _training() -> list[LabControl]:
    def choose(context: LabContext, request: Request) -> None:
        context.view.by = one_of("by", request.value, get_args(By))

    axis = Segments(
        name="by",
        label="x-axis",
        tooltip="Plot losses over meta-steps, or over seconds of training",
        options=(("meta_step", "meta-steps"), ("seconds", "seconds")),
    )
    return [LabControl(axis, lambda scene: {"value": scene.view.by}, choose)]


def _setting(spec: Control, *, folded: bool) -> LabControl:
    name = spec.name

    def state(scene: Scene) -> State:
        return _setting_state(scene, name)

    def act(context: LabContext, request: Request) -> None:
        context.set(name, request.value, joined=request.joined)

    return LabControl(spec, state, act, folded=folded)


def _setting_state(scene: Scene, name: str) -> State:
    value: State = {"value": getattr(scene.settings, name)}
    if scene.in_history:
        return value | {"disabled": True, "reason": "viewing history: branch to change this"}
    if name in scene.unused:
        return value | {"disabled": True, "reason": scene.unused[name]}
    return value


def _slider(
    kind: type[Settings],
    name: str,
    low: float,
    high: float,
    *,
    folded: bool = False,
    **more: Any,
) -> LabControl:
    tooltip = _about(kind, name)
    spec = Slider(name=name, label=LABELS[name], tooltip=tooltip, low=low, high=high, **more)
    return _setting(spec, folded=folded)


def _choice(
    kind: type[Settings], of: type[Select], name: str, *, folded: bool = False
) -> LabControl:
    options = choices(kind, name)
    spec = of(name=name, label=LABELS[name], tooltip=_about(kind, name), options=options)
    return _setting(spec, folded=folded)


def _toggle(name: str, label: str, tooltip: str, **more: Any) -> LabControl:
    """What the view has switched on or off, under the control's name."""

    def toggle(context: LabContext, _: Request) -> None:
        setattr(context.view, name, not getattr(context.view, name))

    return LabControl(
        Toggle(name=name, label=label, tooltip=tooltip, **more),
        lambda scene: {"pressed": getattr(scene.view, name)},
        toggle,
    )


def _about(kind: type[Settings], name: str) -> str:
    return str(kind.model_fields[name].description)


def choices(kind: type[Settings], name: str) -> Choices:
    """What a setting may be, each with its words."""
    allowed = get_args(kind.model_fields[name].annotation)
    return tuple((value, words) for value, words in CHOICE_WORDS[name].items() if value in allowed)


def _same(names: Iterable[str]) -> Choices:
    return tuple((name, name) for name in names)


def _with_custom(names: Iterable[str], value: str | None) -> tuple[str, ...]:
    """Names to choose from, with "custom" before them if what is used has no name."""
    return (*((CUSTOM,) if value is None else ()), *names)


def _unless(possible: bool, reason: str) -> State:
    return {"disabled": not possible, "reason": reason}


def _model(scene: Scene) -> State:
    problem = problem_of(scene.source)
    if problem is None:
        return {"value": CUSTOM, **_unless(False, "these tasks came with their model")}
    catalogue = PROBLEMS[problem]
    value = catalogue.model_named(scene.source, scene.settings)
    options = _same(_with_custom(catalogue.models, value))
    return {"value": value or CUSTOM, "options": [list(option) for option in options]}


def _message(scene: Scene) -> State:
    view = scene.view
    error = view.message or _divergence(scene)
    preset = preset_of(scene.snapshot)
    text = error or view.note or (preset.watch if preset else "")
    return {"value": text, "tone": "error" if error else "note", "hidden": not text}


def _divergence(scene: Scene) -> str:
    """What is said of losses that have left all bounds; "" if they have not."""
    curve = scene.snapshot.curve
    diverged = None if scene.in_history else curve.diverged
    if diverged is None:
        return ""
    loss, first = curve.recent(diverged), float(curve.loss_before[0])
    what, remedy = {
        "before": (
            "Meta-training",
            "training has carried θ far away: press Undo or Reset, and take a lower β",
        ),
        "after": ("Adaptation", "the inner steps are too long: lower α or K, or press Undo"),
    }[diverged]
    return (
        f"{what} diverges: the query loss {diverged} adaptation is {loss:.2g}, and training began "
        f"at {first:.2g}. {remedy[0].upper()}{remedy[1:]}."
    )


def _banner(scene: Scene) -> State:
    if not scene.in_history:
        return {"hidden": True}
    now, last = f"{scene.snapshot.meta_step:,}", f"{scene.snapshot.last_step:,}"
    text = (
        f"Viewing meta-step {now} of {last} · “Back to live” returns, “Branch from here” continues "
        "from it"
    )
    return {"value": text, "tone": "look"}


def _pace(rate: float) -> str:
    """How fast it trains.

    Example:
        >>> _pace(1234.5), _pace(0.25), _pace(0.0)
        ('1,234 meta-steps/s', '4.0 s per meta-step', 'training')
    """
    if not rate:
        return "training"
    if rate < 0.95:
        return f"{1 / rate:.1f} s per meta-step"
    return f"{rate:,.{1 if rate < 9.95 else 0}f} meta-steps/s"


def _status(scene: Scene) -> State:
    snapshot, settings = scene.snapshot, scene.settings
    doing = _pace(snapshot.rate) if snapshot.playing else "paused"
    if scene.in_history:
        doing = f"history, latest {snapshot.last_step:,}"
    walk = snapshot.cursor
    if walk is not None:
        doing = f"task {walk.task + 1} of {settings.meta_batch}, inner step {walk.inner_step}"
    return {
        "value": [
            f"meta-step {snapshot.meta_step:,} · {doing}",
            f"seed {settings.seed} · {settings.task_words}",
        ]
    }
