"""A widget that hears each message where the page sends it."""

from typing import Any

import anywidget


class SubshellWidget(anywidget.AnyWidget):
    """A widget whose messages are handled by the subshell that each names.

    From 7.4 on ipykernel hands a message to the subshell that was at work when the widget last said
    something. A widget that speaks on a thread of its own, with several pages, would be deaf from
    the moment at which that subshell has ended with its page, and would wait for a cell that runs
    while the page has a subshell beside it.

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
