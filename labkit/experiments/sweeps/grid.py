"""A sweep: all runs of a design, made once each, however often it is interrupted."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from labkit.experiments.runs import Plan, Status
from labkit.experiments.sweeps.design import SweepDesign
from labkit.experiments.sweeps.engine import WAIT, OnNotice, made, workers
from labkit.experiments.sweeps.sweep_folder import SweepFolder


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a sweep is.

    Attributes:
        runs: All of them.
        done: With a result, earlier ones included.
        failed: Without.
    """

    runs: int
    done: int
    failed: int

    @property
    def left(self) -> int:
        """Runs that have not ended."""
        return self.runs - self.done - self.failed


OnEvent: TypeAlias = Callable[[Tally], None]


def sweep(
    design: SweepDesign,
    folder: str | Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    timeout: float | None = None,
    wait: float = WAIT,
    on_event: OnEvent = lambda _: None,
    on_notice: OnNotice = lambda _: None,
) -> list[tuple[Plan, Status]]:
    """Make all runs of a design; a run that fails stops no other.

    Runs that are done are skipped, and interrupted ones repeated. In a script this must be called
    under `if __name__ == "__main__":`, since worker processes import the script.

    Args:
        design: What varies.
        folder: For this sweep alone; called again with the same design, the sweep goes on there.
        jobs: Runs at a time on this machine; None: one a core. Each gets its share of the cores.
        scheduler: Address of a Dask scheduler whose workers make the runs instead.
        retry: Repeat runs that have failed, too.
        timeout: Longest time of a run, seconds.
        wait: How long a scheduler may be without workers, seconds.
        on_event: Told how far the sweep is, at first and whenever a run has ended.
        on_notice: Told, in a line, that the scheduler has no workers.

    Returns:
        Each run with its status "done" or "failed", in the order of `design.plans()`.

    Raises:
        FileNotFoundError: There is no such notebook.
        ParameterError: A value is not allowed; nothing was run.
        SweepFolderError: The folder cannot be this sweep's.
        FolderInUseError: Another process works there.
        SchedulerError: The scheduler does not answer.
        SchedulerGoneError: It answers no longer, or has no workers; what is done is kept.
        OSError: The disk is full; what is done is kept.
    """
    plans = design.plans()
    own = SweepFolder(Path(folder).resolve())
    with own.claimed(design, plans):
        ended: dict[str, Status] = {}
        for plan in plans:
            status = own.ended(plan)
            if status is not None and (status.state == "done" or not retry):
                ended[plan.id] = status
        on_event(_tally(plans, ended))
        left = [plan for plan in plans if plan.id not in ended]
        if left:
            with (
                workers(min(jobs, len(left)) if jobs else jobs, scheduler) as client,
                closing(
                    made(client, own, left, timeout, wait=wait, on_notice=on_notice)
                ) as results,
            ):
                for plan, status in results:
                    ended[plan.id] = status
                    on_event(_tally(plans, ended))
    return [(plan, ended[plan.id]) for plan in plans]


def _tally(plans: list[Plan], ended: dict[str, Status]) -> Tally:
    failed = sum(status.state == "failed" for status in ended.values())
    return Tally(len(plans), len(ended) - failed, failed)
