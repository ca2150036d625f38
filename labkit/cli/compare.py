"""`labkit compare`: groups of runs, with intervals over seeds."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.experiments.comparison import METRIC, compare_runs
from labkit.experiments.tables import read_runs, runs_frame


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR…", help="Folders of sweeps or runs.", show_default=False),
    ],
    metric: Annotated[str, typer.Option(help="What to compare: a metric of the runs.")] = METRIC,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME]…",
            help="Parameters that tell the groups apart; by default all that differ but the seed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare runs: means with 95 % intervals over seeds, and differences on the same seeds.

    Runs whose parameters are equal but for the seed are a group. The difference of two groups is
    taken seed by seed: it is "lower" or "higher" when its interval leaves out zero.
    """
    try:
        runs = read_runs(folders)
        found = compare_runs(runs_frame(runs), metric, by.split(",") if by else None)
    except (OSError, ValueError) as error:
        typer.echo(f"labkit compare: {error}", err=True)
        raise typer.Exit(2) from None
    words = f"; left out: {runs.left_out_words()}" if runs.left_out else ""
    typer.echo(f"{len(runs.done)} runs{words}\n")
    typer.echo(found.table())
