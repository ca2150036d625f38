"""A search: Optuna chooses what is tried next, from what earlier runs have found."""

import math
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from labkit.experiments.runs import Plan, Status
from labkit.experiments.sweeps.engine import WAIT, OnNotice, made, workers
from labkit.experiments.sweeps.grid import OnEvent, Tally
from labkit.experiments.sweeps.search_design import Chooser, SearchDesign, Trial
from labkit.experiments.sweeps.sweep_folder import SweepFolder
from labkit.session import ParameterError


def search(
    design: SearchDesign,
    folder: str | Path,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    timeout: float | None = None,
    wait: float = WAIT,
    on_event: OnEvent = lambda _: None,
    on_notice: OnNotice = lambda _: None,
) -> list[Trial]:
    """Try values that become better, as far as the metric tells; arguments as for `sweep`.

    What is tried follows from the design and the results alone, so that an interrupted search
    goes on where it was: the same values are chosen again, and their runs are there. More trials
    go on in the same folder, too.

    Returns:
        The trials in the order in which they were chosen.

    Raises:
        FileNotFoundError: There is no such notebook.
        ParameterError: Optuna is not installed, a value is not allowed, or the runs have no such
            metric; those are kept.
        SweepFolderError, FolderInUseError, SchedulerError, SchedulerGoneError, OSError: As for
            `sweep`.
    """
    chooser = Chooser(design)
    own = SweepFolder(Path(folder).resolve())
    chosen = chooser.choose()
    ended: dict[str, Status] = {}
    most = design.together * len(design.seeded)

    def tell() -> None:
        done = sum(status.state == "done" for status in ended.values())
        on_event(Tally(design.search * len(design.seeded), done, len(ended) - done))

    with ExitStack() as stack:
        stack.enter_context(own.claimed(design, chosen[0].plans))
        tell()
        client = None
        while chosen:
            left = {}
            for plan in [plan for choice in chosen for plan in choice.plans]:
                status = own.ended(plan)
                if status is None or (status.state == "failed" and retry):
                    left[plan.id] = plan
                else:
                    ended[plan.id] = status
            if left:
                client = client or stack.enter_context(
                    workers(min(jobs, most) if jobs else jobs, scheduler)
                )
                runs_left = made(
                    client, own, list(left.values()), timeout, wait=wait, on_notice=on_notice
                )
                with closing(runs_left) as results:
                    for plan, status in results:
                        ended[plan.id] = status
                        tell()
            for choice in chosen:
                runs = tuple((plan, ended[plan.id]) for plan in choice.plans)
                chooser.learn(choice, runs, _mean(design.minimise, runs, own))
            chosen = chooser.choose()
        tell()
    return chooser.trials


def _mean(metric: str, runs: Sequence[tuple[Plan, Status]], own: SweepFolder) -> float:
    """Over the seeds; infinite where one has failed or is not finite."""
    values = []
    for plan, status in runs:
        if status.state != "done":
            return math.inf
        found = {} if status.without_result else own.run(plan).result.metrics
        if metric not in found:
            names = ", ".join(found) or "none"
            raise ParameterError(
                f"the runs have no metric {metric!r} to minimise; there are {names}"
            )
        values.append(found[metric])
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else math.inf
