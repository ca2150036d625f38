"""Runs read back: what is done once, what is not counted, and by pandas alone."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from labkit import load_curves, load_runs
from labkit.experiments.runs.run_folder import METRICS, RESULT, STATUS, RunFolder
from tests.experiments.run_folders import done_run, sweep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sweep(tmp_path / "sweep", {(0.01,): [1.0, 2.0], (0.1,): [3.0, 4.0]}, "alpha")


def test_one_row_a_run(folder: Path) -> None:
    frame = load_runs(folder)
    assert frame[["run", "notebook", "alpha", "seed", "query_loss_after"]].values.tolist() == [
        ["0.01-0", "mine", 0.01, 0, 1.0],
        ["0.01-1", "mine", 0.01, 1, 2.0],
        ["0.1-0", "mine", 0.1, 0, 3.0],
        ["0.1-1", "mine", 0.1, 1, 4.0],
    ]
    assert frame["events"].tolist() == ["[]"] * 4
    assert frame.attrs["parameters"] == ["alpha", "seed", "events"]
    assert frame.attrs["metrics"] == ["query_loss_after", "query_loss_before"]
    assert frame.attrs["left_out"] == {}


def test_curves_are_tidy(folder: Path) -> None:
    frame = load_curves(folder)
    assert len(frame) == 4 * 3
    chosen = frame[(frame["alpha"] == 0.1) & (frame["seed"] == 1)]
    assert chosen["inner_step"].tolist() == [0, 1, 2]
    assert chosen["query_loss"].tolist() == [4.0, 4.0, 2.0]
    with pytest.raises(ValueError, match=r"no curve 'trainin'; its curves: adaptation"):
        load_curves(folder, "trainin")


def test_what_is_not_done_is_counted(folder: Path) -> None:
    runs = folder / "runs"
    for name, state in (("0.01-0", "running"), ("0.01-1", "failed")):
        status = json.loads((runs / name / STATUS).read_text())
        (runs / name / STATUS).write_text(json.dumps({**status, "state": state}))
    (runs / "0.1-0" / RESULT).write_text('{"format": 1')
    (runs / "new").mkdir()
    (runs / "new" / STATUS).write_text("[]")
    done_run(folder / ".hidden" / "x", 1.0, alpha=1.0, seed=0)
    frame = load_runs(folder)
    assert frame["run"].tolist() == ["0.1-1"]
    assert frame.attrs["left_out"] == {"broken": 2, "failed": 1, "running": 1}
    assert load_curves(folder).attrs["left_out"] == frame.attrs["left_out"]


def test_a_run_counts_once(folder: Path, tmp_path: Path) -> None:
    done_run(tmp_path / "again" / "0.01-0", 1.0, alpha=0.01, seed=0)
    frame = load_runs([folder, folder / "runs", tmp_path / "again"])
    assert len(frame) == 4
    assert frame.attrs["left_out"] == {"repeated": 1}


def test_links_to_runs_are_followed_and_never_in_a_circle(folder: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for name in ("0.01-0", "0.1-0"):
        (chosen / name).symlink_to(folder / "runs" / name)
    assert load_runs(chosen)["run"].tolist() == ["0.01-0", "0.1-0"]
    (chosen / "all").symlink_to(tmp_path)
    frame = load_runs(chosen)
    assert len(frame) == 4
    assert frame.attrs["left_out"] == {}


def test_a_status_that_is_no_text_is_counted_and_said_in_a_sentence(folder: Path) -> None:
    path = folder / "runs" / "0.1-0"
    (path / STATUS).write_bytes(b"\x80\x81")
    assert load_runs(folder).attrs["left_out"] == {"broken": 1}
    with pytest.raises(ValueError, match=r"is not the status of a run \(no text\): remove"):
        _ = RunFolder(path).status


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        load_runs(tmp_path / "none")
    with pytest.raises(ValueError, match="no run is done in"):
        load_runs(tmp_path)
    folder = done_run(tmp_path / "one", 1.0, seed=0).path
    (folder / RESULT).unlink()
    with pytest.raises(ValueError, match=r"no run is done in .* \(1 broken\)"):
        load_runs(tmp_path)


def test_without_labkit_by_pandas(folder: Path) -> None:
    code = (
        "import sys, glob, pandas\n"
        f"files = sorted(glob.glob({str(folder / 'runs' / '*' / METRICS)!r}))\n"
        "frame = pandas.concat(map(pandas.read_parquet, files), ignore_index=True)\n"
        "assert 'labkit' not in sys.modules\n"
        "print(frame.to_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(done) == json.loads(load_runs(folder).to_json())


def test_without_labkit_by_duckdb(folder: Path) -> None:
    files = str(folder / "runs" / "*" / METRICS)
    query = duckdb.connect().execute(f"SELECT avg(query_loss_after) FROM '{files}'")
    row = query.fetchone()
    assert row is not None
    assert row[0] == np.mean([1.0, 2.0, 3.0, 4.0])
