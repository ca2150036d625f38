"""Where the runs of a sweep are made: worker processes of Dask, here or on a cluster."""

import logging
import os
import secrets
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from labkit.experiments.kernels import DISK_FULL, silent
from labkit.experiments.runs import Plan, Status, begun
from labkit.experiments.sweeps.sweep_folder import SweepFolder

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE = 10.0
"""Seconds in which a scheduler must answer."""

WAIT = 300.0
"""Seconds for which a scheduler may be without workers, by default."""

NOTICE, LOOK = 5.0, 1.0
"""After how many seconds without workers this is said, and how often they are looked for."""

OnNotice: TypeAlias = Callable[[str], object]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Ctrl-C reaches all processes of a terminal: the sweep ends its workers, each in its turn
_PRELOAD = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class SchedulerError(ValueError):
    """There is no scheduler at an address."""


class SchedulerGoneError(RuntimeError):
    """A scheduler that has answered does so no longer, or is without workers."""


@contextmanager
def workers(jobs: int | None = None, scheduler: str | None = None) -> "Iterator[Client]":
    """Workers for runs, one run at a time each.

    Args:
        jobs: Worker processes on this machine; None: one a core.
        scheduler: Address of a running Dask scheduler, such as tcp://host:8786, whose workers
            share the file system; its own number of workers counts then.

    Raises:
        SchedulerError: The scheduler does not answer within `PATIENCE` seconds.
    """
    # it takes a while, and most commands do without
    import dask  # noqa: PLC0415
    from distributed import Client, LocalCluster  # noqa: PLC0415

    with ExitStack() as stack:
        # a client says on standard error what is said here as an exception
        stack.enter_context(silent("distributed.client", "distributed.core"))
        if scheduler is not None:
            stack.enter_context(dask.config.set({"distributed.comm.timeouts.connect": PATIENCE}))
            try:
                client = stack.enter_context(Client(scheduler, timeout=PATIENCE))
            except (OSError, ValueError, MemoryError) as error:
                # what a server of another kind says is taken for the size of a message
                why = "a server of another kind" if isinstance(error, MemoryError) else error
                raise SchedulerError(
                    f"no Dask scheduler answers at {scheduler} ({why}): give the address that "
                    "the scheduler says when it starts, such as tcp://host:8786"
                ) from None
        else:
            cores = len(os.sched_getaffinity(0))
            jobs = jobs or cores
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,  # of the worker, not of the run
                dashboard_address="127.0.0.1:0",  # None is one port for all sweeps, which quarrel
                scheduler_kwargs={"dashboard": False},
                host="127.0.0.1",
                local_directory=stack.enter_context(TemporaryDirectory()),
                silence_logs=logging.CRITICAL,
                env=dict.fromkeys(_THREADS, str(max(1, cores // jobs))),
                preload=_PRELOAD,
            )
            stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster))
        yield client


def made(
    client: "Client",
    folder: SweepFolder,
    plans: Sequence[Plan],
    timeout: float | None = None,
    *,
    wait: float = WAIT,
    on_notice: OnNotice = lambda _: None,
) -> Generator[tuple[Plan, Status], None, None]:
    """Make runs; each comes when it has ended. A run whose worker died is made again elsewhere.

    When the iteration is left before its end, the runs that go on are stopped.

    Args:
        client: See `workers`.
        folder: Of the sweep.
        plans: What is run.
        timeout: Longest time of a run, seconds.
        wait: How long there may be no workers, seconds.
        on_notice: Told, in a line, that there are none.

    Raises:
        SchedulerGoneError: The scheduler has gone, or its workers have.
        OSError: A disk is full.
    """
    from labkit.experiments.sweeps.worker_runs import WorkerRuns, make  # noqa: PLC0415

    # of this sweep alone: a killed one's may go on at a scheduler's
    sweep = f"maml-lab-{secrets.token_hex(4)}"
    client.register_plugin(WorkerRuns(sweep))
    waiting = deque(plans)
    futures: dict[Future[Status], Plan] = {}
    ended: SimpleQueue[Future[Status]] = SimpleQueue()

    def fill() -> None:
        """Hand out as many runs as can go at once.

        Dask takes all runs for equally long: one worker could have several before it while
        another has none.
        """
        with suppress(OSError):  # the futures end when the scheduler has gone
            places = max(1, sum(client.nthreads().values()))
            while waiting and len(futures) < places:
                plan = waiting.popleft()
                key = f"{plan.id}-{sweep}"
                future = client.submit(make, sweep, folder, plan, timeout, key=key, pure=False)
                futures[future] = plan
                future.add_done_callback(ended.put)

    try:
        fill()
        while futures:
            future = _next(ended, client, wait, on_notice, fill)
            plan = futures.pop(future)
            if future.status == "finished":
                fill()
                yield plan, future.result()
            elif future.status == "error":
                fill()
                yield plan, _lost(plan, future.exception())
            else:
                raise SchedulerGoneError(
                    f"the scheduler has gone ({future.status}); what is done is kept"
                )
    finally:
        if client.status == "running":
            client.cancel(list(futures))
            with suppress(OSError):  # of a worker that goes at the same time
                client.unregister_worker_plugin(sweep)


def _next(
    ended: "SimpleQueue[Future[Status]]",
    client: "Client",
    wait: float,
    on_notice: OnNotice,
    look: Callable[[], object],
) -> "Future[Status]":
    """The next future that has ended; `look` is called now and then until there is one."""
    lonely, said = monotonic(), False
    while True:
        try:
            return ended.get(timeout=min(LOOK, wait / 2))
        except Empty:
            look()
        with suppress(OSError):  # the futures end when the scheduler has gone
            if client.scheduler_info()["workers"]:
                lonely, said = monotonic(), False
        seconds = monotonic() - lonely
        if seconds > wait:
            raise SchedulerGoneError(
                f"the scheduler has had no workers for {wait:g} s; what is done is kept"
            )
        if seconds > min(NOTICE, wait / 2) and not said:
            said = True
            on_notice(
                f"the scheduler has no workers: waiting {wait:g} s for one; dask worker with the "
                "scheduler's address starts it"
            )


def _lost(plan: Plan, error: BaseException | None) -> Status:
    """The status of a run that has none in its folder: its worker died each time, or could not."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        raise error  # all others would end so, too
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return replace(begun(plan.id, plan.notebook.name), state="failed", error=words)
