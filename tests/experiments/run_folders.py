"""Folders of runs as `run` leaves them, without running anything."""

from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit.experiments.runs.result import MIME_TYPE, Result
from labkit.experiments.runs.run_folder import NOTEBOOK, RunFolder, Status


def done_run(path: Path, metric: float, **parameters: Any) -> RunFolder:
    """A run that is done; its id is the folder's name."""
    folder = RunFolder(path)
    folder.begin(Status("running", path.name, "mine", 0.0), parameters)
    curves = {
        "adaptation": {
            "inner_step": np.arange(3.0),
            "query_loss": np.array([4.0, metric, metric / 2]),
            "ci95": np.array([0.3, 0.2, 0.1]),
        }
    }
    metrics = {"query_loss_before": 4.0, "query_loss_after": metric}
    data = Result(parameters, metrics, curves, [], {"versions": {"python": "3"}}).to_json()
    cell = new_code_cell("", outputs=[new_output("display_data", data={MIME_TYPE: data})])
    nbformat.write(new_notebook(cells=[cell]), path / NOTEBOOK)
    folder.end(Status("done", path.name, "mine", 0.0, 1.0))
    return folder


def sweep(folder: Path, values: dict[tuple[Any, ...], list[float]], *names: str) -> Path:
    """Runs with seeds 0, 1, … for each group of parameters."""
    for group, metrics in values.items():
        for seed, metric in enumerate(metrics):
            parameters = dict(zip(names, group, strict=True))
            name = "-".join(map(str, (*group, seed)))
            done_run(folder / "runs" / name, metric, **parameters, seed=seed, events=[])
    return folder
