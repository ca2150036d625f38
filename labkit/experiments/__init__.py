"""Headless runs: results recorded in executed notebooks and read back. No widget."""

from labkit.experiments.recording import record_result, show_result
from labkit.experiments.result import MIME_TYPE, Result, measure, read_result

__all__ = ["MIME_TYPE", "Result", "measure", "read_result", "record_result", "show_result"]
