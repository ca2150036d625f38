"""What determines the numbers that a session shows at a snapshot: whether two would be the same."""

from labkit.session.observe.snapshot import Snapshot
from labkit.session.settings import LIVE, Settings

Live = dict[str, object]
"""Settings that may change while it trains, by name."""


def history_of(snapshot: Snapshot, meta_step: int) -> object:
    """What determines θ at a meta-step."""
    return snapshot.start, tuple(e for e in snapshot.events if e.meta_step < meta_step)


def live_of(settings: Settings) -> Live:
    """The values of all live settings."""
    return {name: getattr(settings, name) for name in LIVE}


def state_of(snapshot: Snapshot) -> object:
    """What determines all that can be measured at a snapshot."""
    return snapshot.meta_step, live_of(snapshot.settings), history_of(snapshot, snapshot.meta_step)


def still_wanted(own: Snapshot, snapshot: Snapshot) -> bool:
    """Whether a session would still show what is being measured at its own snapshot.

    That is of this run, these settings and, while the session rests, this meta-step.
    """
    too_late = not snapshot.playing and own.meta_step != snapshot.meta_step
    same_run = history_of(own, own.meta_step) == history_of(snapshot, own.meta_step)
    return same_run and own.settings == snapshot.settings and not too_late
