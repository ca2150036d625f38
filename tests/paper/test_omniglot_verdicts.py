"""Runs on Omniglot compared with the published accuracies, worked out by hand."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit.experiments.runs.result import MIME_TYPE, Result
from labkit.experiments.runs.run_folder import NOTEBOOK, RunFolder, Status
from labkit.paper.omniglot import FEW_SHOT_TABLE
from labkit.paper.omniglot_verdicts import OmniglotRow, omniglot_table
from labkit.paper.settings import FewShotSettings


def few_shot_run(folder: Path, upright: float, turned: float, **parameters: Any) -> None:
    """A run with the same accuracy after each number of steps, and 1 % less after the first."""
    settings = FewShotSettings.checked(parameters)
    name = "-".join(map(str, settings.model_dump().values()))
    own = RunFolder(folder / "runs" / name)
    own.begin(Status("running", name, "12_few_shot_run", 0.0), settings.model_dump())
    accuracy = np.repeat([upright, turned], 4) - np.tile([0.0, 0.01, 0.0, 0.0], 2)
    table = {
        "test": np.repeat([0.0, 1.0], 4),
        "inner_step": np.tile(np.arange(4.0), 2),
        "accuracy": accuracy,
        "accuracy_ci95": np.full(8, 0.004),
    }
    result = Result(settings.model_dump(), {"accuracy": 1.0}, {FEW_SHOT_TABLE: table}, [], {})
    data = new_output("display_data", data={MIME_TYPE: result.to_json()})
    cells = [new_code_cell("", outputs=[data])]
    nbformat.write(new_notebook(cells=cells), own.path / NOTEBOOK)
    own.end(Status(**{**asdict(own.status or Status("running", name, "", 0.0)), "state": "done"}))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for seed, turned in enumerate((0.986, 0.988)):
        few_shot_run(tmp_path, 0.97, turned, seed=seed)
    for seed, turned in enumerate((0.95, 0.951, 0.952)):
        few_shot_run(tmp_path, 0.94, turned, seed=seed, method="first_order", shots=5)
    return tmp_path


def test_rows_of_the_runs(sweep: Path) -> None:
    result = omniglot_table(sweep)
    assert result.seeds == {("maml", 1): (0, 1), ("first_order", 5): (0, 1, 2)}
    assert len(result.rows) == 2 * 2 * 2
    row = result.row("maml", 1, 3, "turned")
    assert row.by_seed == pytest.approx((98.6, 98.8))
    assert row.paper == 98.7
    assert row.tasks_ci95 == pytest.approx(0.4)
    assert result.row("maml", 1, 1, "turned").by_seed == pytest.approx((97.6, 97.8))
    assert result.row("maml", 1, 3, "upright").by_seed == pytest.approx((97, 97))
    published = [
        (r.method, r.shots, r.test, r.inner_steps, r.paper) for r in result.rows if r.paper
    ]
    assert published == [("first_order", 5, "turned", 3, 99.2), ("maml", 1, "turned", 3, 98.7)]
    assert result.departures == ()
    with pytest.raises(ValueError, match="no run has measured maml with 5 shots after 3 steps"):
        result.row("maml", 5, 3, "turned")


@pytest.mark.parametrize(
    ("by_seed", "verdict"),
    [
        # t s = 12.706 × 0.1414 = 1.797; ± 1.797 √1.5 = 2.2 around an error of 1.3 says nothing
        ((98.6, 98.8), "undecided"),
        # ± 0.49, from the tasks alone
        ((98.5, 98.5), "reproduced"),
        ((98.1, 98.1), "not reproduced"),
        # 100 − 99.3 + 0.49 = 1.19 < 1.25
        ((99.3, 99.3), "better"),
        ((87.1, 86.9), "not reproduced"),
        ((98.7,), "too few seeds"),
    ],
)
def test_verdicts_are_of_the_errors(by_seed: tuple[float, ...], verdict: str) -> None:
    assert OmniglotRow("maml", 5, 1, "turned", 3, 98.7, by_seed, 0.4).verdict == verdict


def test_words(sweep: Path) -> None:
    result = omniglot_table(sweep)
    lines = result.table().splitlines()
    assert lines[4].split() == [
        *("first_order", "5", "5", "turned", "3", "95.1", "0.2", "0.4", "99.2", "not"),
        "reproduced",
    ]
    assert result.claims().splitlines() == [
        "first_order, 5-way 5-shot, after 3 steps: not reproduced, 95.1 ± 0.2 % for 99.2",
        "maml, 5-way 1-shot, after 3 steps: undecided, 98.7 ± 1.3 % for 98.7",
    ]


def test_settings_that_are_not_the_papers_are_said(tmp_path: Path) -> None:
    for seed in range(2):
        few_shot_run(tmp_path, 0.9, 0.9, seed=seed, meta_steps=20, alpha=0.4)
    assert omniglot_table(tmp_path).departures == (
        "alpha = 0.4, where the paper has 2.0",
        "meta_steps = 20, where the paper has 60000",
    )


def test_other_ways_have_no_published_number_here(tmp_path: Path) -> None:
    for seed in range(2):
        few_shot_run(tmp_path, 0.9, 0.9, seed=seed, ways=20)
    result = omniglot_table(tmp_path)
    assert [row.paper for row in result.rows] == [None] * 4
    assert (result.claims(), result.departures) == ("", ())


def test_emoji_are_refused(tmp_path: Path) -> None:
    few_shot_run(tmp_path, 0.9, 0.9, data="emoji")
    with pytest.raises(
        ValueError, match="the runs use emoji, but the published accuracies are of omn"
    ):
        omniglot_table(tmp_path)


def test_what_does_not_belong_together_is_refused(sweep: Path) -> None:
    few_shot_run(sweep, 0.9, 0.9, seed=5, beta=0.01)
    with pytest.raises(ValueError, match=r"the runs differ in beta \(0.001, 0.01\)"):
        omniglot_table(sweep)
