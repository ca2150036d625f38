"""A sweep: all runs of a design, each executed once, however often it is interrupted."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from labkit.experiments.runs import Plan, Status
from labkit.experiments.sweeps.design import SweepDesign
from labkit.experiments.sweeps.sweep_folder import SweepFolder
from labkit.experiments.sweeps.workers import WAIT, OnEnd, OnNotice, OnProgress, run_plans, workers
from labkit.session import CHECKPOINT_SECONDS


@dataclass(frozen=True, slots=True)
class Tally:
    """The progress of a sweep.

    Attributes:
        runs: All of them.
        done: Finished ones, earlier ones included.
        failed: Failed ones.
        diverged: Those whose training diverged.
        pruned: Those that a search has given up.
    """

    runs: int
    done: int
    failed: int
    diverged: int = 0
    pruned: int = 0

    @classmethod
    def of(cls, runs: int, ended: Iterable[Status]) -> "Tally":
        """Count the runs that have ended, by their states."""
        states = Counter(status.state for status in ended)
        return cls(runs, *(states[name] for name in ("done", "failed", "diverged", "pruned")))

    @property
    def others(self) -> dict[str, int]:
        """State → number of runs, of those that have ended otherwise than done."""
        return {"failed": self.failed, "diverged": self.diverged, "pruned": self.pruned}

    @property
    def left(self) -> int:
        """Runs that have not ended."""
        return self.runs - self.done - sum(self.others.values())


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
    dashboard: bool = False,
    checkpoint_every: float = CHECKPOINT_SECONDS,
    on_event: OnEvent = lambda _: None,
    on_notice: OnNotice = lambda _: None,
    on_progress: OnProgress = lambda _: None,
    on_end: OnEnd = lambda _, __: None,
) -> list[tuple[Plan, Status]]:
    """Execute all runs of a design; a run that fails stops no other.

    Finished runs are skipped, interrupted ones repeated. In a script, call this under
    `if __name__ == "__main__":`, since worker processes import the script.

    Args:
        design: The runs.
        folder: For this sweep only; a second call with the same design continues the sweep, and one
            with more seeds, values or samples extends it.
        jobs: Runs at a time on this machine, which share its cores; None: one per GPU if there are
            some, else one per core.
        scheduler: Address of a Dask scheduler whose workers execute the runs instead.
        retry: Repeat runs that have failed, too. If the notebook has changed, its finished runs are
            kept, and the others are executed with the present one.
        timeout: Longest time of a run, seconds, without what its process imports before it.
        wait: How long a scheduler may have no workers, seconds.
        dashboard: Start Dask's dashboard, and tell its address by `on_notice`.
        checkpoint_every: Seconds between two checkpoints of a training; 0: none.
        on_event: Receives the progress, at first and whenever a run has ended.
        on_notice: Receives a line when the scheduler has no workers.
        on_progress: Receives the runs that are under way, about once a second.
        on_end: Receives each run at its end.

    Returns:
        Each run with its status "done", "diverged" or "failed", in the order of `design.plans()`.

    Raises:
        FileNotFoundError: There is no such notebook.
        ParameterError: A value is not allowed; nothing was run.
        SweepFolderError: The folder belongs to something else.
        FolderInUseError: Another process uses it.
        SchedulerError: The scheduler does not answer.
        SchedulerGoneError: It no longer answers, or has no workers; finished runs are kept.
        OSError: The disk is full; finished runs are kept.
    """
    plans = design.plans()
    own = SweepFolder(Path(folder).resolve())
    with own.claim(design, plans, retry=retry) as own:
        ended: dict[str, Status] = {}
        for plan in plans:
            status = own.ended(plan)
            if status is not None and (status.state != "failed" or not retry):
                ended[plan.id] = status
        on_event(Tally.of(len(plans), ended.values()))
        left = [plan for plan in plans if plan.id not in ended]
        if left:
            with (
                workers(
                    min(jobs, len(left)) if jobs else jobs,
                    scheduler,
                    dashboard=dashboard,
                    on_notice=on_notice,
                ) as client,
                closing(
                    run_plans(
                        client,
                        own,
                        left,
                        timeout,
                        wait=wait,
                        on_notice=on_notice,
                        on_progress=on_progress,
                        patience=design.patience,
                        checkpoint_every=checkpoint_every,
                    )
                ) as results,
            ):
                for plan, status in results:
                    ended[plan.id] = status
                    on_end(plan, status)
                    on_event(Tally.of(len(plans), ended.values()))
    return [(plan, ended[plan.id]) for plan in plans]
