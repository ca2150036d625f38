"""What is said between whoever wants a run and the process that makes it."""

import contextlib
import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labkit.experiments.kernels.process_tree import end_with_children
from labkit.session import SECONDS, read_progress

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

NO_ANSWER = "the process of the run has ended without an answer"

Watcher = Callable[[int], object]
"""Is given the number of meta-steps taken, about twice a second."""


class Stopped(Exception):  # noqa: N818  # nothing is wrong
    """A run was stopped before its end by a `StopSwitch`; its folder says "running"."""


class StopSwitch:
    """Stops all runs that it is given to, those under way and those to come: they raise Stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._stopped = False

    def stop(self) -> None:
        """Stop them, for good."""
        with self._lock:
            self._stopped = True
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the process has just ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def over(self, connection: socket.socket) -> Iterator[None]:
        """While this lasts, stopping shuts the connection."""
        with self._lock:
            if self._stopped:
                raise Stopped
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)
                stopped = self._stopped
            if stopped:
                raise Stopped


def outcome(
    connection: socket.socket,
    given: dict[str, Any],
    *,
    timeout: float | None,
    progress: Watcher | None,
    switch: StopSwitch,
) -> str | None:
    """Have a process execute, and wait for it; whatever happens, it has ended afterwards.

    Args:
        connection: To the process, see `labkit.experiments.kernels.execution`; closed in the end.
        given: What to execute.
        timeout: Longest time, seconds.
        progress: Who is told how far it has come.
        switch: Stops the run.

    Returns:
        What went wrong, or None.

    Raises:
        Stopped: By the switch.
        OSError: The disk is full.
    """
    with connection, switch.over(connection):
        return _heard(connection, given, timeout, progress)


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
            if progress and (meta_step := read_progress(Path(given["progress"]))) is not None:
                progress(meta_step)
            if data == b"":
                break
            *lines, heard = (heard + (data or b"")).split(b"\n")
            for line in lines:
                words |= json.loads(line)
        if number := words.get("disk_full"):
            raise OSError(number, os.strerror(number), given["output"])
        error: str | None = words.get("error", NO_ANSWER)
        return error  # noqa: TRY300
    except ConnectionError:
        return NO_ANSWER
    finally:
        if "process" in words and "error" not in words:
            end_with_children(words["process"])
