"""The process of one run: papermill on one notebook, for whoever is at the other end of a socket.

It is told what to execute in one line of JSON, answers with its process id, and in the end with
what went wrong. When the other end goes, it goes too, with its kernel.
"""

import json
import os
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import papermill

from labkit.experiments.kernels.cold_kernel import ColdKernelManager
from labkit.experiments.kernels.conversation import DISK_FULL
from labkit.experiments.kernels.process_tree import end_with_children
from labkit.session import VARIABLE


def execute(connection: socket.socket, **engine: Any) -> None:
    """Execute the notebook that is asked for; a failure leaves it with its traceback.

    Args:
        connection: To whoever asks.
        engine: More options of papermill's engine.
    """
    given = json.loads(connection.makefile("r", encoding="utf-8").readline())
    _answer(connection, {"process": os.getpid()})
    threading.Thread(target=_end_alone, args=(connection,), daemon=True).start()
    if given["progress"]:
        os.environ[VARIABLE] = given["progress"]
    # its own also when this process is killed: kernels that start side by side race on IPython's
    # history, and the file by which one is found holds its key
    os.environ["IPYTHONDIR"] = tempfile.tempdir = given["private"]
    error = disk_full = None
    try:
        quietly(given["notebook"], given["output"], given["parameters"], **engine)
    except papermill.PapermillExecutionError as stopped:
        error = f"{stopped.ename}: {stopped.evalue}"
    except Exception as broken:  # noqa: BLE001  # whoever asks is told, whatever it is
        error = f"{type(broken).__name__}: {broken}"
        if isinstance(broken, OSError) and broken.errno in DISK_FULL:
            disk_full = broken.errno
    _answer(connection, {"error": error, "disk_full": disk_full})


def quietly(
    notebook: str | Path, output: str | Path, parameters: dict[str, Any], **engine: Any
) -> None:
    """Papermill in this environment's Python, whatever kernel the notebook names."""
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


def _answer(connection: socket.socket, words: dict[str, Any]) -> None:
    connection.sendall(json.dumps(words).encode() + b"\n")


def _end_alone(connection: socket.socket) -> None:
    """Wait until nobody is at the other end."""
    while connection.recv(1):
        pass
    end_with_children(os.getpid())


def main() -> None:
    """Execute for the socket whose number is the argument."""
    execute(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
