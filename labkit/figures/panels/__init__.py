"""The three panels: adaptation, task and training."""

from labkit.figures.panels.adaptation import AdaptationPanel, adaptation_figure, show_adaptation
from labkit.figures.panels.ghosts import Curve, GhostCurve
from labkit.figures.panels.path_task import Arrangement
from labkit.figures.panels.stretches import Stretch
from labkit.figures.panels.task_figure import HEADING, show_task, task_figure, task_panel
from labkit.figures.panels.training import (
    By,
    TrainingGhost,
    show_training,
    training_figure,
)

__all__ = [
    "HEADING",
    "AdaptationPanel",
    "Arrangement",
    "By",
    "Curve",
    "GhostCurve",
    "Stretch",
    "TrainingGhost",
    "adaptation_figure",
    "show_adaptation",
    "show_task",
    "show_training",
    "task_figure",
    "task_panel",
    "training_figure",
]
