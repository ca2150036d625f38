"""The lab's controls: what they are, and how they stand for a session."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.session.algorithms import unused
from labkit.session.catalog import PROBLEMS, problem_of
from labkit.session.changes import LIVE
from labkit.session.session import Session
from labkit.session.settings import Settings
from labkit.session.snapshot import Snapshot
from labkit.widgets.controls import (
    Button,
    Control,
    Field,
    Group,
    Menu,
    Segments,
    Select,
    Slider,
    Text,
    Toggle,
)

YOURS = "yours"
"""What tasks and a model are called that are not in the catalogue."""

RESTARTS = "restarts training"

EXPORTS = (
    ("code", "Share code (copied)"),
    ("cell", "Code cell that rebuilds it (copied)"),
    ("yaml", "Parameters for papermill, YAML"),
    ("json", "Parameters for papermill, JSON"),
    ("csv", "Curves, CSV"),
    ("parquet", "Curves, Parquet"),
    ("html", "Figures, one web page"),
    ("svg", "Figures, SVG"),
    ("png", "Figures, PNG"),
)

_LABELS = {
    "algorithm": {
        "maml": "MAML",
        "anil": "ANIL",
        "reptile": "Reptile",
        "imaml": "iMAML",
        "proto_maml": "Proto-MAML",
    },
    "alpha_learned": {
        "no": "fixed",
        "scalar": "learned",
        "tensor": "learned per tensor",
        "element": "learned per element",
    },
    "meta_optimizer": {"adam": "Adam", "sgd": "SGD"},
    "order": {1: "1 first-order", 2: "2 exact"},
}


def lab_groups(session: Session) -> list[Group]:
    """All controls of a session's lab, in the order in which they are shown."""
    kind = type(session.settings)

    def about(name: str) -> str:
        return str(kind.model_fields[name].description)

    def slider(name: str, label: str, low: float, high: float, **more: Any) -> Slider:
        return Slider(name=name, label=label, tooltip=about(name), low=low, high=high, **more)

    def choice(of: type[Select], name: str, label: str) -> Select:
        values = kind.model_json_schema()["properties"][name]["enum"]
        options = tuple((value, _LABELS[name][value]) for value in values)
        return of(name=name, label=label, tooltip=about(name), options=options)

    def select(name: str, label: str, options: Iterable[str]) -> Select:
        return Select(
            name=name,
            label=label,
            tooltip=f"{label}; changing it {RESTARTS}",
            options=tuple((option, option) for option in options),
            confirm=RESTARTS,
        )

    def button(name: str, label: str, tooltip: str, icon: Any, *, compact: bool = False) -> Button:
        return Button(name=name, label=label, tooltip=tooltip, icon=icon, compact=compact)

    transport: list[Control] = [
        Button(
            name="play",
            label="Play",
            icon="play",
            tooltip="Train, or pause",
            primary=True,
            debounce=True,
        ),
        button(
            "inner_step", "Inner step", "Show one more gradient step on a training task", "step"
        ),
        button("task", "Task", "Show the whole adaptation to the next training task", "step"),
        button("meta_step", "Meta-step", "Move θ once", "step"),
        button("reset", "Reset", "Back to meta-step 0: same seed, settings as they are", "reset"),
        button("reseed", "New seed", "Back to meta-step 0 with the next seed", "dice"),
        button("undo", "Undo", "Back to before the last change", "undo", compact=True),
        button("redo", "Redo", "Do again what was undone", "redo", compact=True),
        Text(name="status", live=False),
    ]
    history: list[Control] = [
        Slider(
            name="look",
            label="look back to meta-step",
            tooltip="Show the training as it was; nothing is lost",
            low=0,
            high=1,
            scale="linear",
            whole=True,
        ),
        button("live", "Now", "Return to the last meta-step", "live"),
        button("fork", "Fork here", "Pin this run as a ghost and go on from here", "fork"),
        button("pin", "Pin", "Keep the curves as they are now as a ghost", "pin"),
        button("unpin", "Unpin", "Let the ghosts go", "pin"),
        Menu(
            name="export",
            label="Export",
            icon="export",
            tooltip="Take what is shown elsewhere",
            items=EXPORTS,
        ),
        Toggle(
            name="large",
            label="Large type",
            icon="type",
            tooltip="For a lecture hall",
            compact=True,
        ),
        Field(
            name="load",
            label="share code",
            tooltip=f"Paste a share code and press Enter: {RESTARTS}",
        ),
    ]
    inner: list[Control] = [
        slider("alpha", "α", 1e-4, 1.0),
        slider("beta", "β", 1e-5, 1e-1),
        slider("inner_steps", "inner steps K", 0, 10, scale="linear", whole=True),
        choice(Segments, "order", "order"),
    ]
    outer: list[Control] = [
        choice(Select, "algorithm", "algorithm"),
        choice(Select, "alpha_learned", "α is"),
        choice(Select, "meta_optimizer", "meta-optimiser"),
        slider("meta_batch", "meta-batch", 1, 100, whole=True),
        slider("shots", "shots", 1, 100, whole=True),
        select("tasks", "tasks", _names(PROBLEMS, problem_of(session.source))),
        select("model", "model", (YOURS,)),
    ]
    return [
        Group("top", transport),
        Group("top", history),
        Group("top", inner),
        Group("top", outer),
        Group("top", [Text(name="message")]),
        Group(
            "adaptation",
            [
                Select(
                    name="measure",
                    label="shown",
                    tooltip="What the curves show",
                    options=(("loss", "loss"),),
                )
            ],
        ),
        Group(
            "task",
            [
                Slider(
                    name="shown_step",
                    label="inner step",
                    tooltip="Show the model after this inner step alone",
                    low=0,
                    high=10,
                    scale="linear",
                    whole=True,
                ),
                Toggle(
                    name="all_steps", label="All", tooltip="Show the model after all inner steps"
                ),
                button("another", "New task", "Draw another held-out task", "shuffle"),
                button("own_points", "Own points", "Back to the task's own support points", "undo"),
            ],
        ),
        Group(
            "training",
            [
                Segments(
                    name="by",
                    label="over",
                    tooltip="What the horizontal axis counts",
                    options=(("meta_step", "meta-steps"), ("seconds", "seconds")),
                )
            ],
        ),
    ]


@dataclass(slots=True)
class Looks:
    """What a person has chosen to see, which changes nothing of the session.

    Attributes:
        measure: Shown in the adaptation panel; None: the first that there is.
        by: What the training panel's x axis counts.
        task: Number of the held-out task.
        points: Support points set by hand, or None.
        shown_step: Inner step shown alone, or None.
        large: Large type.
        message: What went wrong, in words.
    """

    measure: str | None = None
    by: Any = "meta_step"
    task: int = 0
    points: tuple[tuple[float, float], ...] | None = None
    shown_step: int | None = None
    large: bool = False
    message: str = ""
    measures: Sequence[str] = field(default_factory=tuple)


def control_state(session: Session, snapshot: Snapshot, looks: Looks, steps: int) -> dict[str, Any]:
    """How each control stands.

    Args:
        session: Whose lab it is.
        snapshot: What is shown of it.
        looks: How it is shown.
        steps: Inner steps that the task panel goes to.
    """
    settings, looking = snapshot.settings, session.looking is not None
    playing = snapshot.playing
    state: dict[str, dict[str, Any]] = {name: {"value": getattr(settings, name)} for name in LIVE}
    for name, reason in unused(settings).items():
        state[name] |= {"disabled": True, "reason": reason}
    if looking:
        for name in LIVE:
            state[name] |= {"disabled": True, "reason": "looking back: fork here to change it"}
    state["inner_steps"]["high"] = max(10, settings.inner_steps)
    walking = {"disabled": playing, "reason": "pause first"}
    return state | {
        "play": {"label": "Pause", "icon": "pause"} if playing else {},
        "inner_step": walking,
        "task": walking,
        "meta_step": walking,
        "undo": {"disabled": not session.can_undo, "reason": "nothing to undo"},
        "redo": {"disabled": not session.can_redo, "reason": "nothing to do again"},
        "status": {"value": _status(snapshot, looking=looking)},
        "look": {
            "value": snapshot.meta_step,
            "high": max(1, snapshot.last_step),
            "disabled": snapshot.last_step == 0,
            "reason": "nothing has been trained yet",
        },
        "live": {"disabled": not looking, "reason": "this is the last meta-step"},
        "unpin": {"hidden": not session.ghosts},
        "large": {"pressed": looks.large},
        "tasks": {"value": problem_of(session.source) or YOURS},
        "model": _models(session),
        "message": {"value": looks.message, "hidden": not looks.message},
        "measure": {
            "value": looks.measure or next(iter(looks.measures), "loss"),
            "options": [[name, name.replace("_", " ")] for name in looks.measures]
            or [["loss", "loss"]],
            "hidden": len(looks.measures) < 2,
        },
        "shown_step": {
            "value": steps if looks.shown_step is None else looks.shown_step,
            "high": max(steps, 1),
        },
        "all_steps": {"pressed": looks.shown_step is None},
        "own_points": {"hidden": looks.points is None},
        "by": {"value": looks.by},
    }


def _models(session: Session) -> dict[str, Any]:
    problem = problem_of(session.source)
    if problem is None:
        return {"value": YOURS, "disabled": True, "reason": "these tasks came with their model"}
    known = PROBLEMS[problem]
    value = known.model_named(session.source, session.settings)
    return {"value": value or YOURS, "options": [[n, n] for n in _names(known.models, value)]}


def _names(known: Iterable[str], value: str | None) -> tuple[str, ...]:
    return (*((YOURS,) if value is None else ()), *known)


def _status(snapshot: Snapshot, *, looking: bool) -> list[str]:
    settings: Settings = snapshot.settings
    doing = f"{snapshot.rate:,.0f} meta-steps/s" if snapshot.playing else "paused"
    if looking:
        doing = f"looking back from {snapshot.last_step:,}"
    walk = snapshot.cursor
    if walk is not None:
        doing = f"task {walk.task + 1} of {settings.meta_batch}, inner step {walk.inner_step}"
    return [
        f"meta-step {snapshot.meta_step:,} · {doing}",
        f"seed {settings.seed} · {settings.task_words}",
    ]
