"""Figures of the instruments: why the curves answer as they do."""

from labkit.figures.instruments.cost import cost_figure, cost_words
from labkit.figures.instruments.gradient_truth import (
    gradient_truth_figure,
    gradient_truth_words,
    tasks_beyond,
)

__all__ = [
    "cost_figure",
    "cost_words",
    "gradient_truth_figure",
    "gradient_truth_words",
    "tasks_beyond",
]
