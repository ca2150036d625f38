"""One run of the paper's Omniglot rows: what is trained, and how it is tested."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from labkit.core.algorithms.maml import MAML
from labkit.experiments.runs.notebooks import Notebook
from labkit.experiments.sweeps.design import SweepDesign
from labkit.paper.omniglot import (
    FEW_SHOT_TABLE,
    few_shot_run_table,
    measure_few_shot_run,
    train_few_shot_run,
)
from labkit.paper.settings import FewShotSettings
from labkit.paper.training import TrainedRun
from labkit.session.settings.parameters import ParameterError
from labkit.tasks.images.emoji import Emoji
from labkit.tasks.images.omniglot import Omniglot
from labkit.tasks.images.omniglot_files import COMPACT
from labkit.training import MetaLearner, MetaStep

FEW = {"ways": 3, "shots": 2, "meta_batch": 2, "meta_steps": 4, "test_tasks": 6, "alpha": 0.3}


@pytest.fixture
def betas(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """β of each meta-step that is taken."""
    values: list[float] = []

    step = MetaLearner.step

    def watched(learner: MetaLearner) -> MetaStep:
        values.append(learner.beta)
        return step(learner)

    monkeypatch.setattr(MetaLearner, "step", watched)
    return values


@pytest.mark.parametrize(("method", "order"), [("maml", 2), ("first_order", 1)])
def test_what_is_trained(method: str, order: int, betas: list[float]) -> None:
    settings = FewShotSettings.checked({**FEW, "data": "emoji", "method": method, "beta": 0.01})
    run = train_few_shot_run(settings)
    assert run.learner.algorithm == MAML(alpha=0.3, inner_steps=1, order=order)  # type: ignore[arg-type]
    assert run.learner.tasks == Emoji(ways=3, shots=2, queries=2)
    assert run.learner.params["head.weight"].shape[0] == 3
    assert run.learner.params["head.weight"].dtype == torch.float64
    assert len(run.history) == 4
    assert betas == pytest.approx([0.01, 0.0075, 0.005, 0.0025])


def test_how_it_is_tested() -> None:
    run = train_few_shot_run(FewShotSettings.checked({**FEW, "data": "emoji"}))
    result = measure_few_shot_run(run)
    table = result.curves[FEW_SHOT_TABLE]
    family = Emoji(ways=3, shots=2, queries=2, split="test")
    expected = run.learner.adaptation_curve(3, tasks=6, family=family, alpha=[0.3] * 3)
    np.testing.assert_array_equal(table["accuracy"], expected.metrics["accuracy"].mean)
    np.testing.assert_array_equal(table["query_loss"], expected.mean)
    assert table["test"].tolist() == [0] * 4
    assert table["inner_step"].tolist() == [0, 1, 2, 3]
    assert result.metrics == {
        "accuracy_1_upright": table["accuracy"][1],
        "accuracy_3_upright": table["accuracy"][3],
    }
    lines = few_shot_run_table(result).splitlines()
    assert len(lines) == 5
    assert lines[4].split()[:3] == ["upright", "3", f"{table['accuracy'][3]:.1%}"]


@pytest.fixture
def omniglot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise in the place of the drawings."""
    drawings = np.random.default_rng(0).integers(0, 256, (1623, 20, 28, 28), dtype=np.uint8)
    (tmp_path / "omniglot").mkdir()
    np.savez(tmp_path / "omniglot" / COMPACT, images=drawings)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))


@pytest.mark.usefixtures("omniglot")
def test_omniglot_is_tested_upright_and_turned() -> None:
    run: TrainedRun[FewShotSettings] = train_few_shot_run(FewShotSettings.checked(FEW))
    assert run.learner.params["head.weight"].dtype == torch.float32
    assert run.learner.tasks == Omniglot(ways=3, shots=2, queries=2)
    result = measure_few_shot_run(run)
    table = result.curves[FEW_SHOT_TABLE]
    assert table["test"].tolist() == [0] * 4 + [1] * 4
    test = Omniglot(ways=3, shots=2, queries=2, split="test")
    for rows, family in ((slice(0, 4), test), (slice(4, 8), replace(test, rotations=True))):
        expected = run.learner.adaptation_curve(3, tasks=6, family=family, alpha=[0.3] * 3)
        np.testing.assert_array_equal(table["query_loss"][rows], expected.mean.double())
    assert result.metrics["accuracy_3_turned"] == table["accuracy"][7]
    assert len(few_shot_run_table(result).splitlines()) == 9


def test_the_sweep_is_five_ways_of_omniglot() -> None:
    file = Path(__file__).parents[2] / "experiments" / "omniglot.yaml"
    plans = SweepDesign.checked(yaml.safe_load(file.read_text())).plans()
    result = [(p.parameters["method"], p.parameters["shots"], p.parameters["seed"]) for p in plans]
    assert sorted(result) == [
        (method, shots, seed)
        for method in ("first_order", "maml")
        for shots in (1, 5)
        for seed in range(2)
    ]
    for plan in plans:
        settings = FewShotSettings.checked(plan.parameters)
        assert (settings.data, settings.ways, settings.test_tasks) == ("omniglot", 5, 600)


def test_bad_parameters_are_said_before_anything_runs() -> None:
    notebook = Notebook.read("12_few_shot_run")
    with pytest.raises(ParameterError, match="data = 'mnist': must be 'emoji' or 'omniglot'"):
        notebook.checked({"data": "mnist"})
    with pytest.raises(ParameterError, match="ways = 1: must be a whole number ≥ 2"):
        notebook.checked({"ways": 1})
    with pytest.raises(ParameterError, match="order = 1: there is no parameter of this name"):
        notebook.checked({"order": 1})
