"""The live session: settings, player, history. A thread, no widget."""

from labkit.session.history import Event, TrainingCurve
from labkit.session.session import Session, Snapshot
from labkit.session.settings import ParameterError, Settings, notebook_settings

__all__ = [
    "Event",
    "ParameterError",
    "Session",
    "Settings",
    "Snapshot",
    "TrainingCurve",
    "notebook_settings",
]
