"""The file of a page that plays a session's run without a kernel."""

from pathlib import Path

from labkit._io import atomic_write
from labkit.session import Session
from labkit.widgets.controls import specification
from labkit.widgets.lab_controls import LabControls
from labkit.widgets.replay_page import STATES, replay_page


def export_replay(session: Session, path: str | Path, *, states: int = STATES) -> Path:
    """Write a page that plays a session's run in any browser, without a kernel or a network.

    Its reader plays the run, goes to any recorded meta-step, walks through the inner steps of a
    held-out task, zooms, and reads numbers at the pointer. It has kept runs and marks of changes.

    Args:
        session: Its run until now; it is neither changed nor paused.
        path: Of the file, such as "order.html".
        states: Meta-steps to record, ≥ 2, evenly spaced; changes of settings come on top.

    Returns:
        The path.

    Raises:
        ValueError: `states` is below 2.

    Example:
        >>> import tempfile
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> session.run(4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = export_replay(session, f"{folder}/sinusoid.html", states=3)
        ...     page.read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
    """
    controls = specification(LabControls(session).groups())
    path, page = Path(path), replay_page(session, controls, states=states)
    atomic_write(path, lambda file: file.write_text(page, encoding="utf-8"))
    return path
