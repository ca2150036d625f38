"""Directions of the algorithms against those of quadratic tasks, by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from labkit.core.algorithms.algorithm import Algorithm
from labkit.core.algorithms.anil import ANIL
from labkit.core.algorithms.baselines import JointTraining, RandomInitialization
from labkit.core.algorithms.imaml import IMAML
from labkit.core.algorithms.maml import MAML
from labkit.core.algorithms.meta_sgd import MetaSGD
from labkit.core.algorithms.reptile import Reptile
from labkit.core.inner.inner_optimizers import Momentum
from labkit.core.linalg.vectors import angle_between, as_vector, from_vector, length
from labkit.core.probes.directions import compare_directions, task_gradients
from labkit.core.probes.gradient_variance import gradient_variance
from tests.core.quadratics import SIZE, Quadratics, flat, loss, path_by_hand, quadratics

EXACT: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-10}

ALGORITHMS: list[Algorithm] = [
    MAML(0.1, 3),
    MAML(0.1, 3, order=1),
    MAML(0.1, 3, inner_optimizer=Momentum(), loss_weights=[1.0, 0.0, 2.0]),
    MetaSGD(0.1, 2),
    ANIL(head="rest", alpha=0.1, inner_steps=2),
    Reptile(0.1, 3),
    IMAML(0.1, 20),
    JointTraining(),
    RandomInitialization(),
]


def by_hand(problem: Quadratics, alphas: list[Tensor]) -> Tensor:
    """M_0 … M_{K−1} g_q, g_q and θ − θ_K of each task, (tasks, 3, SIZE)."""
    rows = []
    for i in range(len(problem.support[0])):
        a, _, b, d = problem.task(i)
        path = path_by_hand(problem, i, alphas)
        g_q = exact = b @ (path[-1] - d)
        for alpha in reversed(alphas):
            exact = exact - a @ (alpha * exact)
        rows.append(torch.stack([exact, g_q, path[0] - path[-1]]))
    return torch.stack(rows)


def degrees(one: Tensor, other: Tensor) -> float:
    return math.degrees(math.acos(float(one @ other) / math.sqrt(one @ one * (other @ other))))


@pytest.mark.usefixtures("each_way")
def test_angles_and_norms_by_hand() -> None:
    problem = quadratics()
    rest = torch.tensor([[0.1, 0.2, 0.05]], dtype=torch.float64)
    alpha: Any = [0.2, {"first": 0.3, "rest": rest}, 0.1]
    vectors = [
        torch.tensor(v, dtype=torch.float64) for v in ([0.2] * 4, [0.3, 0.1, 0.2, 0.05], [0.1] * 4)
    ]
    result = compare_directions(
        loss, problem.params, problem.support, problem.query, alpha=alpha, inner_steps=3
    )
    assert result.names == ("exact", "first order", "Reptile")
    expected = by_hand(problem, vectors)
    mean = expected.mean(0)
    for i, one in enumerate(result.names):
        for j, other in enumerate(result.names):
            if i == j:
                assert not result.angle(one, other).any()
                continue
            by_task = torch.tensor([degrees(t[i], t[j]) for t in expected], dtype=torch.float64)
            torch.testing.assert_close(result.angle(one, other), by_task, **EXACT)
            assert float(result.mean_angle(one, other)) == pytest.approx(degrees(mean[i], mean[j]))
            torch.testing.assert_close(
                result.norm_ratio(one, to=other),
                expected[:, i].norm(dim=-1) / expected[:, j].norm(dim=-1),
                **EXACT,
            )
            ratio = mean[i].norm() / mean[j].norm()
            torch.testing.assert_close(result.mean_norm_ratio(one, to=other), ratio, **EXACT)
    torch.testing.assert_close(result.norms, expected.norm(dim=-1), **EXACT)
    torch.testing.assert_close(result.mean_norms, mean.norm(dim=-1), **EXACT)


def test_without_inner_steps_reptile_has_no_direction() -> None:
    problem = quadratics()
    result = compare_directions(
        loss, problem.params, problem.support, problem.query, alpha=0.1, inner_steps=0
    )
    assert not result.angle("exact", "first order").any()
    assert result.angle("exact", "Reptile").isnan().all()
    assert result.angles[:, 2, 2].isnan().all()
    assert result.mean_angle("Reptile", "first order").isnan()
    assert result.norm_ratio("exact", to="Reptile").isnan().all()
    assert not result.norm_ratio("Reptile", to="exact").any()


def test_names_are_checked() -> None:
    problem = quadratics()
    result = compare_directions(
        loss, problem.params, problem.support, problem.query, alpha=0.1, inner_steps=1
    )
    with pytest.raises(ValueError, match="one of exact, first order, Reptile, got 'second'"):
        result.angle("exact", "second")


@pytest.mark.parametrize("tiny", [1e-9, 1e-7, 1e-3])
def test_small_angles_keep_their_digits(tiny: float) -> None:
    # the cosine of 1e-9 is 1 − 5e-19, which is 1 in float64
    one = torch.tensor([1.0, 0.0], dtype=torch.float64)
    other = torch.tensor([math.cos(tiny), math.sin(tiny)], dtype=torch.float64)
    assert float(angle_between(one, other)) == pytest.approx(math.degrees(tiny), rel=1e-7)
    assert float(angle_between(one, -other)) == pytest.approx(180 - math.degrees(tiny), rel=1e-15)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_angles_and_lengths_of_any_size(size: float) -> None:
    # in float32 the squares of 1e-30 and 1e30 are 0 and inf
    one, other = torch.tensor([size, 0.0]), torch.tensor([size, size])
    assert float(angle_between(one, other)) == pytest.approx(45)
    assert float(length(other)) == pytest.approx(math.sqrt(2) * size)
    assert float(length(torch.zeros(3))) == 0


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_each_task_as_if_alone(algorithm: Algorithm) -> None:
    problem = quadratics()
    data = problem.support, problem.query
    result = task_gradients(algorithm, loss, problem.params, *data)
    for i in range(3):
        alone = [tuple(t[i : i + 1] for t in part) for part in data]
        expected = algorithm.meta_gradient(loss, problem.params, *alone).params
        for name, gradient in expected.items():
            torch.testing.assert_close(result[name][i], gradient, **EXACT)
    for name, mean in algorithm.meta_gradient(loss, problem.params, *data).params.items():
        torch.testing.assert_close(result[name].mean(0), mean, **EXACT)


def test_probes_are_cut_off_from_the_graph() -> None:
    problem = quadratics()
    params = {name: p.clone().requires_grad_() for name, p in problem.params.items()}
    result = task_gradients(MAML(0.1), loss, params, problem.support, problem.query)
    assert not result["rest"].requires_grad


@pytest.mark.usefixtures("each_way")
def test_variance_by_hand() -> None:
    problem = quadratics(tasks=5)
    result = gradient_variance(MAML(0.1, 2), loss, problem.params, problem.support, problem.query)
    rows = by_hand(problem, [torch.tensor(0.1, dtype=torch.float64)] * 2)[:, 0]  # (5, SIZE)
    mean = rows.sum(0) / 5
    covariance = (rows - mean).T @ (rows - mean) / 4
    torch.testing.assert_close(flat(result.variance), covariance.diagonal(), **EXACT)
    torch.testing.assert_close(result.total, covariance.trace(), **EXACT)
    torch.testing.assert_close(result.squared_mean, mean @ mean, **EXACT)
    torch.testing.assert_close(
        result.signal_to_noise, mean @ mean / (covariance.trace() / 5), **EXACT
    )
    assert result.variance["rest"].shape == (1, SIZE - 1)


def test_tasks_that_agree_have_no_noise() -> None:
    problem = quadratics(tasks=1)
    same = [tuple(t.expand(4, *t.shape[1:]) for t in p) for p in (problem.support, problem.query)]
    result = gradient_variance(MAML(0.1), loss, problem.params, *same)
    assert float(result.total) == pytest.approx(0, abs=1e-25)
    assert float(result.signal_to_noise) > 1e20


def test_one_task_has_no_variance() -> None:
    problem = quadratics(tasks=1)
    with pytest.raises(ValueError, match="at least 2 tasks, got 1: sample a larger batch"):
        gradient_variance(MAML(), loss, problem.params, problem.support, problem.query)


def test_numbers_of_tasks_must_agree() -> None:
    problem, more = quadratics(), quadratics(tasks=4)
    with pytest.raises(ValueError, match="first axis is the task"):
        task_gradients(MAML(), loss, problem.params, problem.support, more.query)


def test_vectors_and_back() -> None:
    params = {
        "w": torch.tensor([[1.0, 2.0]], dtype=torch.float64),
        "b": torch.tensor(3.0),
        "c": torch.tensor([4 + 5j]),
    }
    vector = as_vector(params)
    assert vector.tolist() == [3.0, 4.0, 5.0, 1.0, 2.0]  # by name: b, c, w
    assert as_vector(dict(reversed(params.items()))).tolist() == vector.tolist()
    back = from_vector(vector, params)
    assert list(back) == list(params)
    for name, p in params.items():
        assert back[name].dtype == p.dtype
        assert torch.equal(back[name], p)
