"""The process of one run: papermill on one notebook, as told on standard input."""

import contextlib
import json
import os
import shutil
import sys
from tempfile import TemporaryDirectory
from threading import Thread

import papermill
import psutil


def main() -> None:
    """Execute a notebook; a failure leaves it with its traceback, and the exit code is 1."""
    given = json.load(sys.stdin)
    with TemporaryDirectory() as private:
        Thread(target=_end_with_parent, args=(given["alive"], private), daemon=True).start()
        # kernels that start side by side race on IPython's history
        os.environ["IPYTHONDIR"] = private
        try:
            papermill.execute_notebook(
                given["notebook"],
                given["output"],
                given["parameters"],
                kernel_name="python3",
                progress_bar=False,
                log_output=False,
            )
        except papermill.PapermillExecutionError as error:
            sys.exit(f"{error.ename}: {error.evalue}")


def _end_with_parent(alive: int, private: str) -> None:
    """Wait until the process that wants this run lets go of it, then end it, kernel and all."""
    os.read(alive, 1)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    shutil.rmtree(private, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
