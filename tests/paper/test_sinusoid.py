"""One run of the paper's table: what is trained, and how each method is tested."""

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml

from labkit.core.algorithms.baselines import JointTraining
from labkit.core.algorithms.maml import MAML
from labkit.experiments.runs.notebooks import Notebook
from labkit.experiments.runs.result import Result
from labkit.experiments.sweeps.design import SweepDesign
from labkit.paper.settings import PaperSettings
from labkit.paper.sinusoid import (
    STEP_SIZES,
    TABLE,
    measure_paper_run,
    paper_run_table,
    train_paper_run,
)
from labkit.paper.training import TRAINING_POINTS, TrainedRun
from labkit.session.settings.parameters import ParameterError
from labkit.tasks.sinusoid import Sinusoid
from labkit.training.model.randomness import stream

METHODS = ("maml", "first_order", "pretrained", "oracle")
RULES = {
    "maml": ["constant", "halved"],
    "first_order": ["constant", "halved"],
    "pretrained": ["tuned"],
    "oracle": ["none"],
}


@pytest.fixture(scope="module")
def runs() -> dict[str, TrainedRun[PaperSettings]]:
    few = {"meta_steps": 3, "meta_batch": 4, "alpha": 0.02}
    return {m: train_paper_run(PaperSettings.checked({"method": m, **few})) for m in METHODS}


@pytest.fixture(scope="module")
def results(runs: dict[str, TrainedRun[PaperSettings]]) -> dict[str, Result]:
    return {method: measure_paper_run(run, tasks=12) for method, run in runs.items()}


def chosen(result: Result, shots: int, rule: str, column: str = "query_loss") -> list[float]:
    """A column for 0 … 10 steps."""
    table = result.curves[TABLE]
    rows = (table["test_shots"] == shots) & (table["step_sizes"] == STEP_SIZES.index(rule))
    values: list[float] = table[column][rows].tolist()
    return values


def test_what_each_method_is(runs: dict[str, TrainedRun[PaperSettings]]) -> None:
    assert {method: run.learner.algorithm for method, run in runs.items()} == {
        "maml": MAML(alpha=0.02, inner_steps=1, order=2),
        "first_order": MAML(alpha=0.02, inner_steps=1, order=1),
        "pretrained": JointTraining(inner_steps=0),
        "oracle": JointTraining(inner_steps=0),
    }
    for method, run in runs.items():
        assert run.learner.meta_step == len(run.history) == 3
        assert run.learner.beta == 0.001
        assert run.learner.tasks == Sinusoid(shots=10, oracle=method == "oracle")
        assert run.learner.params["0.weight"].shape == (40, 3 if method == "oracle" else 1)


@pytest.mark.parametrize("method", METHODS)
def test_every_test_is_in_the_table(results: dict[str, Result], method: str) -> None:
    result = results[method]
    for shots in (5, 10, 20):
        for rule in RULES[method]:
            loss = chosen(result, shots, rule)
            assert len(loss) == 11
            for step in (1, 5, 10):
                assert result.metrics[f"loss_{shots}_shots_{step}_{rule}"] == loss[step]
                median = chosen(result, shots, rule, "median")[step]
                assert result.metrics[f"median_{shots}_shots_{step}_{rule}"] == median
    assert len(result.metrics) == 3 * 3 * 3 * len(RULES[method])
    losses = result.curves["adaptation"]["query_loss"].tolist()
    assert losses == chosen(result, 10, RULES[method][-1])
    assert len(paper_run_table(result).splitlines()) == 1 + 9 * len(RULES[method])
    assert Result.from_json(result.to_json()).metrics == result.metrics


def test_step_sizes_of_the_tests(
    runs: dict[str, TrainedRun[PaperSettings]], results: dict[str, Result]
) -> None:
    family = Sinusoid(shots=5, queries=100)
    learner = runs["maml"].learner
    for rule, sizes in (("constant", [0.02] * 10), ("halved", [0.02] + [0.01] * 9)):
        expected = learner.adaptation_curve(10, tasks=12, family=family, alpha=sizes)
        assert chosen(results["maml"], 5, rule) == expected.mean.tolist()
        assert chosen(results["maml"], 5, rule, "test_alpha") == [0.02, *sizes]
    assert chosen(results["maml"], 5, "halved") != chosen(results["maml"], 5, "constant")
    assert len(set(chosen(results["oracle"], 5, "none"))) == 1


def test_pretraining_has_the_best_step_size_of_other_tasks(
    runs: dict[str, TrainedRun[PaperSettings]], results: dict[str, Result]
) -> None:
    learner = runs["pretrained"].learner
    family = Sinusoid(shots=20, queries=20)
    batch = family.sample(12, stream(0, "tuning of the step size"))
    tried = chosen(results["pretrained"], 20, "tuned", "test_alpha")
    for steps in (1, 10):
        best = learner.curve_on(batch, steps, alpha=tried[steps]).mean[steps]
        for other in (1e-4, 1e-3, 1e-2, 0.1, 1.0):
            assert not learner.curve_on(batch, steps, alpha=other).mean[steps] < best
        reported = learner.adaptation_curve(
            steps, tasks=12, family=dataclasses.replace(family, queries=100), alpha=tried[steps]
        )
        assert chosen(results["pretrained"], 20, "tuned")[steps] == float(reported.mean[steps])


def test_long_training_is_kept_in_blocks() -> None:
    run = train_paper_run(PaperSettings(meta_steps=2, meta_batch=2))
    history = [dataclasses.replace(run.history[0], loss_after=float(n)) for n in range(1000)]
    curve = measure_paper_run(dataclasses.replace(run, history=history), tasks=2).curves["training"]
    assert len(curve["meta_step"]) == TRAINING_POINTS
    # five meta-steps each: 0 … 4 has the mean 2, and ends with the fifth
    assert (curve["meta_step"][0], curve["loss_after"][0]) == (5, 2)
    assert (curve["meta_step"][-1], curve["loss_after"][-1]) == (1000, 997)


def test_the_sweep_is_the_papers() -> None:
    file = Path(__file__).parents[2] / "experiments" / "paper.yaml"
    plans = SweepDesign.checked(yaml.safe_load(file.read_text())).plans()
    assert len(plans) == 20
    result = {(plan.parameters["method"], plan.parameters["seed"]) for plan in plans}
    assert result == {(method, seed) for method in METHODS for seed in range(5)}
    for plan in plans:
        expected = PaperSettings(method=plan.parameters["method"], seed=plan.parameters["seed"])
        assert plan.parameters == expected.model_dump()


def test_bad_parameters_are_said_before_anything_runs() -> None:
    notebook = Notebook.read("11_paper_run")
    with pytest.raises(ParameterError, match="method = 'mmal': must be 'maml' or 'first_order'"):
        notebook.checked({"method": "mmal"})
    with pytest.raises(ParameterError, match="order = 1: there is no parameter of this name"):
        notebook.checked({"order": 1})
    with pytest.raises(ParameterError, match="meta_steps = 0: must be a whole number ≥ 1"):
        notebook.checked({"meta_steps": 0})


def test_each_seed_has_tasks_of_its_own(runs: dict[str, TrainedRun[PaperSettings]]) -> None:
    family = Sinusoid(shots=5)
    other = train_paper_run(PaperSettings(meta_steps=1, meta_batch=2, seed=1)).learner
    own = runs["maml"].learner.held_out(4, family)
    assert own.query[0].dtype == torch.float64
    assert not torch.equal(own.query[0], other.held_out(4, family).query[0])
