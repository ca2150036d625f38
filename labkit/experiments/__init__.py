"""Headless runs: results recorded in executed notebooks and read back. No widget."""

from labkit.experiments.comparison import Comparison, compare_runs
from labkit.experiments.comparison_view import comparison_view
from labkit.experiments.paper_run import measure_paper_run, paper_run_table, train_paper_run
from labkit.experiments.paper_settings import PaperSettings
from labkit.experiments.paper_table import PaperTable, paper_table
from labkit.experiments.paper_view import paper_view
from labkit.experiments.recording import record_result, show_result
from labkit.experiments.result import MIME_TYPE, Result, measure, read_result
from labkit.experiments.tables import load_curves, load_runs

__all__ = [
    "MIME_TYPE",
    "Comparison",
    "PaperSettings",
    "PaperTable",
    "Result",
    "compare_runs",
    "comparison_view",
    "load_curves",
    "load_runs",
    "measure",
    "measure_paper_run",
    "paper_run_table",
    "paper_table",
    "paper_view",
    "read_result",
    "record_result",
    "show_result",
    "train_paper_run",
]
