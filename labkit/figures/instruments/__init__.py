"""Figures of the instruments: why the curves answer as they do."""

from labkit.figures.instruments.cost import cost_figure, cost_words
from labkit.figures.instruments.curvature_bars import curvature_figure
from labkit.figures.instruments.gradient_truth import (
    gradient_truth_figure,
    gradient_truth_words,
    tasks_beyond,
)
from labkit.figures.instruments.hyperparameter_map import (
    hyperparameter_map_figure,
    hyperparameter_map_notes,
    hyperparameter_map_words,
)
from labkit.figures.instruments.landscape import landscape_figure, landscape_words
from labkit.figures.instruments.meta_step import meta_step_figure, meta_step_words
from labkit.figures.instruments.steps_surface import (
    steps_surface_figure,
    steps_surface_notes,
    steps_surface_words,
)

__all__ = [
    "cost_figure",
    "cost_words",
    "curvature_figure",
    "gradient_truth_figure",
    "gradient_truth_words",
    "hyperparameter_map_figure",
    "hyperparameter_map_notes",
    "hyperparameter_map_words",
    "landscape_figure",
    "landscape_words",
    "meta_step_figure",
    "meta_step_words",
    "steps_surface_figure",
    "steps_surface_notes",
    "steps_surface_words",
    "tasks_beyond",
]
