"""The process of one run: papermill executes a notebook for the client at the end of a socket.

`labkit.experiments.kernels.protocol` describes request and replies. When the client disconnects,
this process ends, and its kernel with it.
"""

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError

from labkit.experiments.kernels.cold_kernel import ColdKernelManager
from labkit.experiments.kernels.process_tree import end_with_children
from labkit.experiments.kernels.protocol import DISK_FULL, LEARNER_VARIABLE
from labkit.session import EVERY_VARIABLE, FOLDER_VARIABLE, PATIENCE, VARIABLE


def execute(connection: socket.socket, **engine: Any) -> None:
    """Execute the notebook that the client requests; a failed notebook contains the traceback.

    Args:
        connection: To the client.
        engine: More options of papermill's engine.
    """
    request = json.loads(connection.makefile("r", encoding="utf-8").readline())
    _reply(connection, {"process": os.getpid()})
    threading.Thread(target=_end_without_client, args=(connection,), daemon=True).start()
    os.environ |= {VARIABLE: request["progress"], LEARNER_VARIABLE: request["learner"]}
    if request["patience"]:
        os.environ[PATIENCE] = str(request["patience"])
    os.environ |= {
        FOLDER_VARIABLE: request["checkpoint"] or "",
        EVERY_VARIABLE: str(request["checkpoint_every"]),
    }
    # private, and removed even if this process is killed: kernels that start at the same time race
    # on IPython's history, and the connection file contains the kernel's key
    os.environ["IPYTHONDIR"] = tempfile.tempdir = request["private"]
    error = disk_full = None
    ends: list[int] = []
    managers = engine.pop("kernel_manager_class", ColdKernelManager)
    engine["kernel_manager_class"] = noting_exit_code(managers, ends)
    try:
        execute_notebook(request["notebook"], request["output"], request["parameters"], **engine)
    except DeadKernelError:
        error = f"DeadKernelError: the kernel died, {_cause(ends)}"
    except papermill.PapermillExecutionError as failure:
        error = f"{failure.ename}: {failure.evalue}"
    except Exception as failure:  # noqa: BLE001  # the client receives it, whatever it is
        error = f"{type(failure).__name__}: {failure}"
        if isinstance(failure, OSError) and failure.errno in DISK_FULL:
            disk_full = failure.errno
    _reply(connection, {"error": error, "disk_full": disk_full})


def execute_notebook(
    notebook: str | Path, output: str | Path, parameters: dict[str, Any], **engine: Any
) -> None:
    """Run papermill silently in this environment's Python, whatever kernel the notebook names."""
    papermill.execute_notebook(
        notebook,
        output,
        parameters,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        log_output=False,
        **{"kernel_manager_class": ColdKernelManager, **engine},
    )


def noting_exit_code(
    managers: type[AsyncKernelManager], ends: list[int]
) -> type[AsyncKernelManager]:
    """Kernel managers of this class that note a kernel's exit code when it has died."""

    class NotingManager(managers):  # type: ignore[misc, valid-type]  # a class as argument
        """Asks for the exit code while there is one: the manager forgets it as it cleans up."""

        async def _async_is_alive(self) -> bool:
            alive: bool = await super()._async_is_alive()
            if not alive and self.provisioner is not None:
                ends.append(await self.provisioner.poll() or 0)
            return alive

        is_alive = _async_is_alive

    return NotingManager


def _cause(ends: list[int]) -> str:
    """How a kernel ended, in words."""
    if not ends:
        return "without an exit code"
    code = ends[-1]
    if code >= 0:
        return f"with exit code {code}"
    name = signal.Signals(-code).name
    memory = ": the memory may not have sufficed" if -code == signal.SIGKILL else ""
    return f"by signal {-code} ({name}){memory}"


def _reply(connection: socket.socket, message: dict[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _end_without_client(connection: socket.socket) -> None:
    """Wait until the client disconnects, then end."""
    while connection.recv(1):
        pass
    end_with_children(os.getpid())


def main() -> None:
    """Serve the socket whose file descriptor is the argument."""
    execute(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
