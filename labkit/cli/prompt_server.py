"""An extension of Jupyter Server that sends the messages of kernels to pages at once.

By default, the server's system holds a small message back until the page's system acknowledges the
message before it, about 40 ms later (Nagle's algorithm and delayed acknowledgements). Such a small
message, "the kernel is busy", precedes each curve.
"""

from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Connects a page and a kernel of this machine without delay."""

    def connect(self) -> Any:
        """Connect, and disable Nagle's algorithm."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def _load_jupyter_server_extension(server: ServerApp) -> None:
    # another class, if somebody has configured it, stays
    if server.kernel_websocket_connection_class is ZMQChannelsWebsocketConnection:
        server.web_app.settings["kernel_websocket_connection_class"] = PromptConnection
