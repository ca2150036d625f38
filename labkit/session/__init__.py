"""The live session: settings, player, history. A thread, no widget."""

from labkit.session.history import Event, TrainingCurve
from labkit.session.session import Session, Snapshot
from labkit.session.settings import (
    ClassificationSettings,
    ParameterError,
    Settings,
    notebook_settings,
)

__all__ = [
    "ClassificationSettings",
    "Event",
    "ParameterError",
    "Session",
    "Settings",
    "Snapshot",
    "TrainingCurve",
    "notebook_settings",
]
