"""The command `labkit lab`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.errors import usage_errors
from labkit.experiments import find_notebook

SURROUNDINGS = {
    # torch's threads sleep while they wait, which leaves the cores to the browser
    "OMP_WAIT_POLICY": "PASSIVE",
    # kernels import what the lab needs before the first request
    "PYTHONSTARTUP": str(Path(__file__).parents[1] / "widgets" / "kernel_startup.py"),
}
"""Default environment variables of a JupyterLab for the lab; `make lab` sets the same."""


def lab(
    notebook: Annotated[
        str, typer.Argument(help="Path or short name of the notebook to open.")
    ] = "01_sinusoid",
) -> None:
    """Open a notebook with the lab in JupyterLab; Ctrl-C ends it."""
    with usage_errors():
        path = find_notebook(notebook)
    # the folder above shows the other notebooks and their files
    root = path.parents[1]
    command = [
        *(sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"),
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{path.relative_to(root).as_posix()}",
        "--ServerApp.jpserver_extensions=labkit.cli.prompt_server=True",
        # JupyterLab refuses to run as root without it, and containers often run as root
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]
    environment = {**SURROUNDINGS, **os.environ}
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603
