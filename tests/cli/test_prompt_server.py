"""What a kernel says goes out at once, from servers that have the extension."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]

OPENED = """
import socket, sys
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.websocket import websocket_connect

class Another(ZMQChannelsWebsocketConnection):
    pass

def opened(*arguments, **settings):
    app = ServerApp(**settings)
    app.initialize([*arguments, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
                    "--ServerApp.port=0", "--IdentityProvider.token=t"])

    async def connect():
        kernel = await app.kernel_manager.start_kernel()
        port = next(iter(app.http_server._sockets.values())).getsockname()[1]
        address = f"ws://127.0.0.1:{port}/api/kernels/{kernel}/channels?session_id=s&token=t"
        await websocket_connect(address)
        (connection,) = ZMQChannelsWebsocketConnection._open_sockets
        peer = connection.websocket_handler.ws_connection.stream.socket
        at_once = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        print(type(connection).__name__, at_once)
        await app.kernel_manager.shutdown_kernel(kernel, now=True)
        app.io_loop.stop()

    app.io_loop.call_later(0, connect)
    app.start()
"""

SWITCHED = "--ServerApp.jpserver_extensions=labkit.cli.prompt_server={}"


@pytest.mark.parametrize(
    ("call", "installed", "message"),
    [
        ("opened()", True, "PromptConnection True"),
        (f"opened({SWITCHED.format(True)!r})", False, "PromptConnection True"),
        (f"opened({SWITCHED.format(False)!r})", True, "ZMQChannelsWebsocketConnection False"),
        ("opened(kernel_websocket_connection_class=Another)", True, "Another False"),
    ],
    ids=["settings of make", "switched on", "switched off", "another connection"],
)
def test_messages_go_out_at_once_where_the_extension_is_on(
    tmp_path: Path, call: str, installed: bool, message: str
) -> None:
    folder = tmp_path / "jupyter_server_config.d"
    folder.mkdir()
    if installed:
        shutil.copy(ROOT / "jupyter" / "maml_lab.json", folder)
    done = subprocess.run(
        [sys.executable, "-c", f"{OPENED}\n{call}"],
        env={**os.environ, "JUPYTER_CONFIG_PATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == message
