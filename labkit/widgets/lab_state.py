"""How the lab's controls stand for a session as it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.session import LIVE, PROBLEMS, Session, Settings, Snapshot, Source, problem_of, unused
from labkit.widgets.lab_controls import FOLDED, YOURS, choices, with_yours


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
        note: What has been done, in words, where nothing went wrong.
        more: Whether the controls of `FOLDED` are shown.
        loading: Whether the line for a share code is shown.
        measures: Those that can be shown.
        steps: Inner steps that the task panel goes to.
    """

    measure: str | None = None
    by: Any = "meta_step"
    task: int = 0
    points: tuple[tuple[float, float], ...] | None = None
    shown_step: int | None = None
    large: bool = False
    message: str = ""
    note: str = ""
    more: bool = True
    loading: bool = False
    measures: Sequence[str] = ()
    steps: int = 1


def control_state(session: Session, snapshot: Snapshot, looks: Looks) -> dict[str, Any]:
    """How each control stands.

    Args:
        session: Whose lab it is.
        snapshot: What is shown of it.
        looks: How it is shown.
    """
    settings, looking = snapshot.settings, snapshot.meta_step != snapshot.last_step
    source = snapshot.observer.source  # the session's own may be another one by now
    playing = snapshot.playing
    state: dict[str, dict[str, Any]] = {name: {"value": getattr(settings, name)} for name in LIVE}
    for name, reason in unused(settings).items():
        state[name] |= {"disabled": True, "reason": reason}
    if looking:
        for name in LIVE:
            state[name] |= {"disabled": True, "reason": "looking back: fork here to change it"}
    state["algorithm"]["options"] = choices(type(settings), "algorithm")
    state["inner_steps"]["high"] = max(10, settings.inner_steps)
    walking = {"disabled": playing, "reason": "pause first"}
    state |= {
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
        "unpin": {"disabled": not session.ghosts, "reason": "nothing is pinned"},
        "large": {"pressed": looks.large},
        "loading": {"pressed": looks.loading},
        "load": {"hidden": not looks.loading},
        "more": {"pressed": looks.more},
        "banner": _banner(snapshot) if looking else {"hidden": True},
        "tasks": {"value": problem_of(source) or YOURS},
        "model": _models(source, settings),
        "message": _message(looks),
        "measure": {
            "value": looks.measure or next(iter(looks.measures), "loss"),
            "options": [[name, name.replace("_", " ")] for name in looks.measures]
            or [["loss", "loss"]],
            "hidden": len(looks.measures) < 2,
        },
        "shown_step": {
            "value": looks.steps if looks.shown_step is None else looks.shown_step,
            "high": max(looks.steps, 1),
        },
        "all_steps": {"pressed": looks.shown_step is None},
        "own_points": {"disabled": looks.points is None, "reason": "these are its own points"},
        "by": {"value": looks.by},
    }
    if not looks.more:
        for name in FOLDED:
            state[name]["hidden"] = True
    return state


def _banner(snapshot: Snapshot) -> dict[str, Any]:
    now, last = f"{snapshot.meta_step:,}", f"{snapshot.last_step:,}"
    text = f"Looking back at meta-step {now} of {last} · “Now” returns, “Fork here” goes on from it"
    return {"value": text, "tone": "look"}


def _message(looks: Looks) -> dict[str, Any]:
    text = looks.message or looks.note
    return {"value": text, "tone": "error" if looks.message else "note", "hidden": not text}


def _models(source: Source, settings: Settings) -> dict[str, Any]:
    problem = problem_of(source)
    if problem is None:
        return {"value": YOURS, "disabled": True, "reason": "these tasks came with their model"}
    known = PROBLEMS[problem]
    value = known.model_named(source, settings)
    return {"value": value or YOURS, "options": [[n, n] for n in with_yours(known.models, value)]}


def _status(snapshot: Snapshot, *, looking: bool) -> list[str]:
    settings: Settings = snapshot.settings
    rate = f"{snapshot.rate:,.{1 if snapshot.rate < 10 else 0}f}"
    doing = f"{rate} meta-steps/s" if snapshot.playing else "paused"
    if looking:
        doing = f"looking back from {snapshot.last_step:,}"
    walk = snapshot.cursor
    if walk is not None:
        doing = f"task {walk.task + 1} of {settings.meta_batch}, inner step {walk.inner_step}"
    return [
        f"meta-step {snapshot.meta_step:,} · {doing}",
        f"seed {settings.seed} · {settings.task_words}",
    ]
