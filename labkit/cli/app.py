"""The command `labkit`."""

import signal

import typer

from labkit.cli.compare import compare
from labkit.cli.export import export
from labkit.cli.lab import lab
from labkit.cli.list import label, list_runs
from labkit.cli.options import ParameterCommand
from labkit.cli.rerun import rerun
from labkit.cli.run import run
from labkit.cli.show import show
from labkit.cli.sweep import sweep
from labkit.cli.watch import watch

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
app.command(name="list")(list_runs)
app.command()(label)
app.command()(watch)
app.command()(export)
app.command()(rerun)
app.command()(lab)


@app.callback()
def callback() -> None:
    """Experiments in meta-learning: run, sweep and compare notebooks with typed parameters."""


def main() -> None:
    """The entry point of `labkit`.

    Terminals that close and schedulers that end a job send SIGHUP and SIGTERM: both end as Ctrl-C
    does, with runs, kernels and folders put in order.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)
    app()
