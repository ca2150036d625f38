"""How a notebook opens the lab: live in front of a person, trained to the end when headless."""

import os
from collections.abc import Collection

from IPython.core.getipython import get_ipython
from IPython.display import display

from labkit.figures import asking_cell
from labkit.session import Session, preset_named
from labkit.widgets.end_of_cells import EndOfCells
from labkit.widgets.lab import Lab
from labkit.widgets.lab_controls import LabControls
from labkit.widgets.plotly_bundle import plotly_bundle

VOILA = "voila"
"""Any cell of Voilà's: it has no ids."""

_open: dict[str, Lab] = {}
"""The lab that each cell of this kernel's notebook has opened last."""


def open_lab(
    session: Session, *, show: Collection[str] | None = None, lock: Collection[str] = ()
) -> None:
    """Show the lab in a live notebook; run headless, train `meta_steps` meta-steps instead.

    Once the cells that were asked for have run, the page shows the lab with Play in focus, wherever
    "Run All" has led; unless its reader has done something meanwhile.

    Running the cell again closes the lab that it opened before. It also ends the training of that
    lab's session, unless another cell shows the same session: nothing trains on unseen.

    Args:
        session: What is shown and steered, or trained.
        show: As for `Lab`.
        lock: As for `Lab`.

    Raises:
        ValueError: A name in `show` or `lock` is that of no control.
        DivergedError: Headless, the training left the finite numbers.
    """
    cell = running_cell()
    if cell is None:
        LabControls(session).check_listed(show or (), lock)
        session.run(session.settings.meta_steps)
        return
    if cell in _open:
        _close(_open.pop(cell))
    plotly_bundle()  # pages evaluate it while the lab is made
    _open[cell] = Lab(session, show=show, lock=lock)
    display(_open[cell])
    _open[cell].show_still()
    shell = get_ipython()
    if shell is not None and cell != VOILA:  # whose page begins at its top
        EndOfCells(shell.events, _open[cell].dashboard.attend)


def open_preset(
    name: str, *, show: Collection[str] | None = None, lock: Collection[str] = ()
) -> Session:
    """Open a prepared session: in the lab, with two sentences on what to watch; or run it headless.

    Args:
        name: One of `labkit.PRESETS`.
        show: As for `Lab`.
        lock: As for `Lab`.

    Returns:
        The session, which `open_lab` shows or trains.

    Raises:
        ParameterError: There is no preset of this name.
        DivergedError: Headless, the training left the finite numbers.

    Example:
        >>> session = open_preset("beta-too-large")
        >>> session.snapshot().meta_step
        20
    """
    session = preset_named(name).session()
    open_lab(session, show=show, lock=lock)
    return session


def _close(lab: Lab) -> None:
    lab.close()
    if not any(other.session is lab.session for other in _open.values()):
        lab.session.close()


def running_cell() -> str | None:
    """Id of the cell that a notebook's page asked the kernel to run; None if headless.

    Voilà runs notebooks headless for a person to use: any of its cells counts.
    """
    cell = asking_cell()
    if cell is not None or getattr(get_ipython(), "kernel", None) is None:
        return cell
    return VOILA if os.environ.get("SERVER_SOFTWARE", "").startswith("voila") else None
