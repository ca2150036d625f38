"""Runs forked from a process that has imported everything, so that they start fast."""

import socket
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

from labkit.experiments.conversation import NO_ANSWER, Watcher, outcome
from labkit.experiments.plan import Plan
from labkit.experiments.run_folder import Status
from labkit.experiments.running import last_line, recorded, run


class WarmRuns:
    """Makes runs as `run` does, each with processes of its own; from the second on they start fast.

    The process that they are forked from has the environment variables, the working directory and
    the code of labkit as they were at the first run. `run` may be called by several threads. Where
    forking is not safe, that is elsewhere than on Linux, runs start as they do without it.

    Example:
        >>> with WarmRuns() as runs:
        ...     pass  # runs.run(plan, folder) for each of them
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that runs are forked from; runs under way go on."""
        with self._lock:
            self._end()

    def run(
        self,
        plan: Plan,
        folder: str | Path,
        *,
        timeout: float | None = None,
        progress: Watcher | None = None,
    ) -> Status:
        """Execute a notebook with parameters; all as for `labkit.experiments.running.run`."""
        if sys.platform != "linux":
            return run(plan, folder, timeout=timeout, progress=progress)

        def execute(given: dict[str, Any]) -> str | None:
            connection = self._connection()
            return outcome(connection, given, timeout=timeout, progress=progress)

        return recorded(plan, folder, execute, watched=progress is not None)

    def _connection(self) -> socket.socket:
        """To a new process."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            if self._server is None or self._server.poll() is not None:
                self._end()
                self._start()
            assert self._control is not None  # noqa: S101  # for the type checker
            socket.send_fds(self._control, [b"f"], [theirs.fileno()])
        return ours

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        module = "labkit.experiments.fork_server"
        with theirs, TemporaryFile() as noise:
            self._server = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=noise,
                start_new_session=True,
            )
            theirs.close()
            if not self._control.recv(1):
                noise.seek(0)
                raise RuntimeError(last_line(noise.read().decode(errors="replace")) or NO_ANSWER)

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._server is not None:
            self._server.wait()
        self._control = self._server = None
