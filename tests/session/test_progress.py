"""How far a headless training is, and that it hears when it should end early."""

import math
from pathlib import Path

import pytest

from labkit import Session, Settings, Sinusoid, measure, sinusoid_mlp
from labkit.session import progress as module
from labkit.session.progress import Progress, RunProgress, stop_file


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(module.VARIABLE, str(tmp_path / "progress.json"))
    monkeypatch.setattr(module, "SECONDS", 0.0)
    return tmp_path / "progress.json"


def test_a_curve_has_points_at_equal_distances_each_the_mean_since_the_one_before(
    file: Path,
) -> None:
    progress = Progress(250)
    assert RunProgress.read(file) is None
    for step in range(1, 251):
        progress.add(step, 2.0 * step, math.inf if step == 4 else step)
        if step == 8:
            assert RunProgress.read(file) == RunProgress(
                "training", 8, 250, [(3, 4.0, 2.0), (6, 10.0, None)]
            )
    last = RunProgress.read(file)
    assert last is not None
    assert (last.phase, last.meta_step, len(last.curve)) == ("measuring", 250, 83)


def test_who_started_a_session_may_end_it_early(file: Path) -> None:
    session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
    stop_file(file).touch()
    session.run(10)
    assert measure(session, tasks=2).metrics["meta_steps"] == 1
    last = RunProgress.read(file)
    assert last is not None
    assert (last.phase, last.meta_step, last.meta_steps) == ("measuring", 1, 10)
    stop_file(file).unlink()
    session.run(3)
    assert session.training_curve().meta_step.tolist() == [1, 2, 3]


def test_a_training_that_gets_no_better_ends_when_patience_does(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steps(patience: str) -> int:
        monkeypatch.setenv(module.PATIENCE, patience)
        progress = Progress(200)  # points at each second meta-step
        for step in range(1, 201):
            progress.add(step, 5.0, abs(step - 12))
            if progress.should_stop:
                return step
        return 200

    # the lowest point is the mean of meta-steps 11 and 12
    monkeypatch.setattr(module, "SECONDS", 1e9)
    assert steps("30") == 42
    last = RunProgress.read(file)
    assert last is not None
    assert (last.phase, last.meta_step) == ("measuring", 42)
    assert steps("3") == 16
    assert steps("0") == 200
