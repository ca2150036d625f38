"""The command `labkit run`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from labkit.cli.errors import FAILED, exit_with, usage_errors, writing_to
from labkit.cli.options import CheckpointEvery, assignments, parameters_from, parameters_in, text_of
from labkit.cli.progress import Display
from labkit.experiments import LOCK, WITH_RESULT, Notebook, Plan, RunFolder
from labkit.experiments import run as execute
from labkit.session import CHECKPOINT_SECONDS

RUNS = Path("runs")


def run(
    notebook: Annotated[
        str | None,
        typer.Argument(
            help="Path of a notebook, or short name of one in the folder notebooks: 01_sinusoid. "
            "Optional with the share code of a session."
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--parameter",
            metavar="NAME VALUE",
            help="A parameter; repeat the option for more: -p alpha 0.02, or -p alpha=0.02. Write "
            "numbers as 1e-3, lists as in Python. Overrides -f and --session.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "-f",
            "--file",
            metavar="FILE",
            help="Parameters from YAML or JSON. In YAML write 1.0e-3: 1e-3 is text there.",
        ),
    ] = None,
    session: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Repeat a session exported from the lab, with all its changes: a file with its "
            "share code, or its parameters as YAML or JSON.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            file_okay=False,
            help="Directory for this run; must be new, empty, or of the same run.",
            show_default="runs/NOTEBOOK-ID",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Stop the run after this time."),
    ] = None,
    progress: Annotated[
        bool | None,
        typer.Option(
            help="Show how far the run is: --progress each half second, even without a terminal; "
            "--no-progress never.",
            show_default="on a terminal; elsewhere a line now and then",
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Repeat a run that is already done, or an interrupted one from its beginning.",
        ),
    ] = False,
    checkpoint_every: CheckpointEvery = CHECKPOINT_SECONDS,
) -> None:
    """Execute a notebook with parameters, and print its result.

    The folder of the run holds the executed notebook, parameters.json, result.json,
    metrics.parquet and status.json. A run that is done is not repeated without --again. One that
    was killed, interrupted or timed out continues from its last checkpoint, to the same result.

    Exit codes: 0 done, 1 the run failed or diverged, 2 wrong usage or parameters, 130 interrupted.

    For example:

        labkit run 01_sinusoid -p alpha 0.02 -p order 1

        labkit run notebooks/04_tides.ipynb -f parameters.yaml -p seed 3 -o runs/tides

        labkit run --session shared.txt
    """
    with TemporaryDirectory() as scratch:
        with usage_errors():
            name, values = _exported(session, notebook, Path(scratch))
            values |= parameters_in(file) if file else {}
            values |= assignments(parameter or ())
            plan = Plan.of(Notebook.read(name), values)
            folder = RunFolder(output or RUNS / f"{plan.notebook.name}-{plan.id}")
            done = _is_done(folder, plan)
        if done and not again:
            typer.echo(f"{folder.path} is already {done}; --again repeats it.", err=True)
        else:
            with writing_to(folder.path), Display("starting", enabled=progress) as display:
                watcher = display.watcher(plan)
                if again:
                    folder.remove_checkpoint()
                finished = execute(
                    plan,
                    folder.path,
                    timeout=timeout,
                    progress=watcher,
                    checkpoint_every=checkpoint_every,
                )
            if finished.state == "failed":
                kept = f"\nThe notebook: {folder.notebook}" if folder.notebook.is_file() else ""
                raise exit_with(f"{finished.error}{kept}", FAILED)
    if (status := folder.status) is not None and status.without_result:
        typer.echo(f"{status.state}; the notebook records no result, see labkit.record_result")
    else:
        typer.echo(folder.result.table())
    typer.echo(f"\nThe run: {folder.path}", err=True)
    if status is not None and status.state == "diverged":
        raise exit_with(status.summary, FAILED)


def _exported(
    session: Path | None, notebook: str | None, scratch: Path
) -> tuple[str | Path, dict[str, Any]]:
    """Notebook and parameters of an exported session, or of the notebook alone."""
    # they import torch
    from labkit.experiments import check_notebook, notebook_of  # noqa: PLC0415
    from labkit.session import (  # noqa: PLC0415
        is_share_code,
        parameters,
        read_share_code,
    )

    if session is not None and is_share_code(text := text_of(session)):
        recipe = read_share_code(text)
        if notebook is not None:
            check_notebook(recipe, Path(notebook).stem)
        return notebook or notebook_of(recipe, scratch), parameters(recipe)
    if notebook is None:
        why = f"{session} does not name the notebook of its parameters: " if session else ""
        raise ValueError(f"{why}name the notebook, as in labkit run 01_sinusoid")
    return notebook, parameters_from(text, session) if session else {}


def _is_done(folder: RunFolder, plan: Plan) -> str:
    """The state in which a folder has the result of this plan; empty if it has none.

    Raises:
        ValueError: It belongs to another run, or contains other files.
    """
    if (status := folder.status) is not None:
        if status.id != plan.id:
            raise ValueError(
                f"{folder.path} is the folder of another run, of {status.notebook} with id "
                f"{status.id}; this one is {plan.notebook.name} with id {plan.id}: choose "
                "another -o"
            )
        if status.state not in WITH_RESULT:
            return ""
        if folder.ended is None:
            typer.echo(f"the files of {folder.path} are damaged: repeating the run", err=True)
            return ""
        return status.state
    if folder.path.exists() and (
        not folder.path.is_dir() or any(path.name != LOCK for path in folder.path.iterdir())
    ):
        raise ValueError(
            f"{folder.path} contains files that do not belong to a run: choose another -o"
        )
    return ""
