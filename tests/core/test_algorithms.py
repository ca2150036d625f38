"""Algorithms are values that call the core with their settings."""

import dataclasses
from typing import Any

import pytest
import torch

from labkit import MAML, adapt, meta_gradient
from tests.core.quadratics import flat, loss, quadratics


def test_maml_calls_the_core() -> None:
    problem = quadratics()
    algorithm = MAML(alpha=0.05, inner_steps=3, order=1)
    settings: dict[str, Any] = {"alpha": 0.05, "inner_steps": 3, "order": 1}
    task = (problem.support[0][0], problem.support[1][0])
    torch.testing.assert_close(
        flat(algorithm.adapt(loss, problem.params, task).params),
        flat(adapt(loss, problem.params, task, **settings).params),
    )
    result = algorithm.meta_gradient(
        loss, problem.params, problem.support, problem.query, reduction="sum"
    )
    expected = meta_gradient(
        loss, problem.params, problem.support, problem.query, reduction="sum", **settings
    )
    torch.testing.assert_close(flat(result.params), flat(expected.params))


def test_maml_is_a_value() -> None:
    assert dataclasses.replace(MAML(), order=1) == MAML(order=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        MAML().alpha = 0.5  # type: ignore[misc]
    with pytest.raises(ValueError, match="order must be"):
        MAML(order=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="inner_steps must be"):
        MAML(inner_steps=-1)


def test_evaluation_takes_whole_steps() -> None:
    with pytest.raises(ValueError, match=r"inner_steps must be a whole number ≥ 0, got 2\.5"):
        MAML().evaluation_alpha(2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("algorithm", "steps", "expected"),
    [
        (MAML(alpha=0.4, inner_steps=1), 3, [0.4, 0.2, 0.2]),
        (MAML(alpha=0.4, inner_steps=3), 2, [0.4, 0.4]),
        (MAML(alpha=[0.4, 0.2], inner_steps=2), 3, [0.4, 0.2, 0.1]),
        (MAML(alpha={"w": 0.4}, inner_steps=1), 2, [{"w": 0.4}, {"w": 0.2}]),
        (MAML(alpha=0.4, inner_steps=0), 2, [0.4, 0.2]),
        (MAML(alpha=0.4), 0, []),
    ],
)
def test_evaluation_alpha(algorithm: MAML, steps: int, expected: list[Any]) -> None:
    assert algorithm.evaluation_alpha(steps) == expected
