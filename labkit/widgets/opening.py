"""How a notebook opens the lab: live in front of a person, trained to the end when headless."""

from collections.abc import Collection

from IPython.display import display

from labkit.session import Session
from labkit.widgets.frontend import running_cell
from labkit.widgets.lab import Lab
from labkit.widgets.plotly_bundle import plotly_bundle

_open: dict[str, Lab] = {}
"""The lab that each cell of this kernel's notebook has opened last."""


def open_lab(
    session: Session, *, show: Collection[str] | None = None, lock: Collection[str] = ()
) -> None:
    """Show the lab in a live notebook; run headless, train `meta_steps` meta-steps instead.

    Running the cell again closes the lab that it opened before. It also ends the training of that
    lab's session, unless another cell shows the same session: nothing trains on unseen.

    Args:
        session: What is shown and steered, or trained.
        show: As for `Lab`.
        lock: As for `Lab`.

    Raises:
        DivergedError: Headless, the training left the finite numbers.
    """
    cell = running_cell()
    if cell is None:
        session.run(session.settings.meta_steps)
        return
    if cell in _open:
        _close(_open.pop(cell))
    plotly_bundle()  # pages evaluate it while the lab is made
    _open[cell] = Lab(session, show=show, lock=lock)
    display(_open[cell])
    _open[cell].show_still()


def _close(lab: Lab) -> None:
    lab.close()
    if not any(other.session is lab.session for other in _open.values()):
        lab.session.close()
