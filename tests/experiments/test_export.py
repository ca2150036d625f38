"""Runs handed on to trackers: read back by their own readers, once each, and nothing is sent."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from labkit.cli.app import app
from labkit.experiments.export import trackers
from labkit.experiments.export.trackers import Tracker, export_runs
from labkit.experiments.runs.labels import Labels
from labkit.experiments.runs.run_folder import RunFolder, Status
from labkit.session import ParameterError
from tests.experiments.run_folders import sweep

pytestmark = [
    # the trackers' own
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs that are done, one of them with labels, and one that failed."""
    path = sweep(tmp_path / "sweep", {(0.1,): [1.0, 2.0]}, "alpha")
    Labels(name="first", tags=("good",), note="for the talk").write(path / "runs" / "0.1-0")
    failed = RunFolder(path / "runs" / "failed")
    failed.begin(Status.running("failed", "mine"), {"alpha": 9.0, "seed": 0})
    failed.end(Status("failed", "failed", "mine", 0.0, 1.0, "ValueError"))
    return path


def needs(tracker: Tracker) -> None:
    for name in trackers._MODULES[tracker]:
        pytest.importorskip(name, reason=f"the extra {tracker} is not installed")


def exported(folder: Path, to: Tracker, place: Path) -> None:
    first = export_runs([folder], to, place)
    assert (sorted(first.runs), first.earlier, first.left_out) == (["0.1-0", "0.1-1"], 0, 1)
    again = export_runs([folder], to, place)
    assert (again.runs, again.earlier) == ((), 2)


def test_tensorboard_reads_curves_and_metrics(folder: Path, tmp_path: Path) -> None:
    needs("tensorboard")
    reader: Any = importlib.import_module(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    exported(folder, "tensorboard", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0.1-0", "0.1-1"}
    events = reader(str(tmp_path / "out" / "0.1-0")).Reload()
    curve = events.Scalars("adaptation/query_loss")
    assert [(event.step, event.value) for event in curve] == [(0, 4.0), (1, 1.0), (2, 0.5)]
    assert events.Scalars("metrics/query_loss_after")[0].value == 1.0
    (about,) = events.Tensors("about/text_summary")
    assert b"for the talk" in about.tensor_proto.string_val[0]


def test_mlflow_reads_parameters_curves_and_labels(folder: Path, tmp_path: Path) -> None:
    needs("mlflow")
    tracking: Any = importlib.import_module("mlflow.tracking")
    exported(folder, "mlflow", tmp_path / "out")
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'out' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(trackers.PROJECT)
    runs = {
        run.data.tags["maml_lab.run"]: run for run in client.search_runs([experiment.experiment_id])
    }
    assert set(runs) == {"0.1-0", "0.1-1"}
    first = runs["0.1-0"]
    assert (first.info.run_name, first.info.status) == ("first", "FINISHED")
    assert first.data.params == {"alpha": "0.1", "seed": "0", "events": "[]"}
    assert first.data.metrics["query_loss_after"] == 1.0
    assert first.data.tags["mlflow.note.content"] == "for the talk"
    assert first.data.tags["tag.good"] == "yes"
    history = client.get_metric_history(first.info.run_id, "adaptation/query_loss")
    assert [(point.step, point.value) for point in history] == [(0, 4.0), (1, 1.0), (2, 0.5)]


def test_wandb_keeps_runs_offline(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    exported(folder, "wandb", tmp_path / "out")
    (run,) = (tmp_path / "out" / "wandb").glob("offline-run-*-0.1-0")
    (log,) = run.glob("*.wandb")
    content = log.read_bytes()
    for text in (b"first", b"good", b"for the talk", b"query_loss_after", b"adaptation/query_loss"):
        assert text in content


@pytest.mark.parametrize("tracker", ["wandb", "mlflow", "tensorboard"])
def test_a_package_that_is_missing_is_named(
    folder: Path, tmp_path: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda _: None)
    with pytest.raises(ParameterError, match=rf"pip install 'maml-lab\[{tracker}\]'"):
        export_runs([folder], tracker, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_said(folder: Path, tmp_path: Path) -> None:
    for words, message in (
        ([folder, "--to", "excel"], "excel"),
        ([folder / "runs" / "failed", "--to", "tensorboard"], "no run in"),
        ([folder / "none", "--to", "tensorboard"], "there is no folder"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trackers, "find_spec", lambda _: object())
            command = ["export", *map(str, words), "-o", str(tmp_path / "out")]
            result = CliRunner().invoke(app, command)
        assert result.exit_code == 2
        assert message in " ".join(result.output.split())
