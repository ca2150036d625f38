"""`labkit compare`: groups of runs, with intervals over seeds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from labkit._io import atomic_write
from labkit.cli.errors import FAILED, USAGE, write_error
from labkit.cli.options import Folders
from labkit.cli.progress import Display, terminal_width
from labkit.experiments import METRIC, compare_runs, find_notebook, read_runs, runs_frame

NOTEBOOK = "09_compare"


def compare(
    folders: Folders,
    metric: Annotated[str, typer.Option(help="The metric to compare.")] = METRIC,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME]…",
            help="Parameters that distinguish the groups; by default all that differ except the "
            "seed.",
            show_default=False,
        ),
    ] = None,
    mix_versions: Annotated[
        bool,
        typer.Option("--mix-versions", help="Compare runs of several versions of a notebook, too."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="HTML", help="Write a report: one page that needs no network."
        ),
    ] = None,
    notebook: Annotated[
        Path | None,
        typer.Option(
            metavar="IPYNB",
            help="Execute notebooks/09_compare on the folder; it compares query_loss_after by all "
            "parameters that differ.",
        ),
    ] = None,
) -> None:
    """Compare runs: means over seeds with 95 % intervals.

    Runs whose parameters are equal except for the seed form a group. The difference of two groups
    is taken seed by seed; it is "lower" or "higher" when its interval excludes zero.
    """
    if notebook and (len(folders) != 1 or metric != METRIC or by):
        _stop("--notebook takes one folder, and neither --metric nor --by")
    try:
        with Display("reading the runs"):
            runs = read_runs(folders)
            comparison = compare_runs(
                runs_frame(runs),
                metric,
                [n.strip() for n in by.split(",")] if by else None,
                mix_versions=mix_versions,
            )
    except (OSError, ValueError) as error:
        _stop(str(error))
    left_out = f"; left out: {runs.left_out_summary()}" if runs.left_out else ""
    typer.echo(f"{len(runs.done)} runs{left_out}\n")
    typer.echo(comparison.table(terminal_width()))
    if output:
        from labkit.experiments import report_html  # noqa: PLC0415  # it imports plotly

        with Display("drawing the report"):
            page = report_html(runs, comparison)
        with _writing(output):
            atomic_write(output, lambda path: path.write_text(page, encoding="utf-8"))
        typer.echo(f"\nThe report: {output}")
    if notebook:
        with _writing(notebook), Display(f"executing {NOTEBOOK}"):
            _execute(folders[0], notebook)
        typer.echo(f"\nThe executed notebook: {notebook}")


def _execute(folder: Path, output: Path) -> None:
    """Execute notebook 09 with the absolute path of the folder."""
    # slow to import, and tables need none
    import papermill  # noqa: PLC0415

    from labkit.experiments import execute_notebook  # noqa: PLC0415

    try:
        source = find_notebook(NOTEBOOK)
    except FileNotFoundError as error:
        _stop(str(error))
    if output.resolve() == source.resolve():
        _stop(f"{output} is the notebook itself: choose another file for the executed one")
    try:
        execute_notebook(source, output, {"folder": str(folder.resolve())})
    except papermill.PapermillExecutionError as error:
        message = f"{NOTEBOOK} failed with {error.ename}: {error.evalue}"
        _stop(f"{message}\nThe notebook, with the traceback: {output}", FAILED)
    except RuntimeError as error:  # the kernel died, or did not start
        _stop(f"{NOTEBOOK} failed: {error}", FAILED)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _stop(write_error(path, error), FAILED)


def _stop(message: str, code: int = USAGE) -> NoReturn:
    typer.echo(f"labkit compare: {message}", err=True)
    raise typer.Exit(code)
