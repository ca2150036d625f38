"""Numbers that are seldom read, on disk: long sessions need no more memory."""

import errno
import io
import logging
import math
import os
import tempfile
import weakref
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Block: TypeAlias = NDArray[np.float64]
Kept: TypeAlias = int | Block
"""The position of a block in the file, or the block itself if the disk rejected it."""

_LOG = logging.getLogger(__name__)


class Archive:
    """Blocks of one shape in a temporary file without a name, deleted when nobody needs it.

    Blocks are only added, so histories with the same beginning share them. The file is created
    with the first one, in the folder that the environment variable TMPDIR names. A block that the
    disk rejects stays in memory. For one thread at a time.

    Args:
        shape: Of every block.

    Example:
        >>> archive = Archive((2,))
        >>> archive.get(archive.put(np.array([0.5, 0.25])))
        array([0.5 , 0.25])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._file: io.FileIO | None = None
        self._refused = False

    def put(self, block: Block) -> Kept:
        """Keep a block that does not change any more, for `get`."""
        try:
            return self._written(block)
        except OSError as error:
            if not self._refused:
                _LOG.warning("there is no room on disk for the history, memory grows: %s", error)
            self._refused = True
            return block

    def get(self, kept: Kept) -> Block:
        """A block as it was put in."""
        if self._file is None or not isinstance(kept, int):
            return np.asarray(kept)
        self._file.seek(kept)
        content = self._file.read(8 * math.prod(self._shape))
        return np.frombuffer(content).reshape(self._shape)

    def _written(self, block: Block) -> int:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # as below
            weakref.finalize(self, self._file.close)
        position = self._file.seek(0, os.SEEK_END)
        if self._file.write(block.tobytes()) < block.nbytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return position
