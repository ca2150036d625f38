"""All that the lab shows at one time: measured once, shown in three figures or in one."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from labkit.figures.combined import combined
from labkit.figures.panels import (
    HEADING,
    AdaptationPanel,
    Arrangement,
    By,
    Curve,
    GhostCurve,
    Stretch,
    TrainingGhost,
    adaptation_figure,
    show_adaptation,
    show_task,
    show_training,
    task_figure,
    training_figure,
)
from labkit.figures.style import Drawable, algorithm_color, show_cursor
from labkit.session import Event, Ghost, Points, Session, Settings, Snapshot, TrainingCurve, label
from labkit.tasks import AnyPortrait
from labkit.training import AdaptationCurve, Between, estimate_curve

WIDE = 900
"""Pixels for which labels are laid out in one figure of all three panels."""


@dataclass(frozen=True, slots=True)
class LabView:
    """All that the lab shows at one time.

    Attributes:
        adaptation: The adaptation curve with those of kept runs; its colour is that of all panels.
        portrait: The task that is drawn, or None.
        training: The losses.
        events: Changes of settings.
        settings: Those at this time.
        ghosts: Losses of other runs.
        by: What the x axis of the losses counts.
        heading: Which task is drawn.
        cursor: Where on that axis an earlier meta-step is shown, or None.
        stretches: Which algorithm made which losses.
        arrangement: Of the paths of a navigation task.
    """

    adaptation: AdaptationPanel
    portrait: AnyPortrait | None
    training: TrainingCurve
    events: tuple[Event, ...]
    settings: Settings
    ghosts: tuple[TrainingGhost, ...] = ()
    by: By = "meta_step"
    heading: str = HEADING
    cursor: float | None = None
    stretches: tuple[Stretch, ...] = (Stretch(0),)
    arrangement: Arrangement = "overlaid"


def lab_view(
    session: Session,
    *,
    snapshot: Snapshot | None = None,
    kept_curves: dict[Ghost, AdaptationCurve] | None = None,
    measure: str | None = None,
    task: int = 0,
    points: Points | None = None,
    by: By = "meta_step",
    arrangement: Arrangement = "overlaid",
) -> LabView:
    """Measure all that the lab shows.

    Args:
        session: Whose lab it is.
        snapshot: When; None: at the session's present state.
        kept_curves: As for `adaptation_panel`.
        measure: In the adaptation panel; None takes the first that the task family has.
        task: As for `Session.portrait`, and so are `points`.
        points: Support points in place of the task's own.
        by: What the x axis of the losses counts.
        arrangement: Of the paths of a navigation task.
    """
    snapshot = session.snapshot() if snapshot is None else snapshot
    return LabView(
        adaptation=adaptation_panel(session, snapshot, kept_curves=kept_curves).showing(measure),
        portrait=session.portrait(snapshot, task, points),
        training=snapshot.curve,
        events=snapshot.events,
        settings=snapshot.settings,
        ghosts=training_ghosts(session, snapshot),
        by=by,
        heading=task_heading(snapshot),
        cursor=look_cursor(snapshot, by),
        stretches=algorithm_stretches(snapshot),
        arrangement=arrangement,
    )


def adaptation_panel(
    session: Session,
    snapshot: Snapshot,
    *,
    part: int | None = None,
    untrained: AdaptationCurve | None = None,
    earlier: AdaptationCurve | None = None,
    kept_curves: dict[Ghost, AdaptationCurve] | None = None,
    between: Between | None = None,
) -> AdaptationPanel:
    """Measure the adaptation curve at a snapshot, with that of θ₀ and those of kept runs.

    Args:
        session: That of the snapshot.
        snapshot: When.
        part: As for `Session.adaptation_curve`, for the curve of the snapshot alone.
        untrained: The curve of θ₀, if it is not to be measured.
        earlier: A curve on all of these tasks, or on such drawn alike, at another time: of a part
            of them the curve of all is estimated by it.
        kept_curves: Curves of kept runs that are measured already; new measurements are added.
        between: Called now and then; what it raises ends the measuring.
    """
    settings = snapshot.settings
    measured = session.adaptation_curve(snapshot, part=part, between=between)
    if untrained is None or len(untrained.mean) != len(measured.mean):
        untrained = session.untrained_curve(snapshot, between=between)
        earlier = untrained if earlier is None else earlier
    curve = measured if earlier is None else estimate_curve(measured, earlier)
    curves = {} if kept_curves is None else kept_curves
    ghosts = _comparable(session, snapshot)
    for ghost in ghosts:
        if ghost not in curves:
            curves[ghost] = session.adaptation_curve(ghost.snapshot, between=between)
    ways = getattr(settings, "ways", None)
    guessing = None if ways is None else ("accuracy", 1 / ways, "guessing")
    level = snapshot.observer.bound(snapshot) or guessing
    return AdaptationPanel(
        curve=curve,
        untrained=untrained,
        inner_steps=settings.inner_steps,
        label=label(settings),
        color=settings_color(settings),
        ghosts=tuple(_ghost_curve(ghost, curves[ghost]) for ghost in ghosts),
        baseline=None if level is None else level[1:],
        baseline_of="accuracy" if level is None else level[0],
        alpha=settings.alpha,
        measured=measured.tasks,
    )


def training_ghosts(session: Session, snapshot: Snapshot) -> tuple[TrainingGhost, ...]:
    """Losses of the kept runs, as smooth as those of the snapshot."""
    ghosts, live = _comparable(session, snapshot), snapshot.curve
    return tuple(_ghost_curve(ghost, ghost.snapshot.curve.as_coarse_as(live)) for ghost in ghosts)


def algorithm_stretches(snapshot: Snapshot) -> tuple[Stretch, ...]:
    """Which algorithm made which part of the losses; the last is in use."""
    settings, stretches = snapshot.start, [_stretch(0, snapshot.start)]
    for event in snapshot.events:
        if event.name in ("algorithm", "order"):
            settings = settings.changed(**{event.name: event.value})
            stretches.append(_stretch(event.meta_step, settings))
    # as chosen, which no meta-step has been taken with yet
    stretches.append(_stretch(snapshot.last_step, snapshot.settings))
    changes = [b for a, b in itertools.pairwise(stretches) if b.color != a.color]
    return (stretches[0], *changes)


def _stretch(begin: int, settings: Settings) -> Stretch:
    return Stretch(begin, settings_color(settings), label(settings))


def task_heading(snapshot: Snapshot) -> str:
    """Which task is drawn: a held-out one, or one of the meta-step that is walked through."""
    walk = snapshot.cursor
    if walk is None:
        return HEADING
    return f"Training task {walk.task + 1} of {snapshot.settings.meta_batch}"


def look_cursor(snapshot: Snapshot, by: By) -> float | None:
    """Where the training panel marks the earlier meta-step that is shown; None: it is the last."""
    if snapshot.meta_step == snapshot.last_step:
        return None
    if by == "meta_step":
        return float(snapshot.meta_step)
    curve = snapshot.curve
    passed = curve.seconds[curve.meta_step <= snapshot.meta_step]
    return float(passed[-1]) if len(passed) else 0.0


def lab_figures(
    portrait: AnyPortrait | None = None, arrangement: Arrangement = "overlaid"
) -> dict[str, go.Figure]:
    """The three figures "adaptation", "task" and "training", empty; `show_lab` fills them.

    Args:
        portrait: As for `task_figure`.
        arrangement: As for `task_figure`.
    """
    return {
        "adaptation": adaptation_figure(),
        "task": task_figure(portrait, arrangement=arrangement),
        "training": training_figure(),
    }


def show_lab(figures: Mapping[str, Drawable], view: LabView, *, width: int = WIDE) -> None:
    """Put everything that `view` holds into the figures of `lab_figures`.

    Args:
        figures: By name.
        view: What they show.
        width: Pixels of the widest, for which labels are laid out.
    """
    color = view.adaptation.color
    show_adaptation(figures["adaptation"], view.adaptation)
    show_task(
        figures["task"], view.portrait, view.heading, color=color, arrangement=view.arrangement
    )
    show_training(
        figures["training"],
        view.training,
        view.events,
        by=view.by,
        stretches=view.stretches,
        ghosts=view.ghosts,
        width=width,
    )
    show_cursor(figures["training"], view.cursor)


def lab_figure(view: LabView) -> go.Figure:
    """One figure of all that `view` holds."""
    figures = lab_figures(view.portrait, view.arrangement)
    show_lab(figures, view)
    return combined(figures)


def settings_color(settings: Settings) -> str:
    """The colour of the algorithm of some settings, in all panels."""
    return algorithm_color(settings.algorithm, settings.order)


def _comparable(session: Session, snapshot: Snapshot) -> list[Ghost]:
    """Kept runs on tasks of the same kind."""
    tasks = snapshot.observer.source.tasks
    return [ghost for ghost in session.ghosts if ghost.snapshot.observer.source.tasks == tasks]


def _ghost_curve(ghost: Ghost, curve: Curve) -> GhostCurve[Curve]:
    color = settings_color(ghost.snapshot.settings)
    return GhostCurve(ghost.label, color, curve, algorithm_stretches(ghost.snapshot))
