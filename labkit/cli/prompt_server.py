"""An extension of Jupyter Server: what a kernel says to a page goes out at once.

A system holds a small message back until the page has confirmed the one before, which the page's
system does some 40 ms later (Nagle's algorithm and delayed acknowledgements). Each curve is behind
such a small message, "the kernel is busy".
"""

from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Between a page and a kernel of this machine, without delay."""

    def connect(self) -> Any:
        """Begin; what is sent from now on does not wait for more."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def _load_jupyter_server_extension(server: ServerApp) -> None:
    # a server that is told to speak with its kernels in another way goes on doing so
    if server.kernel_websocket_connection_class is ZMQChannelsWebsocketConnection:
        server.web_app.settings["kernel_websocket_connection_class"] = PromptConnection
