"""The JSON-lines protocol between whoever requests a run and the process that executes it.

The request is one line with `notebook`, `output`, `parameters`, `private` (a folder for temporary
files), `progress` and `learner` (files), `patience` (meta-steps, or null), `checkpoint` (a folder,
or null) and `checkpoint_every` (seconds). The process replies with `{"process": id}` once it has
imported what it needs, and at its end with `{"error": text or null, "disk_full": errno or null}`.
"""

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
from labkit.session import SECONDS, RunProgress

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

EXTENSION = "--IPKernelApp.extensions=labkit.experiments.runs.divergence"
"""Argument of the kernels of runs: what a training that diverges has reached is recorded."""

LEARNER_VARIABLE = "LABKIT_LEARNER"
"""Environment variable of a kernel: the file for the trained learner of its run."""

NO_ANSWER = "the process of the run ended without an answer"

START_SECONDS = 600.0
"""Within which a process must have imported what it needs, if the run has a timeout: a run's own
time begins after that."""

Watcher = Callable[[RunProgress], object]
"""Receives how far a run is, about twice a second."""


class Stopped(Exception):  # noqa: N818  # it is not an error
    """A `StopSwitch` stopped a run before its end; its folder says "running"."""


class StopSwitch:
    """Stops all runs that use it, present and future ones: they raise Stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._stopped = False

    def stop(self) -> None:
        """Stop them; this cannot be undone."""
        with self._lock:
            self._stopped = True
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the process has just ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def guard(self, connection: socket.socket) -> Iterator[None]:
        """Shut the connection if `stop` is called within this context."""
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


def run_and_wait(
    connection: socket.socket,
    request: dict[str, Any],
    *,
    timeout: float | None,
    progress: Watcher | None,
    switch: StopSwitch,
) -> str | None:
    """Request a run and wait for its end; afterwards its process no longer exists.

    Args:
        connection: To the process, see `labkit.experiments.kernels.execution`; closed in the end.
        request: What to execute, see the module's docstring.
        timeout: Longest time, seconds, after the process has imported what it needs.
        progress: Receives how far the run is.
        switch: Stops the run.

    Returns:
        The error that ended the run, or None.

    Raises:
        Stopped: By the switch.
        OSError: The disk is full.
    """
    with connection, switch.guard(connection):
        return _exchange(connection, request, timeout, progress)


def _exchange(
    connection: socket.socket,
    request: dict[str, Any],
    timeout: float | None,
    progress: Watcher | None,
) -> str | None:
    until = None if timeout is None else time.monotonic() + START_SECONDS
    reply: dict[str, Any] = {}
    path = Path(request["progress"])
    _note("importing", path)
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        unread = b""
        while True:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                if "process" in reply:
                    return f"TimeoutError: not done after {timeout:g} s"
                return f"TimeoutError: its process has not started within {START_SECONDS:g} s"
            waits = [wait for wait in (left, SECONDS if progress else None) if wait is not None]
            connection.settimeout(min(waits) if waits else None)
            try:
                data = connection.recv(65536)
            except TimeoutError:
                data = None
            if progress and (now := RunProgress.read(path)) is not None:
                progress(now)
            if data == b"":
                break
            *lines, unread = (unread + (data or b"")).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "process" in message:
                    until = None if timeout is None else time.monotonic() + timeout
                    _note("starting", path)
                reply |= message
        if number := reply.get("disk_full"):
            raise OSError(number, os.strerror(number), request["output"])
        error: str | None = reply.get("error", NO_ANSWER)
        return error  # noqa: TRY300
    except ConnectionError:
        return NO_ANSWER
    finally:
        if "process" in reply and "error" not in reply:
            end_with_children(reply["process"])


def _note(phase: str, path: Path) -> None:
    with contextlib.suppress(OSError):  # results cannot be written either, and say so
        RunProgress(phase).write(path)
