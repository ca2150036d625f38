"""Runs that are made here and at once, in place of those that workers make."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import Status
from labkit.experiments.sweeps.sweep_folder import SweepFolder


class StandIn:
    """Stands in for the workers of a sweep or a search; the last run is made first."""

    def __init__(self) -> None:
        self.begun = 0

    def run(self, plan: Plan, folder: Path) -> Status:
        """Make one run."""
        raise NotImplementedError

    def install(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the workers' place in a module."""
        monkeypatch.setattr(module, "workers", self.workers)
        monkeypatch.setattr(module, "run_plans", self.run_plans)

    @contextmanager
    def workers(self, jobs: int | None, scheduler: str | None, **_: object) -> Iterator[str]:
        assert (jobs, scheduler) == (None, None)
        self.begun += 1
        yield "client"

    def run_plans(
        self,
        client: str,
        folder: SweepFolder,
        plans: Sequence[Plan],
        timeout: float | None,
        **_: object,
    ) -> Iterator[tuple[Plan, Status]]:
        assert (client, timeout) == ("client", 7)
        for plan in reversed(plans):
            yield plan, folder.execute(plan, self.run)
