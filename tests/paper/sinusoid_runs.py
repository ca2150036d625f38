"""Runs of the paper's table as the sweep leaves them, without training anything."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit.experiments.runs.result import MIME_TYPE, Result
from labkit.experiments.runs.run_folder import NOTEBOOK, RunFolder, Status
from labkit.paper.settings import PaperSettings
from labkit.paper.sinusoid import STEP_SIZES, TABLE

RULES = {
    "maml": ("constant", "halved"),
    "first_order": ("constant", "halved"),
    "pretrained": ("tuned",),
    "oracle": ("none",),
}
TESTS = 3 * 11
"""Rows of a rule: shots × numbers of steps."""


def paper_run(folder: Path, losses: dict[str, float], **parameters: Any) -> RunFolder:
    """A run that has the same loss for all shots and steps; rule → loss."""
    settings = PaperSettings.checked(parameters)
    name = f"{settings.method}-{settings.seed}-{settings.meta_steps}"
    own = RunFolder(folder / "runs" / name)
    own.begin(Status("running", name, "11_paper_run", 0.0), settings.model_dump())
    rules = RULES[settings.method]
    ones = np.ones(len(rules) * TESTS)
    loss = np.repeat([losses[rule] for rule in rules], TESTS)
    table = {
        "test_shots": np.tile(np.repeat([5.0, 10.0, 20.0], 11), len(rules)),
        "step_sizes": np.repeat([float(STEP_SIZES.index(rule)) for rule in rules], TESTS),
        "inner_step": np.tile(np.arange(11.0), 3 * len(rules)),
        "query_loss": loss,
        "ci95": 0.06 * ones,
        "median": loss / 2,
        "diverged": np.where(loss > 10, 0.02, 0.0),
        "test_alpha": 0.01 * ones,
    }
    result = Result(settings.model_dump(), {"loss": 1.0}, {TABLE: table}, [], {})
    data = new_output("display_data", data={MIME_TYPE: result.to_json()})
    cells = [new_code_cell("", outputs=[data])]
    nbformat.write(new_notebook(cells=cells), own.path / NOTEBOOK)
    own.end(Status(**{**asdict(own.status or Status("running", name, "", 0.0)), "state": "done"}))
    return own
