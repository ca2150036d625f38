"""How commands end: one line on what is wrong, and the exit code for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from labkit.experiments.folder_lock import FolderInUseError, held

FAILED, WRONG, INTERRUPTED = 1, 2, 130
"""Exit codes: the run failed; it could not be begun as asked; Ctrl-C."""


def ended(words: object, code: int) -> typer.Exit:
    """Say why a command ends, for `raise`."""
    typer.echo(f"labkit: {words}", err=True)
    return typer.Exit(code)


@contextmanager
def refusals() -> Iterator[None]:
    """What is wrong with names, values and files becomes one message and exit code 2."""
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise ended(error, WRONG) from None
    except OSError as error:
        if error.filename is None:  # nothing that was to be read
            raise
        raise ended(f"{error.filename} cannot be read: {error.strerror}", FAILED) from None


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Keep a run's folder for this process.

    Where another has it, one line and exit code 2; what keeps the run from being written becomes
    one line and exit code 1; Ctrl-C 130.
    """
    try:
        with held(folder):
            yield
    except FolderInUseError as error:
        raise ended(error, WRONG) from None
    except OSError as error:
        raise ended(f"{folder} cannot be written: {error.strerror or error}", FAILED) from None
    except KeyboardInterrupt:
        raise ended(f"interrupted; the same command repeats {folder}", INTERRUPTED) from None
