"""The workers that execute the runs of a sweep: processes of Dask, here or on a cluster."""

import asyncio
import logging
import os
import secrets
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from labkit.experiments.kernels import DISK_FULL
from labkit.experiments.runs import Plan, Status
from labkit.experiments.sweeps.gpus import visible_gpus
from labkit.experiments.sweeps.sweep_folder import SweepFolder
from labkit.session import CHECKPOINT_SECONDS, ParameterError, RunProgress

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE = 10.0
"""Seconds within which a scheduler must answer."""

WAIT = 300.0
"""Seconds for which a scheduler may have no workers, by default."""

NOTICE, CHECK = 5.0, 1.0
"""Seconds without workers before a notice, and seconds between two checks for workers."""

OnNotice: TypeAlias = Callable[[str], object]
OnProgress: TypeAlias = Callable[[Sequence[tuple[Plan, RunProgress]]], object]
OnEnd: TypeAlias = Callable[[Plan, Status], object]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Ctrl-C reaches all processes of a terminal; the sweep ends its workers itself
_PRELOAD = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class SchedulerError(ValueError):
    """No scheduler answers at an address."""


class SchedulerGoneError(RuntimeError):
    """A scheduler no longer answers, or has no workers."""


@contextmanager
def workers(
    jobs: int | None = None,
    scheduler: str | None = None,
    *,
    dashboard: bool = False,
    on_notice: OnNotice = lambda _: None,
) -> "Iterator[Client]":
    """Start workers, or connect to some; each executes one run at a time.

    Args:
        jobs: Worker processes on this machine; None: one per GPU if there are some, else one per
            core.
        scheduler: Address of a running Dask scheduler, such as tcp://host:8786, whose workers
            share the file system; `jobs` is ignored.
        dashboard: Start Dask's dashboard; a scheduler has its own.
        on_notice: Receives a line with the address of the dashboard, if that is asked for.

    Raises:
        SchedulerError: The scheduler does not answer within `PATIENCE` seconds.
        ParameterError: Bokeh, which the dashboard needs, is not installed.
    """
    if dashboard and scheduler is None and find_spec("bokeh") is None:
        raise ParameterError("Dask's dashboard needs bokeh: pip install 'maml-lab[dashboard]'")
    # slow to import, and most commands need none
    import dask  # noqa: PLC0415
    from distributed import Client, LocalCluster  # noqa: PLC0415

    with ExitStack() as stack:
        # the client logs to standard error what is raised here
        stack.enter_context(silent("distributed.client", "distributed.core"))
        if scheduler is not None:
            stack.enter_context(dask.config.set({"distributed.comm.timeouts.connect": PATIENCE}))
            try:
                _check_scheduler(scheduler)
                client = stack.enter_context(Client(scheduler, timeout=PATIENCE))
            except (OSError, ValueError, MemoryError) as error:
                # the answer of another kind of server is read as the size of a message: too large,
                # or waited for without end
                other = isinstance(error, MemoryError | TimeoutError)
                why = "a server of another kind" if other else error
                raise SchedulerError(
                    f"no Dask scheduler answers at {scheduler} ({why}): give the address that "
                    "the scheduler prints when it starts, such as tcp://host:8786"
                ) from None
        else:
            cores = len(os.sched_getaffinity(0))
            jobs = jobs or len(visible_gpus()) or cores
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,  # it limits the worker, not the run
                dashboard_address="127.0.0.1:0",  # with None, all sweeps compete for one port
                scheduler_kwargs={"dashboard": dashboard},
                host="127.0.0.1",
                local_directory=stack.enter_context(TemporaryDirectory()),
                silence_logs=logging.CRITICAL,
                env=dict.fromkeys(_THREADS, str(max(1, cores // jobs))),
                preload=_PRELOAD,
            )
            stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster))
        if dashboard:
            on_notice(f"Dask's dashboard: {client.dashboard_link}")
        stack.callback(_dismiss, client)
        yield client


_sweeps: "WeakKeyDictionary[Client, str]" = WeakKeyDictionary()
"""The sweep for which a client's workers are prepared."""


def _prepare(client: "Client") -> str:
    """Prepare the workers once for all runs that they get: what they have imported serves all."""
    from labkit.experiments.sweeps.worker_runs import WorkerRuns  # noqa: PLC0415

    if client not in _sweeps:
        # unique: runs of a killed sweep may still be known to a scheduler
        _sweeps[client] = f"maml-lab-{secrets.token_hex(4)}"
        # workers elsewhere see the GPUs that whoever started them has chosen
        gpus = () if client.cluster is None else visible_gpus()
        client.register_plugin(WorkerRuns(_sweeps[client], gpus))
    return _sweeps[client]


def _dismiss(client: "Client") -> None:
    """End what `_prepare` has started."""
    sweep = _sweeps.pop(client, None)
    if sweep is not None and client.status == "running":
        with suppress(OSError):  # from a worker that ends at the same time
            client.unregister_worker_plugin(sweep)


def _check_scheduler(address: str) -> None:
    """Ask who answers at an address; a client would wait for its messages without end.

    Raises:
        OSError: Nobody answers, or in no way that Dask understands.
        ValueError: It is no address, or that of something else of Dask's.
    """
    from distributed.core import rpc  # noqa: PLC0415

    async def identity() -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE), rpc(address) as server:
            answer: dict[str, Any] = await server.identity()
            return answer

    with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a loop already
        kind = thread.submit(lambda: asyncio.run(identity())).result().get("type")
    if kind != "Scheduler":
        raise ValueError(f"it is a {kind} of Dask's")


def run_plans(
    client: "Client",
    folder: SweepFolder,
    plans: Sequence[Plan],
    timeout: float | None = None,
    *,
    wait: float = WAIT,
    on_notice: OnNotice = lambda _: None,
    on_progress: OnProgress = lambda _: None,
    patience: int | None = None,
    checkpoint_every: float = CHECKPOINT_SECONDS,
    skip: Callable[[Plan], bool] = lambda _: False,
) -> Generator[tuple[Plan, Status], None, None]:
    """Execute runs, and yield each at its end; a run whose worker died is repeated by another.

    Closing the generator stops the unfinished runs; the workers then execute no others.

    Args:
        client: See `workers`.
        folder: Of the sweep.
        plans: The runs.
        timeout: Longest time of a run, seconds.
        wait: How long the scheduler may have no workers, seconds.
        on_notice: Receives a line that says so.
        on_progress: Receives the runs that are under way, about once a second.
        patience: As for `run`.
        checkpoint_every: As for `run`.
        skip: Whether a run that waits is not to be executed any more.

    Raises:
        SchedulerGoneError: The scheduler no longer answers, or has no workers.
        OSError: A disk is full.
    """
    from labkit.experiments.sweeps.worker_runs import execute  # noqa: PLC0415

    sweep = _prepare(client)
    waiting = deque(plans)
    futures: dict[Future[Status], Plan] = {}
    ended: SimpleQueue[Future[Status]] = SimpleQueue()

    def fill() -> None:
        """Submit as many runs as can be executed at once.

        Dask assumes equal durations: it would queue several runs at one worker while another is
        idle.
        """
        with suppress(OSError):  # the futures end with the scheduler
            slots = max(1, sum(client.nthreads().values()))
            while waiting and len(futures) < slots:
                plan = waiting.popleft()
                if skip(plan):
                    continue
                key = f"{plan.id}-{sweep}"
                future = client.submit(
                    execute,
                    sweep,
                    folder,
                    plan,
                    timeout,
                    patience,
                    checkpoint_every,
                    key=key,
                    pure=False,
                )
                futures[future] = plan
                future.add_done_callback(ended.put)

    looked = 0.0

    def look() -> None:
        """Look after the runs, once in `CHECK` seconds."""
        nonlocal looked
        if monotonic() - looked >= CHECK:
            fill()
            on_progress([(plan, folder.progress(plan)) for plan in futures.values()])
            looked = monotonic()

    try:
        fill()
        while futures:
            look()
            future = _next_ended(ended, client, wait, on_notice, look)
            plan = futures.pop(future)
            if future.status == "finished":
                fill()
                yield plan, future.result()
            elif future.status == "error":
                fill()
                yield plan, _failed_status(plan, future.exception())
            else:
                raise SchedulerGoneError(
                    f"the scheduler no longer answers ({future.status}); finished runs are kept"
                )
    finally:
        if client.status == "running":
            client.cancel(list(futures))


def _next_ended(
    ended: "SimpleQueue[Future[Status]]",
    client: "Client",
    wait: float,
    on_notice: OnNotice,
    look: Callable[[], object],
) -> "Future[Status]":
    """Wait for the next future that ends, and call `look` every `CHECK` seconds."""
    last_seen, noticed = monotonic(), False
    while True:
        try:
            return ended.get(timeout=min(CHECK, wait / 2))
        except Empty:
            look()
        with suppress(OSError):  # the futures end with the scheduler
            if client.scheduler_info().get("workers"):
                last_seen, noticed = monotonic(), False
        seconds = monotonic() - last_seen
        if seconds > wait:
            raise SchedulerGoneError(
                f"the scheduler has had no workers for {wait:g} s; finished runs are kept"
            )
        if seconds > min(NOTICE, wait / 2) and not noticed:
            noticed = True
            on_notice(
                f"the scheduler has no workers: waiting {wait:g} s for one; start it by dask "
                "worker and the scheduler's address"
            )


def _failed_status(plan: Plan, error: BaseException | None) -> Status:
    """The status of a run that could not write its own, since its worker died or failed."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        raise error  # the others would fail in the same way
    message = " ".join(f"{type(error).__name__}: {error}".split())
    begun = Status.running(plan.id, plan.notebook.name, plan.version)
    return replace(begun, state="failed", error=message)


@contextmanager
def silent(*names: str) -> Iterator[None]:
    """Silence loggers below critical failures, and restore their levels afterwards.

    Example:
        >>> with silent("somebody"):
        ...     logging.getLogger("somebody").error("not logged")
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
