"""The command `labkit export`."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.errors import FAILED, exit_with, usage_errors, write_error
from labkit.cli.options import Folders
from labkit.experiments import export_runs


def export(
    folders: Folders,
    to: Annotated[
        str,
        typer.Option(
            metavar="TRACKER",
            help="Where to: wandb, mlflow or tensorboard; each is an extra of that name.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for what the tracker reads.",
            show_default="exported/TRACKER",
        ),
    ] = None,
) -> None:
    """Hand runs with their curves and names on to a tracker.

    Everything is written to files on this machine; nothing is sent. The command that shows or
    sends them is printed. Runs that are there already are skipped.

    For example:

        labkit export sweeps/order --to tensorboard
    """
    place = output or Path("exported") / to
    try:
        with usage_errors():
            exported = export_runs(folders, to, place)
    except OSError as error:
        raise exit_with(write_error(place, error), FAILED) from None
    earlier = f", {exported.earlier} were there already" if exported.earlier else ""
    left_out = f", {exported.left_out} without a result left out" if exported.left_out else ""
    typer.echo(f"{len(exported.runs)} runs exported to {place}{earlier}{left_out}")
    typer.echo(f"To look at them: {exported.look}")
