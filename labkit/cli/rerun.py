"""The command `labkit rerun`."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from labkit.cli.errors import FAILED, exit_with, usage_errors, writing_to
from labkit.cli.progress import Display, terminal_width
from labkit.experiments import (
    RunFolder,
    agreement,
    differences,
    number_text,
    plan_of,
    text_table,
)
from labkit.experiments import run as execute


def rerun(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that has a result.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="An empty or new folder for the repeated run; without it nothing is kept.",
        ),
    ] = None,
    digits: Annotated[
        int, typer.Option(min=0, help="Number of digits to which all metrics must agree.")
    ] = 6,
) -> None:
    """Repeat a run, and print to how many digits the numbers agree.

    Notebook and parameters are read from its folder.

    Exit codes: 0 all metrics agree, 1 some do not or the run failed, 2 there is no such run.
    """
    with TemporaryDirectory() as scratch:
        with usage_errors():
            before = RunFolder(run)
            plan = plan_of(before, Path(scratch))
            earlier = before.result
            again = RunFolder(output or Path(scratch) / "run")
            if again.path.is_dir() and any(again.path.iterdir()):
                raise ValueError(f"{again.path} is not empty: choose another -o")
        with writing_to(again.path), Display("starting") as display:
            status = execute(plan, again.path, progress=display.watcher(plan))
        if status.state == "failed":
            raise exit_with(f"the run failed this time: {status.summary}", FAILED)
        if status.without_result:
            raise exit_with(f"no result this time: {status.summary}", FAILED)
        repeated = again.result
    compared = agreement(earlier.metrics, repeated.metrics)
    rows = [
        (
            name,
            number_text(one, ".7g"),
            number_text(other, ".7g"),
            "all" if math.isinf(same) else f"{same:.1f}",
        )
        for name, (one, other, same) in compared.items()
    ]
    heads = ("metric", "then", "now", "digits that agree")
    typer.echo(text_table(heads, rows, {"metric"}, terminal_width()))
    for name, (then, now) in differences(earlier.provenance, repeated.provenance).items():
        typer.echo(f"{name} was {then}, is {now}")
    if any(agreeing < digits for _, _, agreeing in compared.values()):
        raise exit_with(f"not all metrics agree to {digits} digits", FAILED)
