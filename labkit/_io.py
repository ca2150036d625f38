"""Files that are whole or not there: made under a temporary name, then renamed."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def atomic_write(path: str | Path, make: Callable[[Path], object]) -> None:
    """Have a file made; if that fails or is interrupted, what was there before stays.

    Args:
        path: The file; its folder exists.
        make: Writes the file under the path that it is given, beside the other.

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
        make(temporary)
        os.replace(temporary, target)
    except BaseException:  # an interrupt too: no temporary file stays behind
        temporary.unlink(missing_ok=True)
        raise
