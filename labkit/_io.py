"""Write files atomically: under a temporary name, which is then renamed."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def atomic_write(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file completely or not at all: after a failure or interrupt the old one remains.

    Args:
        path: The file; its folder exists.
        write: Writes the file under the path that it receives, in the same folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     atomic_write(Path(folder) / "note", lambda path: path.write_text("whole"))
        ...     [file.name for file in Path(folder).iterdir()]
        ['note']
    """
    target = Path(path)
    temporary = target.with_name(f".{secrets.token_hex(4)}.{target.name}")
    try:
        write(temporary)
        os.replace(temporary, target)
    except BaseException:  # an interrupt too: no temporary file remains
        temporary.unlink(missing_ok=True)
        raise
