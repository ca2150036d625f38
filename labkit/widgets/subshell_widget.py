"""A widget whose messages are handled where the page sends them."""

from typing import Any

import anywidget


class SubshellWidget(anywidget.AnyWidget):
    """A widget whose messages are handled by the subshell that each names.

    Since 7.4 ipykernel hands a message to the subshell that was running when the widget last sent
    one. A widget that sends from its own thread, to several pages, would hear nothing once that
    subshell has ended with its page. It would also wait for a running cell, although the page has a
    free subshell.

    Example:
        >>> widget = SubshellWidget()
        >>> widget.comm._reply_subshell_for({"method": "custom"}, "the page's")
        "the page's"
        >>> widget.close()
    """

    def open(self) -> None:
        """Open the channel to the page, unless it is open."""
        super().open()
        # no name that ipykernel promises to keep; without it, it does the same
        self.comm._reply_subshell_for = _as_sent


def _as_sent(_: Any, subshell: str | None) -> str | None:
    return subshell
