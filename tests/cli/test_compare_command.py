"""`labkit compare` as a user types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from labkit.cli.app import app
from tests.experiments.run_folders import sweep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sweep(tmp_path / "sweep", {(1,): [1.0, 5.0], (2,): [0.0, 4.1]}, "order")


def test_tables(folder: Path) -> None:
    (folder / "runs" / "1-0" / "result.json").unlink()
    done = CliRunner().invoke(app, ["compare", str(folder)])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "3 runs; left out: 1 broken"
    assert lines[2].split() == ["query_loss_after", "seeds", "mean", "±", "95", "%"]
    assert lines[3].split() == ["order=1", "1", "5", "nan"]


def test_metric_and_by(folder: Path) -> None:
    options = ["--metric", "query_loss_before", "--by", "order"]
    done = CliRunner().invoke(app, ["compare", str(folder), *options])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[3].split() == ["order=1", "2", "4", "0"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "nothing"], "there is no metric 'nothing'"),
        (["--by", "nothing"], "there is no parameter 'nothing'"),
    ],
)
def test_unknown_names(folder: Path, arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["compare", str(folder), *arguments])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"labkit compare: {words}")
    assert len(done.stderr.splitlines()) == 1


def test_folders_without_runs(tmp_path: Path) -> None:
    for folder, words in ((tmp_path, "no run is done in"), (tmp_path / "none", "there is no fol")):
        done = CliRunner().invoke(app, ["compare", str(folder)])
        assert done.exit_code == 2
        assert done.stderr.startswith(f"labkit compare: {words}")
        assert len(done.stderr.splitlines()) == 1
