"""Kernels for tests that come up at once: forked from one process that has imported everything.

Importing torch and labkit takes most of the time of a short notebook. Here one process does so for
a whole run of pytest. A kernel specification named `python3` starts this file in place of
ipykernel; it asks that process for a kernel, and lives and ends with it. Tests of how a kernel
itself starts, or of the processes of a run, take ordinary kernels.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

_FOLDER = "WARM_KERNELS"
"""The environment variable with the folder of the specification and of the socket."""


@contextlib.contextmanager
def offered() -> Iterator[None]:
    """A place for warm kernels, which all processes that are started meanwhile can find."""
    with tempfile.TemporaryDirectory(prefix="warm") as folder:
        place = Path(folder) / "kernels" / "python3"
        place.mkdir(parents=True)
        command = [sys.executable, "-S", __file__, "{connection_file}"]
        spec = {"argv": command, "display_name": "Python 3 (ipykernel)", "language": "python"}
        (place / "kernel.json").write_text(json.dumps(spec))
        (Path(folder) / "owner").write_text(str(os.getpid()))
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER]


def warm_kernels() -> dict[str, str]:
    """What the environment needs for Jupyter's kernel `python3` to be a warm one, if offered."""
    return {"JUPYTER_PATH": os.environ[_FOLDER]} if _FOLDER in os.environ else {}


def serve() -> None:
    """Fork a kernel for each request, while kernels are offered."""
    folder = Path(os.environ[_FOLDER])
    owner = int((folder / "owner").read_text())
    _import_everything()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "coming"))
        server.listen(16)
        (folder / "coming").rename(folder / "socket")
        server.settimeout(2)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while folder.exists() and _is_alive(owner):
            with contextlib.suppress(TimeoutError):
                connection = server.accept()[0]
                if os.fork() == 0:
                    server.close()
                    _look_after_kernel(connection)
                connection.close()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _import_everything() -> None:
    importlib.import_module("labkit.widgets.opening")
    server = importlib.import_module("labkit.experiments.kernels.fork_server")
    for _ in server.import_everything():
        pass
    # imported by a kernel, ipywidgets does so itself; without it the kernel refuses each page that
    # asks for its widgets, and tells all pages so
    importlib.import_module("ipykernel.ipkernel")
    importlib.import_module("ipywidgets").register_comm_target()


def _look_after_kernel(connection: socket.socket) -> NoReturn:
    """Start a kernel, signal it when asked to, and end it when nobody is left to ask."""
    kernels = importlib.import_module("labkit.experiments.kernels.preforked_kernel")
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        kernel = kernels.PreforkedKernel(connection)
        lines = connection.makefile()
        kernel.start(
            [kernels.LAUNCHER, *json.loads(lines.readline())], json.loads(lines.readline())
        )
        ended = os.pidfd_open(kernel.pid)
        while kernel.poll() is None:
            ready, _, _ = select.select([connection.fileno(), ended], [], [])
            if connection.fileno() in ready:
                number = connection.recv(1)
                kernel.send_signal(number[0] if number else signal.SIGKILL)
                if not number:
                    kernel.wait()
        with contextlib.suppress(OSError):
            connection.sendall(bytes([abs(kernel.wait()) % 256]))
    finally:  # never back into the loop of the server
        os._exit(0)


def _be_kernel(connection_file: str) -> NoReturn:
    """Be what Jupyter takes for the kernel: pass on its signals, and end when it ends."""
    connection = _connect_or_serve(Path(os.environ[_FOLDER]))
    options = {"env": dict(os.environ), "cwd": os.getcwd()}
    for request in (["-f", connection_file], options):
        connection.sendall(json.dumps(request).encode() + b"\n")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: connection.sendall(bytes([number])))
    code = connection.recv(1)
    os._exit(code[0] if code else 1)


def _connect_or_serve(folder: Path) -> socket.socket:
    """Connect to the server; who asks first starts it."""
    with contextlib.suppress(FileExistsError):
        (folder / "started").touch(exist_ok=False)
        paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        with (folder / "log").open("w") as log:
            # not to the pipes of who asks: whoever reads them would wait for the server's end
            subprocess.Popen(
                [sys.executable, "-c", "from tests.warm_kernels import serve; serve()"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    connection = socket.socket(socket.AF_UNIX)
    deadline = time.monotonic() + 120
    while True:
        try:
            connection.connect(str(folder / "socket"))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return connection


if __name__ == "__main__":
    _be_kernel(sys.argv[1])
