"""How commands end: one line on what is wrong, and the exit code for it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from labkit.experiments import DISK_FULL, FolderInUseError, held

FAILED, WRONG, INTERRUPTED = 1, 2, 130
"""Exit codes: the run failed; it could not be begun as asked; Ctrl-C."""

_UNWRITABLE = (*DISK_FULL, errno.EROFS)


def ended(words: object, code: int) -> typer.Exit:
    """Say why a command ends, for `raise`."""
    typer.echo(f"labkit: {words}", err=True)
    return typer.Exit(code)


@contextmanager
def refusals() -> Iterator[None]:
    """What is wrong with names, values and files becomes one message and exit code 2."""
    try:
        yield
    except ValueError as error:
        raise ended(error, WRONG) from None
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.errno is None:  # in our own words
            raise ended(error, WRONG) from None
        if error.filename is None or error.errno in _UNWRITABLE:  # nothing that was to be read
            raise
        words = f"{error.filename} cannot be read: {error.strerror}"
        raise ended(words, WRONG if isinstance(error, FileNotFoundError) else FAILED) from None


def unwritten(path: Path, error: OSError) -> str:
    """Why something cannot be written, and what to do."""
    remedy = "make room there" if error.errno in DISK_FULL else "choose another place"
    return f"{path} cannot be written: {error.strerror or error}: {remedy}"


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
        raise ended(unwritten(folder, error), FAILED) from None
    except KeyboardInterrupt:
        raise ended(f"interrupted; the same command repeats {folder}", INTERRUPTED) from None
