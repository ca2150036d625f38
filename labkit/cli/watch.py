"""The command `labkit watch`."""

import webbrowser
from typing import Annotated

import typer

from labkit.cli.errors import FAILED, exit_with, usage_errors
from labkit.cli.options import Folders


def watch(
    folders: Folders,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0: any that is free.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Show runs on a local page that follows them; Ctrl-C ends it.

    The page shows all runs with their states and training curves as they grow, parallel
    coordinates, the importance of parameters, and a metric against each parameter. Only this
    machine reaches it, with the token in its address; it needs no network.
    """
    from labkit.experiments import serve  # noqa: PLC0415  # it imports tornado

    def started(address: str) -> None:
        typer.echo(f"Watching {', '.join(map(str, folders))} at {address}\nCtrl-C ends it.")
        if browser:
            webbrowser.open(address)

    try:
        with usage_errors():
            serve(folders, port=port, on_start=started)
    except OSError as error:
        raise exit_with(f"port {port} cannot be used: {error.strerror}", FAILED) from None
    except KeyboardInterrupt:
        typer.echo()
