"""Runs of the paper's 2D navigation, bounds on their returns, and verdicts."""

from dataclasses import asdict
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit.core import MAML, TRPO, JointTraining, RandomInitialization
from labkit.experiments import MIME_TYPE, Result, RunFolder, Status
from labkit.experiments.runs.run_folder import NOTEBOOK
from labkit.paper.navigation import (
    ALPHAS,
    NAVIGATION_TABLE,
    measure_navigation_run,
    navigation_run_table,
    train_navigation_run,
)
from labkit.paper.navigation_verdicts import RETURNS, navigation_table, navigation_view
from labkit.paper.settings import NavigationSettings
from labkit.tasks import Navigation, best_returns, blind_bound
from labkit.tasks.navigation import World, roll_out

FEW = {"meta_steps": 1, "meta_batch": 2, "shots": 3, "horizon": 6}


def run(method: str, **more: object) -> Result:
    settings = NavigationSettings.checked({"method": method, **FEW, **more})
    return measure_navigation_run(train_navigation_run(settings), goals=4)


def test_what_each_method_is() -> None:
    expected = {
        "maml": MAML(alpha=0.1),
        "pretrained": JointTraining(alpha=0.1),
        "random": RandomInitialization(alpha=0.1),
        "oracle": JointTraining(alpha=0.1, inner_steps=0),
    }
    for method, algorithm in expected.items():
        learner = train_navigation_run(
            NavigationSettings.checked({"method": method, **FEW})
        ).learner
        assert learner.algorithm == algorithm
        assert isinstance(learner.tasks, Navigation)
        assert learner.tasks.oracle == (method == "oracle")
    by_trpo = NavigationSettings.checked({"meta_optimizer": "trpo", **FEW})
    assert train_navigation_run(by_trpo).learner.meta_optimizer == TRPO()


def test_a_result_holds_returns_below_their_bound() -> None:
    result, again = run("oracle"), run("oracle")
    assert result.metrics == again.metrics
    returns = [result.metrics[f"return_{step}"] for step in range(4)]
    assert len(set(returns)) == 1  # it takes no steps
    assert returns[0] < result.metrics["best"] < 0
    assert np.allclose(-result.curves["adaptation"]["query_loss"], returns)


def test_a_policy_that_was_trained_for_no_step_size_takes_the_best_of_some() -> None:
    result = run("random")
    alphas = result.curves[NAVIGATION_TABLE]["test_alpha"]
    assert len(alphas) == 4
    assert set(alphas) <= set(ALPHAS)
    assert len(navigation_run_table(result).splitlines()) == 5
    assert run("random", test_shots=50).metrics["return_1"] != result.metrics["return_1"]
    assert run("maml").curves[NAVIGATION_TABLE]["test_alpha"].tolist() == [0.1, 0.1, 0.05, 0.05]


def kept_run(folder: Path, returns: tuple[float, ...], **parameters: object) -> None:
    """A run with these returns, as a sweep leaves it."""
    settings = NavigationSettings.checked(parameters)
    name = "-".join(map(str, settings.model_dump().values()))
    own = RunFolder(folder / "runs" / name)
    own.begin(Status("running", name, "13_navigation_run", 0.0), settings.model_dump())
    steps = np.arange(4.0)
    table = {
        "inner_step": steps,
        "return": np.array(returns),
        "ci95": np.ones(4),
        "best": np.full(4, -0.7),
    }
    result = Result(settings.model_dump(), {"best": -0.7}, {NAVIGATION_TABLE: table}, [], {})
    data = new_output("display_data", data={MIME_TYPE: result.to_json()})
    nbformat.write(new_notebook(cells=[new_code_cell("", outputs=[data])]), own.path / NOTEBOOK)
    own.end(Status(**{**asdict(own.status or Status("running", name, "", 0.0)), "state": "done"}))


def test_the_table_compares_with_the_paper(tmp_path: Path) -> None:
    paper = RETURNS["maml"]
    for seed, off in enumerate((-0.5, 0.0, 0.5)):
        kept_run(tmp_path, (paper[0] + off, -60 + off, -2.0 - off / 9, paper[3]), seed=seed)
    kept_run(tmp_path, (-2.29,) * 4, seed=0, method="oracle")
    result = navigation_table(tmp_path)
    assert result.seeds == {"maml": (0, 1, 2), "oracle": (0,)}
    verdicts = ["reproduced", "not reproduced", "better", "reproduced", "too few seeds"]
    assert [row.verdict for row in result.rows] == verdicts
    assert result.row("maml", 0).by_seed == tuple(paper[0] + off for off in (-0.5, 0.0, 0.5))
    assert result.row("oracle", 0).paper == -2.29
    assert "-40.41" in result.table()
    assert "maml, after 1 step: not reproduced, -60.00 ± 1.24 for -11.68" in result.claims()
    assert result.departures == ()
    with pytest.raises(ValueError, match="no run has measured random after 0 steps"):
        result.row("random", 0)
    line = navigation_view(tmp_path).data[1]
    assert line.name == "maml"
    assert np.allclose(line.y, [row.mean.mean * -1 for row in result.rows[:4]])
    kept_run(tmp_path, paper, seed=3, alpha=0.5)
    with pytest.raises(ValueError, match="the runs differ in alpha"):
        navigation_table(tmp_path)


@pytest.mark.parametrize("reward", ["distance", "squared"])
def test_no_walk_exceeds_the_bounds(reward: str) -> None:
    family = Navigation(horizon=12, reward=reward)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    goals = torch.rand(80, 2, generator=generator, dtype=torch.float64) - 0.5
    best = best_returns(family, goals)
    straight = []
    for goal in goals:  # the fastest walk: along each axis until it is there
        position, total = torch.zeros(2, dtype=torch.float64), 0.0
        for _ in range(12):
            action = (goal - position) / 0.1
            position, paid, there = World(reward).move(position, action, goal)  # type: ignore[arg-type]
            total += float(paid)
            if there:
                break
        straight.append(total)
    walks = torch.tensor(straight, dtype=torch.float64)
    assert (walks <= best + 1e-9).all()
    assert torch.allclose(walks, best, atol=1e-5)  # and it is reached
    # without the goal, nothing is better than to stay where the goals are around
    bound = blind_bound(family)
    for speed in (0.0, 0.3, 1.0):
        returns = [
            roll_out(
                World(reward),  # type: ignore[arg-type]
                lambda seen, speed=speed: (torch.full_like(seen, speed), torch.zeros(2)),
                torch.zeros(1, 12, 2, dtype=torch.float64),
                goal.expand(12, 2),
            ).steps.rewards.sum()
            for goal in goals
        ]
        mean = float(torch.stack(returns).mean())
        error = float(torch.stack(returns).std()) / len(returns) ** 0.5
        assert mean < bound + 4 * error
        if speed == 0.0:
            assert mean > bound * 1.05 - 4 * error


def test_bounds_say_what_they_are_for() -> None:
    with pytest.raises(ValueError, match="do not move"):
        best_returns(Navigation(goal_speed=0.1), torch.zeros(1, 2))
    for family in (Navigation(oracle=True), Navigation(goals="circle")):
        with pytest.raises(ValueError, match="that the policy does not see"):
            blind_bound(family)


def test_the_bound_without_the_goal_in_closed_form() -> None:
    mean = (2**0.5 + np.arcsinh(1)) / 6  # E‖g‖ over the unit square
    ended = 0.02**2 * sum(range(100))
    assert np.isclose(blind_bound(Navigation()), ended * (mean + 0.5**0.5) - 100 * mean, atol=1e-3)
    squared = Navigation(reward="squared")
    assert np.isclose(blind_bound(squared), ended - 100 / 6, atol=1e-3)
