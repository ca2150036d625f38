"""The lab's controls: what they are, and how they stand for a session."""

from collections.abc import Iterable
from typing import Any, get_args

from labkit.session import ALGORITHMS, PROBLEMS, Session, Settings, problem_of
from labkit.widgets.controls import (
    Button,
    Choices,
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

FOLDED = (
    "tasks", "model", "algorithm", "alpha_learned", "meta_optimizer", "meta_batch", "shots",
)  # fmt: skip
"""What the button "More" shows and hides."""

ALWAYS_SHOWN = ("status", "banner", "message")
"""Read-outs: no choice of controls leaves them out."""

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

_WORDS: dict[str, dict[Any, str]] = {
    "algorithm": {entry.name: entry.label for entry in ALGORITHMS.values()},
    "alpha_learned": {
        "no": "fixed",
        "scalar": "learned",
        "tensor": "per tensor",
        "element": "per element",
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
        return of(name=name, label=label, tooltip=about(name), options=choices(kind, name))

    def select(name: str, label: str, options: Iterable[str]) -> Select:
        return Select(
            name=name,
            label=label,
            tooltip=f"{label}; changing it {RESTARTS}",
            options=tuple((option, option) for option in options),
            confirm=RESTARTS,
        )

    def button(name: str, label: str, tooltip: str, icon: Any, **more: bool) -> Button:
        return Button(name=name, label=label, tooltip=tooltip, icon=icon, **more)

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
            "inner_step", "Inner step", "Show one more gradient step on a training task", "inner"
        ),
        button("task", "Task", "Show the whole adaptation to the next training task", "task"),
        button("meta_step", "Meta-step", "Move θ once", "step"),
        button(
            "reset",
            "Reset",
            "Back to meta-step 0: same seed, settings as they are; prescribed changes come again",
            "reset",
            debounce=True,
        ),
        button(
            "reseed", "New seed", "Back to meta-step 0 with the next seed", "dice", debounce=True
        ),
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
        button(
            "fork",
            "Fork here",
            "Pin this run as a ghost and go on from here",
            "fork",
            debounce=True,
        ),
        button("pin", "Pin", "Keep the curves as they are now as a ghost", "pin", debounce=True),
        button("unpin", "Unpin", "Let the ghosts go", "unpin"),
        Menu(
            name="export",
            label="Export",
            icon="export",
            tooltip="Take what is shown elsewhere",
            items=EXPORTS,
        ),
        Toggle(
            name="loading",
            label="Load a share code",
            icon="load",
            tooltip="Load what a share code describes",
            compact=True,
        ),
        Toggle(
            name="large",
            label="Large type",
            icon="type",
            tooltip="For a lecture hall",
            compact=True,
        ),
    ]
    notices: list[Control] = [
        Text(name="banner"),
        Text(name="message"),
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
        Toggle(name="more", label="More", icon="more", tooltip="Tasks, model and algorithm"),
    ]
    outer: list[Control] = [
        select("tasks", "tasks", with_yours(PROBLEMS, problem_of(session.source))),
        select("model", "model", (YOURS,)),
        choice(Select, "algorithm", "algorithm"),
        choice(Select, "alpha_learned", "α is"),
        choice(Select, "meta_optimizer", "meta-optimiser"),
        slider("meta_batch", "meta-batch", 1, 100, whole=True),
        slider("shots", "shots", 1, 100, whole=True),
    ]
    return [
        Group("top", transport, "transport"),
        Group("top", inner),
        Group("top", outer, "choices"),
        Group("top", history, "time"),
        Group("top", notices, "notices"),
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
                button("own_points", "Own points", "Back to the task's own points", "reset"),
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


def choices(kind: type[Settings], name: str) -> Choices:
    """What a setting may be, each with its words."""
    return tuple(
        (value, _WORDS[name][value]) for value in get_args(kind.model_fields[name].annotation)
    )


def with_yours(known: Iterable[str], value: str | None) -> tuple[str, ...]:
    """Names to choose from, with "yours" before them if what is used has no name."""
    return (*((YOURS,) if value is None else ()), *known)
