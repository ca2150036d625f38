"""Results: measured, written as JSON, read back; errors that say why there is none."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit import (
    Result,
    Session,
    Settings,
    Sinusoid,
    Tides,
    measure,
    read_result,
    sinusoid_mlp,
    tide_mlp,
)
from labkit.experiments.runs.result import MIME_TYPE


@pytest.fixture(scope="module")
def result() -> Result:
    session = Session(Settings(meta_batch=2, seed=3), model=sinusoid_mlp, tasks=Sinusoid)
    session.run(2)
    session.set(inner_steps=2)
    session.run(3)
    return measure(session)


def notebook_with(path: Path, *outputs: Any) -> Path:
    cell = new_code_cell("labkit.record_result(result)", outputs=list(outputs))
    nbformat.write(new_notebook(cells=[cell]), path)
    return path


def recorded(result: Result) -> Any:
    return new_output("display_data", data={MIME_TYPE: result.to_json()})


def test_what_is_measured(result: Result) -> None:
    curve = result.curves["adaptation"]
    assert curve["inner_step"].tolist() == list(range(11))
    assert result.metrics["query_loss_before"] == curve["query_loss"][0]
    assert result.metrics["query_loss_after"] == curve["query_loss"][2]
    assert result.metrics["ratio"] == curve["query_loss"][2] / curve["query_loss"][0]
    assert result.metrics["meta_steps"] == 3
    assert result.parameters["inner_steps"] == 2
    assert result.events == [{"meta_step": 2, "name": "inner_steps", "value": 2}]
    assert result.curves["training"]["meta_step"].tolist() == [1, 2, 3]
    assert result.provenance["seed"] == 3
    assert result.provenance["tasks"] == 600
    assert result.provenance["seconds"] > 0
    assert {"python", "torch", "maml-lab"} <= result.provenance["versions"].keys()


def test_round_trip_through_a_notebook(result: Result, tmp_path: Path) -> None:
    path = notebook_with(tmp_path / "out.ipynb", recorded(result))
    read = read_result(path)
    assert read.parameters == result.parameters
    assert read.metrics == result.metrics
    assert read.provenance == result.provenance
    assert read.events == result.events
    for name, curve in result.curves.items():
        for column, values in curve.items():
            np.testing.assert_array_equal(read.curves[name][column], values)
    assert read.table() == result.table()


def test_the_last_result_counts(result: Result, tmp_path: Path) -> None:
    later = replace(result, metrics={"ratio": 0.5})
    path = notebook_with(tmp_path / "out.ipynb", recorded(result), recorded(later))
    assert read_result(path).metrics == {"ratio": 0.5}


def test_numbers_that_json_has_not(result: Result, tmp_path: Path) -> None:
    wild = replace(
        result,
        metrics={"ratio": math.inf},
        curves={"adaptation": {"inner_step": np.arange(2.0), "query_loss": np.array([1, np.nan])}},
    )
    json.dumps(wild.to_json(), allow_nan=False)
    read = read_result(notebook_with(tmp_path / "out.ipynb", recorded(wild)))
    assert math.isnan(read.metrics["ratio"])
    assert np.isnan(read.curves["adaptation"]["query_loss"][1])


def test_table(result: Result) -> None:
    curve = {
        "ci95": np.array([0.25]),
        "diverged": np.array([0.02]),
        "inner_step": np.array([0.0]),
        "median": np.array([1.5]),
        "query_loss": np.array([3.25]),
    }
    table = replace(result, curves={"adaptation": curve}).table().splitlines()
    assert table[0].split() == [
        "inner",
        "step",
        "query",
        "loss",
        "±",
        "95",
        "%",
        "median",
        "diverged",
    ]
    assert table[1].split() == ["0", "3.250", "0.250", "1.500", "2.0%"]


def test_no_result(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_result(tmp_path / "none.ipynb")
    (tmp_path / "text.ipynb").write_text("not json")
    with pytest.raises(ValueError, match=r"text.ipynb is not a Jupyter notebook"):
        read_result(tmp_path / "text.ipynb")
    for content in (b"[]", b"3", b"\x80", b'{"cells": 3, "nbformat": 4, "nbformat_minor": 5}'):
        (tmp_path / "text.ipynb").write_bytes(content)
        with pytest.raises(ValueError, match="is not a Jupyter notebook"):
            read_result(tmp_path / "text.ipynb")
    with pytest.raises(ValueError, match="contains no result of labkit; execute it"):
        read_result(notebook_with(tmp_path / "empty.ipynb"))
    failed = new_output("error", ename="ParameterError", evalue="alpha = -1: must be", traceback=[])
    with pytest.raises(ValueError, match="it stopped with ParameterError: alpha = -1: must be"):
        read_result(notebook_with(tmp_path / "failed.ipynb", failed))


def test_another_format(tmp_path: Path) -> None:
    future = new_output("display_data", data={MIME_TYPE: {"format": 99}})
    with pytest.raises(ValueError, match=r"result format 99: this labkit .* reads format 1"):
        read_result(notebook_with(tmp_path / "future.ipynb", future))


def test_measures_of_the_family_are_recorded_read_and_printed(tmp_path: Path) -> None:
    session = Session(Settings(meta_batch=2), model=tide_mlp, tasks=Tides, test_steps=2)
    result = measure(session, tasks=20)
    curve = session.adaptation_curve(session.snapshot(), split="test", tasks=20)
    feet = curve.metrics["rmse_ft"]
    assert result.curves["adaptation"]["rmse_ft"].tolist() == feet.mean.tolist()
    assert result.curves["adaptation"]["rmse_ft_ci95"].tolist() == feet.ci95.tolist()
    assert result.metrics["rmse_ft_before"] == float(feet.mean[0])
    assert result.metrics["rmse_ft_after"] == float(feet.mean[1])
    back = read_result(notebook_with(tmp_path / "out.ipynb", recorded(result)))
    assert back.table() == result.table()
    head, *rows = result.table().splitlines()
    assert "rmse_ft  ± 95 %" in head
    assert rows[1].split()[7] == f"{float(feet.mean[1]):.3f}"
    assert rows[1].split()[8] == f"{float(feet.ci95[1]):.3f}"
