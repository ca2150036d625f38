"""Arrays to plotly figures; knows no widget and no thread."""

from labkit.figures.combined import combined
from labkit.figures.comparison import MOST_GROUPS, ComparedGroup, comparison_figure
from labkit.figures.instruments import (
    cost_figure,
    cost_words,
    gradient_truth_figure,
    gradient_truth_words,
    tasks_beyond,
)
from labkit.figures.lab import (
    LabView,
    adaptation_panel,
    algorithm_stretches,
    lab_figure,
    lab_figures,
    lab_view,
    look_cursor,
    settings_color,
    show_lab,
    task_heading,
    training_ghosts,
)
from labkit.figures.page import standalone_html
from labkit.figures.panels import (
    AdaptationPanel,
    By,
    GhostCurve,
    adaptation_figure,
    show_adaptation,
    show_task,
    show_training,
    task_figure,
    task_panel,
    training_figure,
)
from labkit.figures.paper import MethodCurve, paper_figure
from labkit.figures.plain import CONFIG, PlainFigure, asking_cell
from labkit.figures.runs import (
    CurveOfRun,
    VariedParameter,
    against_figure,
    curves_figure,
    importance_figure,
    parallel_figure,
)
from labkit.figures.style import DARK, PAPER, TEXT, Drawable, algorithm_color, show_cursor

__all__ = [
    "CONFIG",
    "DARK",
    "MOST_GROUPS",
    "PAPER",
    "TEXT",
    "AdaptationPanel",
    "By",
    "ComparedGroup",
    "CurveOfRun",
    "Drawable",
    "GhostCurve",
    "LabView",
    "MethodCurve",
    "PlainFigure",
    "VariedParameter",
    "adaptation_figure",
    "adaptation_panel",
    "against_figure",
    "algorithm_color",
    "algorithm_stretches",
    "asking_cell",
    "combined",
    "comparison_figure",
    "cost_figure",
    "cost_words",
    "curves_figure",
    "gradient_truth_figure",
    "gradient_truth_words",
    "importance_figure",
    "lab_figure",
    "lab_figures",
    "lab_view",
    "look_cursor",
    "paper_figure",
    "parallel_figure",
    "settings_color",
    "show_adaptation",
    "show_cursor",
    "show_lab",
    "show_task",
    "show_training",
    "standalone_html",
    "task_figure",
    "task_heading",
    "task_panel",
    "tasks_beyond",
    "training_figure",
    "training_ghosts",
]
