"""The command `labkit`."""

import typer

from labkit.cli.compare import compare
from labkit.cli.lab import lab
from labkit.cli.options import ParameterCommand
from labkit.cli.rerun import rerun
from labkit.cli.run import run
from labkit.cli.show import show
from labkit.cli.sweep import sweep

app = typer.Typer(
    name="labkit",
    help="Experiments in meta-learning: run, sweep and compare notebooks with typed parameters.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(cls=ParameterCommand)(run)
app.command(cls=ParameterCommand)(sweep)
app.command()(compare)
app.command()(show)
app.command()(rerun)
app.command()(lab)


@app.callback()
def callback() -> None:
    """Experiments in meta-learning: run, sweep and compare notebooks with typed parameters."""


def main() -> None:
    """The entry point of `labkit`."""
    app()
