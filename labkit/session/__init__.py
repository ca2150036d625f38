"""The live session: settings, player, history. A thread, no widget."""

from labkit.session.algorithms import algorithm_of, label, unused
from labkit.session.curve_files import adaptation_frame, training_frame, write_curves
from labkit.session.export import code_cell, parameters, parameters_json, parameters_yaml
from labkit.session.history import Event, TrainingCurve
from labkit.session.recipe import Recipe
from labkit.session.session import Session
from labkit.session.settings import (
    ClassificationSettings,
    ParameterError,
    Settings,
    notebook_settings,
)
from labkit.session.share import read_share_code, share_code
from labkit.session.snapshot import Ghost, Snapshot

__all__ = [
    "ClassificationSettings",
    "Event",
    "Ghost",
    "ParameterError",
    "Recipe",
    "Session",
    "Settings",
    "Snapshot",
    "TrainingCurve",
    "adaptation_frame",
    "algorithm_of",
    "code_cell",
    "label",
    "notebook_settings",
    "parameters",
    "parameters_json",
    "parameters_yaml",
    "read_share_code",
    "share_code",
    "training_frame",
    "unused",
    "write_curves",
]
