"""Where the runs of a sweep are made: worker processes of Dask, here or on a cluster."""

import logging
import os
import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from labkit.experiments.conversation import stop_runs
from labkit.experiments.plan import Plan
from labkit.experiments.run_folder import Status, begun
from labkit.experiments.silence import silent
from labkit.experiments.sweep_folder import SweepFolder

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 10.0
"""Seconds in which a scheduler must answer."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Ctrl-C reaches all processes of a terminal: the sweep ends its workers, each in its turn
_PRELOAD = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class SchedulerError(ValueError):
    """There is no scheduler at an address."""


class SchedulerGoneError(RuntimeError):
    """A scheduler that has answered does so no longer."""


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
            except (OSError, ValueError) as error:
                raise SchedulerError(
                    f"no Dask scheduler answers at {scheduler} ({error}): give the address that "
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
                dashboard_address=None,
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
    client: "Client", folder: SweepFolder, plans: Sequence[Plan], timeout: float | None = None
) -> Generator[tuple[Plan, Status], None, None]:
    """Make runs; each comes when it has ended. A run whose worker died is made again elsewhere.

    When the iteration is left before its end, the runs that go on are stopped.

    Raises:
        SchedulerGoneError: The scheduler has gone.
    """
    from distributed import as_completed  # noqa: PLC0415

    # of this sweep alone: a killed one's may go on at a scheduler's
    sweep = secrets.token_hex(4)
    futures = {
        client.submit(folder.make, plan, timeout, key=f"{plan.id}-{sweep}", pure=False): plan
        for plan in plans
    }
    ended = False
    try:
        for future in as_completed(futures):
            plan = futures[future]
            if future.status == "finished":
                yield plan, future.result()
            elif future.status == "error":
                yield plan, _lost(plan, future.exception())
            else:
                raise SchedulerGoneError(
                    f"the scheduler has gone ({future.status}); what is done is kept"
                )
        ended = True
    finally:
        if not ended and client.status == "running":
            client.cancel(list(futures))
            client.run(stop_runs, folder.tries, on_error="ignore")


def _lost(plan: Plan, error: BaseException | None) -> Status:
    """The status of a run that has none in its folder: its worker died each time, or could not."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return replace(begun(plan.id, plan.notebook.name), state="failed", error=words)
