"""Servers that show notebooks in a browser: JupyterLab, Notebook, Voilà."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.warm_kernels import warm_kernels

ROOT = Path(__file__).parents[2]

_SERVER = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}"]
_SERVER += ["--IdentityProvider.token={token}", "--ServerApp.root_dir={root}"]


@dataclass(frozen=True)
class Place:
    """A program that serves notebooks to a browser.

    Attributes:
        name: What people call it.
        arguments: What Python is started with; `{port}`, `{token}` and `{root}` are filled in.
        path: Where a page for `{notebook}` is, up to the token in its query.
        own_errors: Part of each message that the program's own pages write as an error.
        settings: Settings of extensions that differ from the defaults: plugin → name → value.
    """

    name: str
    arguments: tuple[str, ...]
    path: str
    own_errors: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


JUPYTERLAB = Place(
    "JupyterLab",
    ("-m", "jupyterlab", *_SERVER, "--LabApp.expose_app_in_browser=True"),
    "/lab/tree/{notebook}?reset&",  # reset: without the tabs of earlier pages
)
WITHOUT_SUBSHELLS = replace(
    JUPYTERLAB,
    name="JupyterLab without subshells",
    settings={
        "@jupyterlab/apputils-extension:kernels-settings": {"commsOverSubshells": "disabled"}
    },
)
NOTEBOOK = Place(
    "Notebook",
    ("-m", "notebook", *_SERVER, "--JupyterNotebookApp.expose_app_in_browser=True"),
    "/notebooks/{notebook}?",
    # Notebook 7.6 says so of its settings while it loads, before any cell has run
    own_errors=("Cannot read properties of undefined (reading 'schema')",),
)
VOILA = Place(
    "Voilà",
    (
        *("-m", "voila", "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}"),
        *(f"--Voila.config_file_paths={ROOT / 'jupyter'}", "--token={token}", "{root}"),
    ),
    "/voila/render/{notebook}?",
    # its template asks the web for icons that the widgets bring along: offline that fails
    own_errors=("npm/@fortawesome/fontawesome-free",),
)

_CULLING = json.loads((ROOT / "jupyter" / "voila.json").read_text()).get("MappingKernelManager", {})
SOONER = 40
"""A page takes a few seconds to connect to its kernel, on a busy machine some more."""

VOILA_CULLING_SOON = replace(
    VOILA,
    name="Voilà, its idle kernels ended sooner",
    arguments=(
        *VOILA.arguments,
        *(f"--MappingKernelManager.{name}={value // SOONER}" for name, value in _CULLING.items()),
    ),
)


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        place: Which program runs.
        base: Its address.
        token: What a page has to show.
        root: The folder that it serves.
    """

    place: Place
    base: str
    token: str
    root: Path

    def fresh(self, notebook: str, *, whole: bool = True) -> None:
        """Put the committed form of a notebook in the place of what was saved there.

        Args:
            notebook: Its name.
            whole: If not, it ends with the lab; in some, what is behind it trains for long.
        """
        content = json.loads((ROOT / "notebooks" / notebook).read_text(encoding="utf-8"))
        if not whole:
            lab = ["open_lab" in "".join(cell["source"]) for cell in content["cells"]].index(True)
            del content["cells"][lab + 1 :]
        (self.root / notebook).write_text(json.dumps(content), encoding="utf-8")

    def url(self, notebook: str) -> str:
        """Address of a notebook's page."""
        return f"{self.base}{self.place.path.format(notebook=notebook)}token={self.token}"

    def kernel_runs(self, kernel: str) -> bool:
        """Whether the kernel with this id is alive."""
        return self._kernel(kernel) is not None

    def idle_seconds(self, kernel: str) -> float:
        """How long the server has heard nothing of a kernel that is alive.

        Raises:
            RuntimeError: The kernel has ended.
        """
        state = self._kernel(kernel)
        if state is None:
            raise RuntimeError(f"kernel {kernel} has ended")
        heard = datetime.fromisoformat(state["last_activity"])
        return (datetime.now(UTC) - heard).total_seconds()

    def kill(self, kernel: str) -> None:
        """End the process of a kernel as the system does where memory runs out."""
        for process in psutil.process_iter(["cmdline"]):
            if any(kernel in part for part in process.info["cmdline"] or ()):
                process.kill()

    def _kernel(self, kernel: str) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads(self._fetch(f"/api/kernels/{kernel}"))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None
        return state

    def _fetch(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.base}{path}?token={self.token}", timeout=60) as answer:
            body: bytes = answer.read()
            return body


@contextmanager
def serving(place: Place, folder: Path) -> Iterator[Server]:
    """A server on a folder without notebooks; all that it writes is in `folder`."""
    root, config = folder / "notebooks", folder / "config"
    root.mkdir()
    for plugin, values in place.settings.items():
        package, name = plugin.split(":")
        path = config / "lab" / "user-settings" / package / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    token, port = secrets.token_hex(16), _free_port()
    command = [part.format(port=port, token=token, root=root) for part in place.arguments]
    environment = {**os.environ, **warm_kernels(), "JUPYTER_CONFIG_DIR": str(config)}
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=output, stderr=output
        )
    server = Server(place, f"http://127.0.0.1:{port}", token, root)
    try:
        _wait_for(server, process, log)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            server._fetch("/")
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                text = log.read_text()
                raise RuntimeError(f"{server.place.name} did not start:\n{text}") from None
            time.sleep(0.2)
        else:
            return
