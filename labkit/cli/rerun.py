"""The command `labkit rerun`."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from labkit.cli.bar import bar
from labkit.cli.endings import FAILED, ended, refusals, writing
from labkit.experiments import RunFolder, agreement, differences, plan_of
from labkit.experiments import run as execute


def rerun(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that is done.")],
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
        int, typer.Option(min=0, help="To how many digits all metrics have to agree.")
    ] = 6,
) -> None:
    """Repeat a run, and say to how many digits the numbers agree.

    The notebook and the parameters are those in its folder.

    Exit codes: 0 all metrics agree, 1 some do not or the run failed, 2 there is no such run.
    """
    with TemporaryDirectory() as scratch:
        with refusals():
            before = RunFolder(run)
            plan = plan_of(before, Path(scratch))
            recorded = before.result
            again = RunFolder(output or Path(scratch) / "run")
            if again.path.is_dir() and any(again.path.iterdir()):
                raise ValueError(f"{again.path} is not empty: name another -o")
        with writing(again.path), bar(plan, shown=None) as watcher:
            status = execute(plan, again.path, progress=watcher)
        if status.state == "failed":
            raise ended(f"the run failed this time: {status.error}", FAILED)
        repeated = again.result
    compared = agreement(recorded.metrics, repeated.metrics)
    typer.echo(f"{'metric':20} {'then':>14} {'now':>14}  digits that agree")
    for name, (one, other, agreeing) in compared.items():
        words = "all" if math.isinf(agreeing) else f"{agreeing:.1f}"
        typer.echo(f"{name:20} {one:14.7g} {other:14.7g}  {words}")
    for name, (then, now) in differences(recorded.provenance, repeated.provenance).items():
        typer.echo(f"{name} was {then}, is {now}")
    if any(agreeing < digits for _, _, agreeing in compared.values()):
        raise ended(f"not all metrics agree to {digits} digits", FAILED)
