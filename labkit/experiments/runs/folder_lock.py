"""A folder for one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"


class FolderInUseError(ValueError):
    """Another process works in a folder; the message says how to go on."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a folder for this process; it is free again when the process ends, however that is.

    Args:
        folder: Is made if it is not there; the file `LOCK` stays in it.

    Raises:
        FolderInUseError: Another process has it.
        OSError: It cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name, held(Path(name)):
        ...     [file.name for file in Path(name).iterdir()]
        ['.lock']
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUseError(
            f"{folder} is in use, another labkit works there: wait for its end, or choose another "
            "folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
