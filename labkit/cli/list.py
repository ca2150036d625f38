"""The commands `labkit list` and `labkit label`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.errors import FAILED, exit_with, usage_errors, write_error
from labkit.cli.options import Folders
from labkit.experiments import (
    METRIC,
    Filter,
    Labels,
    RunFolder,
    RunReader,
    RunRow,
    number_text,
    text_table,
    value_text,
    values_of,
    varying_names,
)
from labkit.session import ParameterError


def list_runs(
    folders: Folders,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Runs for which this holds: state=done, tag=good, alpha<0.1, ratio>=0.5, or a "
            "word of name, note, notebook or id. Repeat the option for more conditions.",
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help="The metric to show.")] = METRIC,
    sort: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Sort by a parameter or metric, the lowest first."),
    ] = None,
) -> None:
    """List runs: state, names, tags, parameters, a metric.

    For example:

        labkit list sweeps/order --only state=done --only "alpha<0.1" --sort query_loss_after
    """
    with usage_errors():
        accepted = Filter(tuple(only or ()))
        rows = list(RunReader(folders).rows())
        check_names(rows, [*accepted.names, *([sort] if sort is not None else [])])
    rows = [row for row in rows if accepted.accepts(row)]
    if sort is not None:
        rows.sort(key=lambda row: sort_key(values_of(row).get(sort)))
    varying = varying_names(rows)
    cells = [
        (
            row.labels.name or row.id,
            row.state,
            ", ".join(row.labels.tags),
            *(value_text(row.parameters.get(name, "")) for name in varying),
            number_text(row.metrics[metric]) if metric in row.metrics else "",
            row.progress or row.error,
        )
        for row in rows
    ]
    heads = ("run", "state", "tags", *varying, metric, "")
    typer.echo(text_table(heads, cells, {"run", "state", "tags", ""}))
    typer.echo(f"\n{len(rows)} runs")


def check_names(rows: Sequence[RunRow], names: Sequence[str]) -> None:
    """Each name must be that of a parameter, a metric or another value of some run.

    Raises:
        ParameterError: No run has a value of this name.
    """
    there = {name for row in rows for name in values_of(row)}
    for name in names:
        if rows and name not in there:
            raise ParameterError(
                f"no run has a parameter or metric {name!r}; there are: {', '.join(sorted(there))}"
            )


def sort_key(value: object) -> tuple[int, float, str]:
    """Numbers by size, then texts, then what is missing.

    Example:
        >>> sorted([None, "b", 2, "a", 0.5], key=sort_key)
        [0.5, 2, 'a', 'b', None]
    """
    if value is None:
        return 2, 0.0, ""
    if isinstance(value, int | float):
        return 0, float(value), ""
    return 1, 0.0, str(value)


def label(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN…", help="Folders of runs.", show_default=False)
    ],
    name: Annotated[
        str | None, typer.Option(help="What to call the run; empty: nothing.", show_default=False)
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="Add a tag; may be repeated.")
    ] = None,
    untag: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="Remove a tag; may be repeated.")
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="Anything else about the run.", show_default=False)
    ] = None,
) -> None:
    """Name runs, tag them, and note what is worth knowing of them.

    For example:

        labkit label runs/first --name baseline --tag good --note "the numbers of the talk"
    """
    with usage_errors():
        if name is None and note is None and not tag and not untag:
            raise ValueError("nothing to write: give --name, --tag, --untag or --note")
        labels = []
        for run in runs:
            if RunFolder(run).status is None:
                raise ValueError(f"{run} is not the folder of a run")
            before = Labels.read(run)
            labels.append(before.changed(name=name, tags=tag or (), untag=untag or (), note=note))
    for run, own in zip(runs, labels, strict=True):
        try:
            own.write(run)
        except OSError as error:
            raise exit_with(write_error(run, error), FAILED) from None
