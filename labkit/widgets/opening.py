"""How a notebook opens the lab: live in front of a person, trained to the end when headless."""

from IPython.display import display

from labkit.session.session import Session
from labkit.widgets.frontend import running_cell
from labkit.widgets.lab import Lab

_open: dict[str, Lab] = {}
"""The lab that each cell of this kernel's notebook has opened last."""


def open_lab(session: Session) -> None:
    """Show the lab in a live notebook; run headless, train `meta_steps` meta-steps instead.

    Running the cell again closes the lab that it opened before, so that none trains on unseen.

    Args:
        session: What is shown and steered, or trained.

    Raises:
        DivergedError: Headless, the training left the finite numbers.
    """
    cell = running_cell()
    if cell is None:
        session.run(session.settings.meta_steps)
        return
    if cell in _open:
        _open.pop(cell).close()
    _open[cell] = Lab(session)
    display(_open[cell])
    _open[cell].show_still()
