"""Trainings that diverge: "diverged" with all their numbers, counted and never averaged in."""

import math
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from typer.testing import CliRunner

from labkit import Session, Settings, Sinusoid, load_runs, measure, sinusoid_mlp
from labkit.cli.app import app
from labkit.experiments.compare.comparison import Comparison, compare_runs
from labkit.experiments.compare.loading import read_runs
from labkit.experiments.compare.report import report_html
from labkit.experiments.runs.measurement import record_result
from labkit.experiments.runs.reproduction import plan_of
from labkit.experiments.runs.result import MIME_TYPE, Divergence, Result
from labkit.experiments.runs.run_folder import RunFolder, Status
from labkit.experiments.tables import WIDTH, number_text, text_table
from labkit.session import TrainingCurve
from tests.experiments.run_folders import done_run, sweep

pytestmark = pytest.mark.kernel

PARAMETERS = "beta: float = 0.001"
TRAIN = """\
import labkit
settings = labkit.Settings(meta_batch=2, beta=beta, meta_optimizer="sgd", meta_steps=40)
session = labkit.Session(settings, model=labkit.sinusoid_mlp, tasks=labkit.Sinusoid)
labkit.open_lab(session)
"""
MEASURE = "labkit.record_result(labkit.measure(session, tasks=20))"


def small_notebook(folder: Path) -> str:
    tagged = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    cells = [tagged, *map(nbformat.v4.new_code_cell, (TRAIN, MEASURE))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "small.ipynb")
    return str(folder / "small.ipynb")


def labkit(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


@pytest.mark.usefixtures("warm_commands")
def test_losses_that_are_not_finite_end_a_run_as_diverged_with_what_it_had_reached(
    tmp_path: Path,
) -> None:
    notebook, path = small_notebook(tmp_path), tmp_path / "run"
    code, output = labkit("run", notebook, "-p", "beta", "1e12", "-o", path)
    assert code == 1, output
    folder = RunFolder(path)
    status = folder.ended
    assert status is not None
    assert status.state == "diverged"
    assert status.meta_step is not None
    assert status.summary.startswith("DivergedError: ")
    assert f"meta-step {status.meta_step}" in status.summary
    result = folder.result
    assert result.metrics["meta_steps"] == status.meta_step - 1
    assert len(result.curves["training"]["meta_step"]) == status.meta_step - 1
    assert len(result.curves["adaptation"]["inner_step"]) == 11
    assert (path / "metrics.parquet").is_file()
    assert status.summary in output
    code, output = labkit("show", path)
    assert code == 0
    assert f"diverged at meta-step {status.meta_step}" in output
    assert "query_loss_after" in output
    code, output = labkit("run", notebook, "-p", "beta", "1e12", "-o", path)
    assert code == 1
    assert "is already diverged" in output
    assert plan_of(folder, tmp_path).parameters["beta"] == 1e12


def session(beta: float, meta_steps: int) -> Session:
    settings = Settings(meta_batch=2, beta=beta, meta_optimizer="adam")
    result = Session(settings, model=sinusoid_mlp, tasks=Sinusoid)
    result.run(meta_steps)
    return result


def test_losses_that_grow_beyond_all_bounds_are_diverged_from_their_meta_step_on() -> None:
    trained = session(10.0, 20)
    result = measure(trained, tasks=20)
    losses = trained.training_curve()
    assert result.divergence is not None
    since = result.divergence.meta_step
    assert 1 < since < 10
    bound = 100 * losses.loss_before[0]
    assert (losses.loss_before[since - 1 :] > bound).all()
    assert not losses.loss_before[since - 2] > bound
    assert f"at meta-step {since}:" in result.divergence.message
    assert Result.from_json(result.to_json()).divergence == result.divergence
    numbers = [word for word in result.table().split() if word[0].isdigit()]
    numbers += [word.strip(",") for word in result.sentences().split()]
    assert max(map(len, numbers)) <= len("adaptation")
    assert all(len(n) <= WIDTH for n in numbers if n[0].isdigit())
    assert measure(session(0.001, 5), tasks=20).divergence is None


def test_the_share_of_diverged_tasks_is_that_after_the_inner_steps_of_training() -> None:
    settings = Settings(meta_batch=2, alpha=2.0, inner_steps=2)
    result = measure(Session(settings, model=sinusoid_mlp, tasks=Sinusoid), tasks=50)
    shares = result.curves["adaptation"]["diverged"]
    assert result.metrics["diverged"] == shares[2] < shares.max()


def test_a_result_of_anyone_is_diverged_by_its_training_curve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded: list[Result] = []
    module = "labkit.experiments.runs.measurement.display"
    monkeypatch.setattr(
        module, lambda data, **_: recorded.append(Result.from_json(data[MIME_TYPE]))
    )
    steps, calm = np.arange(10.0, 60.0, 10), np.ones(5)
    wild = np.array([1.0, 1.0, 1e6, 1e9, 1e9])
    adaptation = {name: np.zeros(1) for name in ("inner_step", "query_loss", "ci95", "median")}
    for after in (calm, wild):
        training = {"meta_step": steps, "loss_before": calm, "loss_after": after}
        curves = {"adaptation": {**adaptation, "diverged": np.zeros(1)}, "training": training}
        record_result(Result({}, {}, curves, [], {}))
    assert recorded[0].divergence is None
    assert recorded[1].divergence is not None
    assert recorded[1].divergence.meta_step == 30
    assert TrainingCurve(steps, calm, wild, steps).diverged_at("after") == 30


def diverge(folder: RunFolder) -> None:
    """Make a run that is done one that has diverged."""
    result = folder.result
    recorded = replace(result, divergence=Divergence(7, "training diverged at meta-step 7"))
    notebook = nbformat.read(folder.notebook, as_version=4)
    notebook.cells[0].outputs[0].data = {MIME_TYPE: recorded.to_json()}
    nbformat.write(notebook, folder.notebook)
    status = folder.status
    assert status is not None
    assert folder.end(Status("done", status.id, "mine", 0.0, 1.0)).state == "diverged"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    values = {(0.1,): [1.0, 2.0, 1e26], (0.2,): [0.5, 1.5, 2.5]}
    folder = sweep(tmp_path / "sweep", values, "beta")
    diverge(RunFolder(folder / "runs" / "0.1-2"))
    for seed in range(2):
        diverge(done_run(folder / "runs" / f"10-{seed}", 1e26, beta=10.0, seed=seed, events=[]))
    return folder


def compared(folder: Path) -> Comparison:
    return compare_runs(load_runs(folder))


def test_a_comparison_counts_what_diverged_and_averages_none_of_it(folder: Path) -> None:
    comparison = compared(folder)
    assert [(g.label, g.mean.count, g.diverged) for g in comparison.groups] == [
        ("beta=0.1", 2, 1),
        ("beta=0.2", 3, 0),
        ("beta=10", 0, 2),
    ]
    assert comparison.groups[0].mean.mean == 1.5
    (pair,) = comparison.pairs
    assert pair.seeds == (0, 1)
    assert pair.difference.mean == 0.5
    assert comparison.apart == ()
    lines = comparison.table().splitlines()
    assert lines[0].split()[-1] == "diverged"
    assert lines[3].split() == ["beta=10", "0", "–", "–", "2"]
    assert "training diverged, so in no mean and no difference: 3 runs" in comparison.warnings()
    assert math.isnan(comparison.groups_frame()["mean"].tolist()[2])


def test_only_diverged_runs_tell_what_the_groups_are(tmp_path: Path) -> None:
    folder = sweep(tmp_path, {(0.1,): [1.0, 2.0], (10.0,): [1e26, 1e26]}, "beta")
    for seed in range(2):
        diverge(RunFolder(folder / "runs" / f"10.0-{seed}"))
    assert [g.label for g in compared(folder).groups] == ["beta=0.1", "beta=10"]
    # some rows of a table do not tell which of the diverged runs belong to them
    frame = load_runs(folder)
    assert [g.diverged for g in compare_runs(frame[frame["seed"] == 0]).groups] == [0]


def test_reports_and_commands_count_it(folder: Path, tmp_path: Path) -> None:
    code, output = labkit("compare", folder, "-o", tmp_path / "r.html")
    assert code == 0
    assert output.startswith("5 runs; left out: 3 diverged")
    runs = read_runs(folder)
    page = report_html(runs, compare_runs(load_runs(folder)))
    assert "Left out: 3 diverged." in page
    assert "<td>10</td><td>0</td><td>–</td><td>–</td><td>2</td>" in page


@pytest.mark.parametrize("value", [1.6e26, -2.5e-300, 1 / 3, 123456.789, math.inf, -math.nan, 0.0])
@pytest.mark.parametrize("spec", [".3f", "+.4g", ".1%", "g", ".7g"])
def test_numbers_are_short(value: float, spec: str) -> None:
    text = number_text(value, spec)
    assert len(text) <= WIDTH
    number = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    if abs(value) > 1e-3:
        assert number == pytest.approx(value, rel=0.06)


def test_a_table_fits_a_width_by_wrapping_words() -> None:
    rows = [("maml", "0.5", "ValueError: " + "no luck " * 20)]
    heads = ("name", "alpha", "error")
    lines = text_table(heads, rows, {"name", "error"}, 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(line[13:].split()) for line in lines[1:]).count("no luck") == 20
    assert text_table(heads, rows, {"name", "error"}).splitlines()[1].count("no luck") == 20
