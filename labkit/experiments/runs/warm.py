"""Runs forked from a process that has imported everything, so that they start fast."""

import socket
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

from labkit.experiments.kernels import NO_ANSWER, StopSwitch, Watcher, outcome
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import Status
from labkit.experiments.runs.running import last_line, recorded, run

SERVER = "labkit.experiments.kernels.fork_server"


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
        self._switch = StopSwitch()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._noise: IO[bytes] | None = None

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
        """End all processes; runs under way, and those to come, raise Stopped."""
        self._switch.stop()
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
        """Execute a notebook with parameters; all as for `labkit.experiments.runs.running.run`."""
        if sys.platform != "linux":
            return run(plan, folder, timeout=timeout, progress=progress, switch=self._switch)

        def execute(given: dict[str, Any]) -> str | None:
            connection = self._connection()
            error = outcome(
                connection, given, timeout=timeout, progress=progress, switch=self._switch
            )
            return self._last_words() if error == NO_ANSWER else error

        return recorded(plan, folder, execute, watched=progress is not None)

    def _connection(self) -> socket.socket:
        """To a new process, which is there once the server has imported everything."""
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
        self._noise = TemporaryFile()  # noqa: SIM115  # for as long as the server lives
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-P", "-m", SERVER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._noise,
                start_new_session=True,
            )

    def _last_words(self) -> str:
        """Why a run has ended without an answer: the server itself may have."""
        with self._lock:
            if self._server is None or self._noise is None:
                return NO_ANSWER
            try:
                self._server.wait(timeout=1)
            except subprocess.TimeoutExpired:
                return NO_ANSWER
            self._noise.seek(0)
            return last_line(self._noise.read().decode(errors="replace")) or NO_ANSWER

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._server is not None:
            self._server.kill()  # it may still be importing
            self._server.wait()
        if self._noise is not None:
            self._noise.close()
        self._control = self._server = self._noise = None
