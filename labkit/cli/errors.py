"""Errors of commands: one line on the problem, and an exit code."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from labkit.experiments import DISK_FULL, FolderInUseError, lock_folder

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes: the run failed; wrong usage or parameters; Ctrl-C."""

_UNWRITABLE = (*DISK_FULL, errno.EROFS)


def exit_with(message: object, code: int) -> typer.Exit:
    """Print why a command ends, and return the exception to raise."""
    typer.echo(f"labkit: {message}", err=True)
    return typer.Exit(code)


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn errors in names, values and files into one message and exit code 2."""
    try:
        yield
    except ValueError as error:
        raise exit_with(error, USAGE) from None
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.errno is None:  # raised by labkit itself
            raise exit_with(error, USAGE) from None
        if error.filename is None or error.errno in _UNWRITABLE:  # it concerns no input file
            raise
        message = f"{error.filename} cannot be read: {error.strerror}"
        raise exit_with(
            message, USAGE if isinstance(error, FileNotFoundError) else FAILED
        ) from None


def write_error(path: Path, error: OSError) -> str:
    """The message on a file or folder that cannot be written, with a remedy."""
    remedy = "make room there" if error.errno in DISK_FULL else "choose another place"
    return f"{path} cannot be written: {error.strerror or error}: {remedy}"


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Lock a run's folder for this process, and turn errors into one message.

    Exit codes: 2 if another process uses it, 1 if it cannot be written, 130 on Ctrl-C.
    """
    try:
        with lock_folder(folder):
            yield
    except FolderInUseError as error:
        raise exit_with(error, USAGE) from None
    except OSError as error:
        raise exit_with(write_error(folder, error), FAILED) from None
    except KeyboardInterrupt:
        raise exit_with(
            f"interrupted; the same command continues the run in {folder}", INTERRUPTED
        ) from None
