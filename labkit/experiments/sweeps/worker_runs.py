"""The part of a sweep in each worker process of Dask, which imports this module."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from labkit.experiments.runs import Plan, Status, WarmRuns
from labkit.experiments.sweeps.gpus import DEVICES
from labkit.experiments.sweeps.sweep_folder import SweepFolder


class WorkerRuns(WorkerPlugin):
    """The warm runs of one sweep in a worker; they end with the worker and with the sweep.

    Args:
        sweep: Its name, the suffix of its tasks' keys.
        gpus: Of this machine, as `CUDA_VISIBLE_DEVICES` names them; each worker has one of them.
            Empty: workers see what they saw before.
    """

    def __init__(self, sweep: str, gpus: Sequence[str] = ()) -> None:
        self.name = sweep
        self.gpus = tuple(gpus)
        self.runs: WarmRuns | None = None

    def setup(self, worker: Worker) -> None:
        """Start in a worker."""
        if self.gpus:  # before the process of its runs, which keeps the environment, is there
            os.environ[DEVICES] = self.gpus[int(worker.name) % len(self.gpus)]
        self.runs = WarmRuns()

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """End with the sweep, or with the worker."""
        if self.runs is not None:
            self.runs.close()

    def transition(self, key: object, start: str, finish: str, **_: Any) -> None:
        """Stop when a run is released, since the process of the sweep has ended."""
        own = str(key).endswith(self.name)
        if own and (start, finish) == ("executing", "released") and self.runs is not None:
            self.runs.close()


def execute(
    sweep: str,
    folder: SweepFolder,
    plan: Plan,
    timeout: float | None,
    patience: int | None,
    checkpoint_every: float,
) -> Status:
    """Execute a run of a sweep; the task of a worker."""
    plugin = get_worker().plugins[sweep]
    assert isinstance(plugin, WorkerRuns)  # noqa: S101  # for the type checker
    assert plugin.runs is not None  # noqa: S101
    runs = plugin.runs

    def run(plan: Plan, own: Path) -> Status:
        return runs.run(
            plan,
            own,
            timeout=timeout,
            patience=patience,
            checkpoint_every=checkpoint_every,
            checkpoint=folder.checkpoint(plan),
        )

    return folder.execute(plan, run)
