"""A peer in a separate process, where its imports and threads disturb no other."""

import os
import resource
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, final

from benchmarks.peers.candidates import Candidate
from benchmarks.peers.work import Gradient, Work, given_tasks

PATIENCE = 5.0
"""Seconds that a process has to end by itself."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a peer begins.

    Attributes:
        import_seconds: To load the peer and its library.
        first_seconds: From the call that makes it to the end of the first meta-step, with all
            compilation; nothing is in a cache.
        megabytes: Peak memory of that and its warm-up, beyond what the imports took.
    """

    import_seconds: float
    first_seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Block:
    """Some meta-steps in a row.

    Attributes:
        seconds: Of wall time, per meta-step.
        processor_seconds: Of all threads, per meta-step.
    """

    seconds: float
    processor_seconds: float


@final
class Worker:
    """One candidate at one work, started at once; a context manager that ends the process.

    Args:
        candidate: Who.
        work: What.
        threads: That its library may use.
    """

    def __init__(self, candidate: Candidate, work: Work, threads: int) -> None:
        self.candidate, self.work = candidate, work
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, candidate, work, threads), daemon=True
        )
        self._process.start()
        # the parent then sees the end of file when the process dies
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # at the end of its requests it removes its files; one that is busy is not waited for
        self._connection.close()
        self._process.join(PATIENCE)
        self._process.kill()
        self._process.join()

    def start(self) -> Start:
        """Load, make and warm up the peer: to be asked first, and once."""
        started: Start = self._ask("start")
        return started

    def gradient(self) -> Gradient:
        """Its meta-gradient on the common θ and tasks."""
        gradient: Gradient = self._ask("gradient")
        return gradient

    def block(self, meta_steps: int) -> Block:
        """Take so many meta-steps."""
        block: Block = self._ask("block", meta_steps)
        return block

    def _ask(self, *request: Any) -> Any:
        try:
            self._connection.send(request)
            answer, problem = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join()
            raise RuntimeError(
                f"{self.candidate.name}: its process ended with code {self._process.exitcode} "
                f"when asked for {request[0]} of {self.work}"
            ) from error
        if problem:
            raise RuntimeError(f"{self.candidate.name} failed at {self.work}:\n{problem}")
        return answer


def _serve(connection: Connection, candidate: Candidate, work: Work, threads: int) -> None:
    """Answer requests until the process is ended."""
    with TemporaryDirectory() as cache:
        # before torch, JAX or their libraries are loaded, which read these
        os.environ.update(
            OMP_NUM_THREADS=str(threads),
            MKL_NUM_THREADS=str(threads),
            NPROC=str(threads),  # what XLA sizes its pool of threads by
            JAX_PLATFORMS="cpu",
            LABKIT_CACHE=cache,
            TORCHINDUCTOR_CACHE_DIR=cache,
        )
        bench = _Bench(candidate, work)
        while True:
            try:
                name, *arguments = connection.recv()
            except (EOFError, ConnectionError):
                return
            try:
                answer = getattr(bench, name)(*arguments), ""
            except Exception:  # noqa: BLE001  # told to the parent, which raises
                answer = None, traceback.format_exc()
            connection.send(answer)


class _Bench:
    """The requests, as the child answers them."""

    def __init__(self, candidate: Candidate, work: Work) -> None:
        self._candidate, self._work = candidate, work

    def start(self) -> Start:
        begin = time.perf_counter()
        self._candidate.load()
        loaded, base = time.perf_counter(), _peak_megabytes()
        self._peer = self._candidate.make(self._work)
        self._peer.train(1)
        first = time.perf_counter()
        self._peer.train(self._candidate.warm_up)
        return Start(loaded - begin, first - loaded, _peak_megabytes() - base)

    def gradient(self) -> Gradient:
        return self._peer.meta_gradient(*given_tasks(self._work))

    def block(self, meta_steps: int) -> Block:
        wall, processor = time.perf_counter(), time.process_time()
        self._peer.train(meta_steps)
        return Block(
            (time.perf_counter() - wall) / meta_steps,
            (time.process_time() - processor) / meta_steps,
        )


def _peak_megabytes() -> float:
    """The largest memory this program has had."""
    if sys.platform == "linux":
        # ru_maxrss would be at least that of the parent, which a child keeps from its fork
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
