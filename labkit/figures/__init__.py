"""Arrays to plotly figures; knows no widget and no thread."""

from labkit.figures.adaptation import AdaptationPanel
from labkit.figures.lab import (
    LabView,
    lab_figure,
    lab_view,
    show_adaptation,
    show_lab,
    show_task,
    show_training,
)

__all__ = [
    "AdaptationPanel",
    "LabView",
    "lab_figure",
    "lab_view",
    "show_adaptation",
    "show_lab",
    "show_task",
    "show_training",
]
