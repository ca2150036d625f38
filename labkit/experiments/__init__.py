"""Headless runs: results recorded in executed notebooks and read back. No widget."""

from labkit.experiments.comparison import Comparison, compare_runs
from labkit.experiments.comparison_view import comparison_view
from labkit.experiments.recording import record_result, show_result
from labkit.experiments.result import MIME_TYPE, Result, measure, read_result
from labkit.experiments.tables import load_curves, load_runs

__all__ = [
    "MIME_TYPE",
    "Comparison",
    "Result",
    "compare_runs",
    "comparison_view",
    "load_curves",
    "load_runs",
    "measure",
    "read_result",
    "record_result",
    "show_result",
]
