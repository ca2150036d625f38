"""Arrays to plotly figures; knows no widget and no thread."""

from labkit.figures.adaptation import adaptation_figure, show_adaptation
from labkit.figures.adaptation_panel import AdaptationPanel
from labkit.figures.combined import combined
from labkit.figures.frame import show_cursor
from labkit.figures.ghosts import GhostCurve
from labkit.figures.lab import (
    LabView,
    adaptation_panel,
    lab_figure,
    lab_figures,
    lab_view,
    show_lab,
)
from labkit.figures.page import standalone_html
from labkit.figures.palette import DARK, algorithm_color
from labkit.figures.task_figure import show_task, task_figure
from labkit.figures.training import show_training, training_figure
from labkit.figures.updates import Drawable

__all__ = [
    "DARK",
    "AdaptationPanel",
    "Drawable",
    "GhostCurve",
    "LabView",
    "adaptation_figure",
    "adaptation_panel",
    "algorithm_color",
    "combined",
    "lab_figure",
    "lab_figures",
    "lab_view",
    "show_adaptation",
    "show_cursor",
    "show_lab",
    "show_task",
    "show_training",
    "standalone_html",
    "task_figure",
    "training_figure",
]
