"""A still picture of a lab in the notebook's outputs, for wherever the lab itself cannot live.

A notebook that is saved, turned into HTML or looked at without a kernel keeps its outputs but no
running widget. The picture is a separate output below the lab: replacing it does not redraw
the lab.
"""

import html
import threading
import uuid
from collections.abc import Mapping

from IPython.display import HTML, display, update_display

LOST = (
    "<b>The lab is not connected to a running kernel; this is its last picture.</b><br/>"
    "To open it again, choose Run ▸ Run All Cells. If its kernel still runs, load the page again."
)
"""Above the picture, which is seen only where the lab is not: below JupyterLab's own message."""

CLASS = "maml-lab-static"
"""The front end's style sheet hides what is of this class where the lab is in the same output."""


class StaticCopy:
    """An output below the lab that holds its last picture and may be replaced from any thread.

    A page that has loaded the notebook again does not know which of its outputs may be replaced:
    it finds this one by its mark.

    Attributes:
        mark: A word that only this output contains.

    Example:
        >>> copy = StaticCopy()
        >>> copy.shown
        False
    """

    def __init__(self) -> None:
        self.mark = f"maml-lab-{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._last: str | None = None

    @property
    def html(self) -> str:
        """The whole output as it is now; empty if it is not there yet."""
        with self._lock:
            return "" if self._last is None else self._framed(self._last)

    @property
    def shown(self) -> bool:
        """Whether the output is there."""
        return self._last is not None

    def show(self, picture: str = "") -> None:
        """Make the output, in the cell that runs now: call it right after the lab is displayed.

        Args:
            picture: HTML as `picture_html` makes it; empty as long as there is none.
        """
        with self._lock:
            display(HTML(self._framed(picture)), display_id=self.mark)
            self._last = picture

    def update(self, picture: str) -> None:
        """Replace the picture, also long after its cell has run; nothing is sent if it is the same.

        Args:
            picture: HTML as `picture_html` makes it.

        Raises:
            RuntimeError: The output was not made yet.
        """
        with self._lock:
            if self._last is None:
                raise RuntimeError(
                    "the picture has no output yet: call show() in the lab's cell before update()"
                )
            if picture != self._last:
                update_display(HTML(self._framed(picture)), display_id=self.mark)
                self._last = picture

    def _framed(self, picture: str) -> str:
        return f'<div class="{CLASS}" data-lab="{self.mark}">{picture}</div>'


def picture_html(pictures: Mapping[str, str]) -> str:
    """Images one below the other, which need neither scripts nor a network.

    Images rather than SVG elements: JupyterLab takes those out of notebooks it does not trust.

    Args:
        pictures: What each shows, in words → a data URL, as `Plotly.toImage` gives it.

    Returns:
        HTML for `StaticCopy`, with a caption; empty if there is no image.

    Raises:
        ValueError: An address is not a data URL of an image.

    Example:
        >>> print(picture_html({"losses": "data:image/png;base64,AAAA"}).partition("</p>")[2])
        <img alt="losses" src="data:image/png;base64,AAAA" style="max-width: 100%">
    """
    for words, url in pictures.items():
        if not url.startswith("data:image/"):
            raise ValueError(
                f"the picture {words!r} has to be a data URL of an image, and begins with "
                f"{url[:30]!r}: what `Plotly.toImage` returns will do"
            )
    images = "\n".join(
        f'<img alt="{html.escape(words)}" src="{html.escape(url)}" style="max-width: 100%">'
        for words, url in pictures.items()
    )
    return f'<p style="margin: 1em 0">{LOST}</p>{images}' if images else ""
