"""All that the lab shows at one time: measured once, shown in three figures or in one."""

from collections.abc import Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from labkit.figures.adaptation import adaptation_figure, show_adaptation
from labkit.figures.adaptation_panel import AdaptationPanel
from labkit.figures.combined import combined
from labkit.figures.palette import algorithm_color
from labkit.figures.task_figure import show_task, task_figure
from labkit.figures.training import By, TrainingGhost, show_training, training_figure
from labkit.figures.updates import Drawable
from labkit.session.algorithms import label
from labkit.session.history import Event, TrainingCurve
from labkit.session.session import Session
from labkit.session.settings import Settings
from labkit.session.snapshot import Snapshot
from labkit.tasks.family import AnyPortrait

WIDE = 900
"""Pixels for which labels are laid out in one figure of all three panels."""


@dataclass(frozen=True, slots=True)
class LabView:
    """All that the lab shows at one time.

    Attributes:
        adaptation: The adaptation curve with its ghosts; its colour is that of all panels.
        portrait: The task that is drawn, or None.
        training: The losses.
        events: Changes of settings.
        settings: Those at this time.
        ghosts: Losses of other runs.
        by: What the x axis of the losses counts.
    """

    adaptation: AdaptationPanel
    portrait: AnyPortrait | None
    training: TrainingCurve
    events: tuple[Event, ...]
    settings: Settings
    ghosts: tuple[TrainingGhost, ...] = ()
    by: By = "meta_step"


def lab_view(session: Session) -> LabView:
    """Measure all that the lab shows, at the session's present state."""
    snapshot = session.snapshot()
    return LabView(
        adaptation=adaptation_panel(session, snapshot),
        portrait=session.portrait(snapshot),
        training=snapshot.curve,
        events=snapshot.events,
        settings=snapshot.settings,
    )


def adaptation_panel(session: Session, snapshot: Snapshot) -> AdaptationPanel:
    """Measure the adaptation curve at a snapshot, beside the one of θ₀ with the same settings."""
    return AdaptationPanel(
        curve=session.adaptation_curve(snapshot),
        untrained=session.untrained_curve(snapshot),
        inner_steps=snapshot.settings.inner_steps,
        label=label(snapshot.settings),
        color=settings_color(snapshot.settings),
    )


def lab_figures(portrait: AnyPortrait | None = None) -> dict[str, go.Figure]:
    """The three figures "adaptation", "task" and "training", empty; `show_lab` fills them.

    Args:
        portrait: As for `task_figure`.
    """
    return {
        "adaptation": adaptation_figure(),
        "task": task_figure(portrait),
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
    show_task(figures["task"], view.portrait, color=color)
    show_training(
        figures["training"],
        view.training,
        view.events,
        by=view.by,
        color=color,
        ghosts=view.ghosts,
        width=width,
    )


def lab_figure(view: LabView) -> go.Figure:
    """One figure of all that `view` holds."""
    figures = lab_figures(view.portrait)
    show_lab(figures, view)
    return combined(figures)


def settings_color(settings: Settings) -> str:
    """The colour of the algorithm of some settings, in all panels."""
    return algorithm_color(settings.algorithm, settings.order)
