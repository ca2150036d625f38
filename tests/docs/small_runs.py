"""Runs at reduced size: notebooks executed in warm processes, once for each parameters.

Commands and their options are those that people write; only what executes notebooks is replaced.
"""

import json
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labkit.cli import rerun, run
from labkit.experiments import MIME_TYPE, Plan, RunFolder, Status, WarmRuns
from labkit.experiments.runs.run_folder import LEARNER
from labkit.experiments.runs.runner import record_run
from labkit.experiments.sweeps import grid, optuna_search
from labkit.experiments.sweeps.sweep_folder import SweepFolder

MOST_STEPS = 40
"""Meta-steps of a run at most."""

VARIED = {"ratio", "query_loss_before", "query_loss_after"}
"""Metrics that differ between the runs of a sweep."""


class SmallRuns:
    """Executes plans with few meta-steps; those of a sweep are variations of its first run.

    Args:
        warm: Executes the notebooks.
        folder: Where they are kept.
    """

    def __init__(self, warm: WarmRuns, folder: Path) -> None:
        self._warm = warm
        self._folder = folder
        self._templates: dict[str, Path] = {}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Execute the notebooks of all commands."""
        monkeypatch.setattr(run, "execute", self.run)
        monkeypatch.setattr(rerun, "execute", self.run)
        monkeypatch.setattr("papermill.cli.execute_notebook", self.execute)
        monkeypatch.setattr("labkit.experiments.execute_notebook", self.execute)
        for module in (grid, optuna_search):
            monkeypatch.setattr(module, "workers", _workers)
            monkeypatch.setattr(module, "run_plans", self.run_plans)

    def run(self, plan: Plan, folder: str | Path, **_: object) -> Status:
        """In the place of `labkit.experiments.run`."""

        def execute(request: dict[str, Any]) -> str | None:
            small = self._executed(plan)
            shutil.copy(small.notebook, request["output"])
            if (small.path / LEARNER).is_file():
                shutil.copy(small.path / LEARNER, request["learner"])
            assert small.status is not None
            return small.status.error

        return record_run(plan, folder, execute)

    def execute(
        self,
        input_path: str | Path,
        output_path: str | Path,
        parameters: dict[str, Any],
        **_: object,
    ) -> None:
        """In the place of `papermill.execute_notebook`."""
        small = self._executed(Plan.of(input_path, parameters))
        assert small.status is not None
        assert small.status.state == "done", small.status.error
        shutil.copy(small.notebook, output_path)

    def run_plans(
        self, _: str, folder: SweepFolder, plans: Sequence[Plan], *__: object, **___: object
    ) -> Generator[tuple[Plan, Status], None, None]:
        """In the place of a cluster's workers."""
        for plan in plans:
            yield plan, folder.execute(plan, self._variation)

    def _variation(self, plan: Plan, folder: Path) -> Status:
        """A run whose metrics are those of the sweep's first run, a little changed."""
        name = plan.notebook.name
        if name not in self._templates:
            self._templates[name] = self._executed(plan).notebook
        document = json.loads(self._templates[name].read_text(encoding="utf-8"))
        factor = 1 + int(plan.id[:4], 16) / 16**5
        for cell in document["cells"]:
            for output in cell.get("outputs", ()):
                if result := output.get("data", {}).get(MIME_TYPE):
                    metrics = result["metrics"]
                    metrics |= {n: metrics[n] * factor for n in metrics if n in VARIED}

        def execute(request: dict[str, Any]) -> str | None:
            Path(request["output"]).write_text(json.dumps(document), encoding="utf-8")
            return None

        return record_run(plan, folder, execute)

    def _executed(self, plan: Plan) -> RunFolder:
        small = replace(plan, parameters=_reduced(plan.parameters))
        folder = RunFolder(self._folder / small.id)
        if folder.status is None:
            self._warm.run(small, folder.path)
        return folder


def _reduced(parameters: Mapping[str, Any]) -> dict[str, Any]:
    steps = {name: min(MOST_STEPS, parameters[name]) for name in parameters if name == "meta_steps"}
    return {**parameters, **steps}


@contextmanager
def _workers(*_: object, **__: object) -> Iterator[str]:
    yield "client"
