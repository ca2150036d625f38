"""What is said between whoever wants a run and the process that makes it."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.experiments.process_tree import end_with_children
from labkit.session.progress import SECONDS, told

_LOCK = threading.Lock()
_ASKED: dict[Path, socket.socket] = {}
"""Folder of a run that goes on → the connection to its process."""

_STOPPED: set[Path] = set()

NO_ANSWER = "the process of the run has ended without an answer"

Watcher = Callable[[int], object]
"""Is given the number of meta-steps taken, about twice a second."""


class Stopped(Exception):  # noqa: N818  # nothing is wrong
    """A run was stopped before its end by `stop_runs`; its folder says "running"."""


def stop_runs(within: Path) -> None:
    """Have the runs of this process with folders in `within` end: `outcome` raises Stopped."""
    with _LOCK:
        for folder, connection in _ASKED.items():
            if folder.is_relative_to(within):
                _STOPPED.add(folder)
                connection.shutdown(socket.SHUT_RDWR)


def outcome(
    connection: socket.socket,
    given: dict[str, Any],
    *,
    timeout: float | None,
    progress: Watcher | None,
) -> str | None:
    """Have a process execute, and wait for it; whatever happens, it has ended afterwards.

    Args:
        connection: To the process, see `labkit.experiments.execution`.
        given: What to execute.
        timeout: Longest time, seconds.
        progress: Who is told how far it has come.

    Returns:
        What went wrong, or None.

    Raises:
        Stopped: By `stop_runs`.
    """
    folder = Path(given["output"]).parent
    with _LOCK:
        _ASKED[folder] = connection
    try:
        return _heard(connection, given, timeout, progress)
    finally:
        with _LOCK:
            del _ASKED[folder]
            stopped = folder in _STOPPED
            _STOPPED.discard(folder)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        if stopped:
            raise Stopped


def _heard(
    connection: socket.socket,
    given: dict[str, Any],
    timeout: float | None,
    progress: Watcher | None,
) -> str | None:
    until = None if timeout is None else time.monotonic() + timeout
    words: dict[str, Any] = {}
    try:
        connection.sendall(json.dumps(given).encode() + b"\n")
        heard = b""
        while True:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return f"TimeoutError: not done after {timeout:g} s"
            waits = [wait for wait in (left, SECONDS if progress else None) if wait is not None]
            connection.settimeout(min(waits) if waits else None)
            try:
                data = connection.recv(65536)
            except TimeoutError:
                data = None
            if progress and (meta_step := told(Path(given["progress"]))) is not None:
                progress(meta_step)
            if data == b"":
                break
            *lines, heard = (heard + (data or b"")).split(b"\n")
            for line in lines:
                words |= json.loads(line)
        error: str | None = words.get("error", NO_ANSWER)
        return error  # noqa: TRY300
    except ConnectionError:
        return NO_ANSWER
    finally:
        if "process" in words and "error" not in words:
            end_with_children(words["process"])
