"""A run's folder: each file whole or not there, and a status that says how the run stands."""

import json
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from labkit.experiments.notebooks import Notebook
from labkit.experiments.plan import Plan
from labkit.experiments.run_folder import RunFolder, begun
from labkit.experiments.running import run

RESULT = """
from labkit.experiments.recording import record_result
from labkit.experiments.result import Result
import numpy as np
curve = {"inner_step": np.arange(2), "query_loss": np.array([4.0, alpha]), "ci95": np.zeros(2),
         "median": np.ones(2), "diverged": np.zeros(2)}
record_result(Result({"alpha": alpha}, {"ratio": alpha}, {"adaptation": curve}, [], {"seed": 0}))
"""


def plan(folder: Path, source: str = RESULT, **values: object) -> Plan:
    """A run of a notebook that is quick."""
    tagged = nbformat.v4.new_code_cell("alpha: float = 0.5", metadata={"tags": ["parameters"]})
    cells = [tagged, nbformat.v4.new_code_cell(source)]
    path = folder / "quick.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return Plan.of(Notebook.read(path), values)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_that_is_done_has_all_its_files(tmp_path: Path) -> None:
    wanted = plan(tmp_path, alpha=0.25)
    status = run(wanted, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    assert status == folder.status
    assert (status.state, status.id, status.notebook) == ("done", wanted.id, "quick")
    assert folder.parameters == {"alpha": 0.25}
    assert folder.result.metrics == {"ratio": 0.25}
    row = pd.read_parquet(tmp_path / "run" / "metrics.parquet").iloc[0]
    assert (row["run"], row["alpha"], row["ratio"]) == (wanted.id, 0.25, 0.25)
    everything = {"notebook.ipynb", "parameters.json", "result.json", "metrics.parquet"}
    assert files(tmp_path / "run") == {*everything, "status.json"}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("print(alpha)", "holds no result of labkit"),
        ("import os; os._exit(3)", "died"),
    ],
)
def test_a_run_that_fails_says_why_and_keeps_its_notebook(
    tmp_path: Path, source: str, error: str
) -> None:
    status = run(plan(tmp_path, source), tmp_path / "run")
    assert status.state == "failed"
    assert error in (status.error or "")
    assert "\n" not in (status.error or "")
    assert files(tmp_path / "run") == {"notebook.ipynb", "parameters.json", "status.json"}


def test_a_run_that_takes_too_long_is_ended_with_its_kernel(tmp_path: Path) -> None:
    source = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    status = run(plan(tmp_path, source + "time.sleep(600)"), tmp_path / "run", timeout=12.0)
    assert status.error == "TimeoutError: not done after 12 s"
    kernel = Path("/proc") / (tmp_path / "pid").read_text()
    for _ in range(50):
        if not kernel.exists():
            break
        time.sleep(0.1)
    assert not kernel.exists(), "the kernel lives on"


def test_what_an_earlier_try_has_left_is_gone_when_a_run_begins(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for name in ("result.json", "metrics.parquet", "notebook.ipynb"):
        (tmp_path / name).write_text("old")
    folder.begin(begun("a1", "quick"), {"alpha": 1.0})
    assert files(tmp_path) == {"status.json", "parameters.json"}
    assert folder.status == replace(begun("a1", "quick"), started=folder.status.started)  # type: ignore[union-attr]


def test_a_file_that_cannot_be_finished_leaves_the_one_before(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write("status.json", "{}")

    def broken(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        folder.replace("status.json", broken)
    assert files(tmp_path) == {"status.json"}
    assert json.loads((tmp_path / "status.json").read_text()) == {}


def test_a_status_that_is_none_is_said(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).status is None
    (tmp_path / "status.json").write_text('{"state": "done"}')
    with pytest.raises(ValueError, match="not the status of a run"):
        _ = RunFolder(tmp_path).status
