"""Half-cheetahs, where the extra `mujoco` is installed: their pay, and a learner on them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labkit import (
    MAML,
    EnvironmentTasks,
    MetaLearner,
    gaussian_policy,
    half_cheetah_direction,
    half_cheetah_velocity,
)
from labkit.tasks.custom.half_cheetah import ACTIONS, OBSERVATIONS

pytest.importorskip("mujoco", reason="the extra mujoco is not installed")

FAMILIES = [half_cheetah_direction, half_cheetah_velocity]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MuJoCo writes its warnings to a file where it runs."""
    monkeypatch.chdir(tmp_path)


def test_what_a_step_is_paid() -> None:
    action = np.full(ACTIONS, 0.5, np.float32)
    cases: list[tuple[EnvironmentTasks, dict[str, float], Callable[[float], float]]] = [
        (half_cheetah_direction(shots=1, queries=1), {"direction": -1.0}, lambda v: -v),
        (half_cheetah_velocity(shots=1, queries=1), {"velocity": 1.5}, lambda v: -abs(v - 1.5)),
    ]
    for family, task, pay in cases:
        assert family.horizon == 200
        env = family._make(**task)
        env.reset(seed=0)
        body: Any = env.unwrapped
        x = body.data.qpos[0]
        _, reward, *_ = env.step(action)
        velocity = (body.data.qpos[0] - x) / body.dt
        assert abs(float(reward) - (pay(velocity) - 0.05 * 6 * 0.25)) < 1e-6
        env.close()


def test_tasks_that_are_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    direction, velocity = (make(shots=1, queries=1) for make in FAMILIES)
    assert {direction._draw(generator)["direction"] for _ in range(20)} == {-1.0, 1.0}
    velocities = [velocity._draw(generator)["velocity"] for _ in range(100)]
    assert 0 <= min(velocities) < 0.3
    assert 1.7 < max(velocities) <= 2


@pytest.mark.parametrize("make", FAMILIES, ids=["direction", "velocity"])
def test_a_few_meta_steps(make: Callable[..., EnvironmentTasks]) -> None:
    def learner() -> MetaLearner:
        options: dict[str, Any] = {"shots": 2, "queries": 2, "horizon": 5, "objective": "lvc"}
        policy = partial(gaussian_policy, observations=OBSERVATIONS, actions=ACTIONS, width=8)
        return MetaLearner(policy, make(**options), MAML(0.1), meta_batch=2, vectorize=False)

    one, two = learner(), learner()
    before = one.params["log_std"].clone()
    assert one.train(2) == two.train(2)
    assert not torch.equal(one.params["log_std"], before)
