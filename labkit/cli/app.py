"""The command `labkit`."""

import typer

from labkit.cli.compare import compare

app = typer.Typer(
    name="labkit",
    help="Experiments in meta-learning: run, sweep and compare notebooks with typed parameters.",
    no_args_is_help=True,
)


@app.callback()
def callback() -> None:
    """Experiments in meta-learning: run, sweep and compare notebooks with typed parameters."""


app.command()(compare)


def main() -> None:
    """What `labkit` on the command line calls."""
    app()
