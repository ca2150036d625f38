"""Curves as frames and files: the same numbers, whole files, errors that help."""

import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from labkit import ParameterError, TrainingCurve, adaptation_frame, training_frame, write_curves
from labkit.session.sharing.curves import training_columns
from labkit.training.evaluation import AdaptationCurve, summarise

LOSSES = torch.tensor([[3.0, 1.0 / 3.0, float("inf")], [1.0, 2.0, 7.0]], dtype=torch.float64)
ADAPTATION = summarise(LOSSES, {"accuracy": torch.tensor([[0.1, 0.5, 0.9], [0.3, 0.5, 0.7]])})
COLUMNS = [field.name for field in fields(TrainingCurve)]
TRAINING = TrainingCurve(
    **{name: np.array([1.0, 2.0, 4.0]) * 7**at for at, name in enumerate(COLUMNS)}
)


def test_a_column_for_each_thing_recorded_in_training() -> None:
    frame = training_frame(TRAINING)
    assert list(frame) == COLUMNS
    assert frame["meta_step"].tolist() == [1, 2, 4]
    assert frame["meta_step"].dtype == np.int64
    assert frame["loss_after"].tolist() == [49.0, 98.0, 196.0]
    assert training_columns(TRAINING)["loss_before"] is TRAINING.loss_before


def test_a_row_for_each_inner_step() -> None:
    frame = adaptation_frame(ADAPTATION)
    assert list(frame) == [
        "inner_step",
        "query_loss",
        "ci95",
        "median",
        "diverged",
        "accuracy",
        "accuracy_ci95",
    ]
    assert frame["inner_step"].tolist() == [0, 1, 2]
    assert frame["inner_step"].dtype == np.int64
    np.testing.assert_allclose(frame["query_loss"], [2.0, 7.0 / 6.0, np.inf])
    np.testing.assert_allclose(frame["accuracy"], [0.2, 0.5, 0.8], rtol=1e-6)
    np.testing.assert_allclose(frame["accuracy_ci95"], [0.196, 0.0, 0.196], rtol=1e-6)
    np.testing.assert_allclose(frame["ci95"][0], 1.96)  # deviation √2 over √2 tasks
    assert frame["diverged"].tolist() == [0.0, 0.0, 0.5]


def test_files_hold_the_same_numbers(tmp_path: Path) -> None:
    prefix = tmp_path / "new" / "folder" / "first"
    paths = write_curves(prefix, TRAINING, ADAPTATION)
    assert sorted(path.name for path in prefix.parent.iterdir()) == [
        "first_adaptation.csv",
        "first_adaptation.parquet",
        "first_training.csv",
        "first_training.parquet",
    ]
    assert sorted(paths) == sorted(prefix.parent.iterdir())
    for name, frame in (
        ("training", training_frame(TRAINING)),
        ("adaptation", adaptation_frame(ADAPTATION)),
    ):
        text = np.genfromtxt(f"{prefix}_{name}.csv", delimiter=",", names=True)
        assert text.dtype.names == tuple(frame)
        np.testing.assert_array_equal(text.tolist(), frame.to_numpy().tolist())
        binary = pd.read_parquet(f"{prefix}_{name}.parquet")
        pd.testing.assert_frame_equal(binary, frame, check_exact=True)


def test_older_files_are_replaced(tmp_path: Path) -> None:
    write_curves(tmp_path / "a", TRAINING, ADAPTATION, ["csv"])
    one = (tmp_path / "a_adaptation.csv").read_text()
    (tmp_path / "a_adaptation.csv").write_text("older")
    write_curves(str(tmp_path / "a"), TRAINING, ADAPTATION, ["csv"])
    assert (tmp_path / "a_adaptation.csv").read_text() == one
    assert len(list(tmp_path.iterdir())) == 2


def test_no_half_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any, path: Path, **__: Any) -> None:
        path.write_text("half")
        raise OSError("no space left")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fails)
    with pytest.raises(OSError, match="no space"):
        write_curves(tmp_path / "a", TRAINING, ADAPTATION, ["parquet"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("formats", [["xlsx"], ["csv", "feather"], [], "csv"])
def test_formats_that_there_are(formats: Any, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"formats = .*: must be a list .* of csv, parquet"):
        write_curves(tmp_path / "a", TRAINING, ADAPTATION, formats)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("module", "purpose"), [("pandas", "tables"), ("pyarrow", "Parquet")])
def test_what_is_not_installed_is_named(
    module: str, purpose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "labkit.session.sharing.curves.find_spec",
        lambda name: None if name == module else find_spec(name),
    )
    with pytest.raises(ModuleNotFoundError, match=rf"{purpose}.* need {module}.*maml-lab\[lab\]"):
        write_curves(tmp_path / "a", TRAINING, ADAPTATION)
    assert list(tmp_path.iterdir()) == []


def test_frames_are_in_double_precision() -> None:
    half = AdaptationCurve(*(torch.ones(2, dtype=torch.float32),) * 4, tasks=1)
    assert adaptation_frame(half)["median"].dtype == np.float64
