"""Slices of the meta-loss against quadratic tasks worked by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor

from labkit.core.algorithms.algorithm import Algorithm
from labkit.core.algorithms.anil import ANIL
from labkit.core.algorithms.imaml import IMAML
from labkit.core.algorithms.maml import MAML
from labkit.core.algorithms.meta_sgd import MetaSGD
from labkit.core.algorithms.reptile import Reptile
from labkit.core.inner.inner_optimizers import Momentum
from labkit.core.probes.slices import MetaLossSlice, random_directions, slice_meta_loss
from labkit.core.types import LossFn, Params
from tests.core.quadratics import Quadratics, flat, loss, path_by_hand, quadratics

EXACT: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}


def vectors(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(4, generator=generator, dtype=torch.float64) for _ in range(count)]


def as_params(vector: Tensor) -> Params:
    return {"first": vector[:1], "rest": vector[1:].reshape(1, -1)}


def cut(
    problem: Quadratics, algorithm: Algorithm, directions: list[Tensor], **changes: Any
) -> MetaLossSlice:
    settings: dict[str, Any] = {"radius": 0.5, "points": 5} | changes
    return slice_meta_loss(
        algorithm,
        loss,
        problem.params,
        problem.support,
        problem.query,
        directions=[as_params(d) for d in directions],
        **settings,
    )


def by_hand(problem: Quadratics, theta: Tensor, alphas: list[float]) -> float:
    """Mean query loss after one step for each of α."""
    shifted = Quadratics(problem.support, problem.query, theta)
    total = 0.0
    for i in range(len(problem.support[0])):
        _, _, b, d = problem.task(i)
        delta = path_by_hand(shifted, i, [torch.tensor(a).double() for a in alphas])[-1] - d
        total += float(delta @ b @ delta / 2)
    return total / len(problem.support[0])


@pytest.mark.usefixtures("each_way")
def test_a_line_by_hand() -> None:
    problem, (direction,) = quadratics(), vectors(1)
    result = cut(problem, MAML(0.125, 2), [direction])
    unit = direction / direction.norm()
    assert result.coordinates.tolist() == [-0.5, -0.25, 0.0, 0.25, 0.5]
    torch.testing.assert_close(flat(result.directions[0]), unit, **EXACT)
    assert result.loss.shape == result.before.shape == (5,)
    for i, a in enumerate([-0.5, -0.25, 0.0, 0.25, 0.5]):
        theta = problem.theta + a * unit
        assert float(result.loss[i]) == pytest.approx(by_hand(problem, theta, [0.125] * 2))
        assert float(result.before[i]) == pytest.approx(by_hand(problem, theta, []))


@pytest.mark.usefixtures("each_way")
def test_a_plane_by_hand() -> None:
    problem, (one, other) = quadratics(), vectors(2)
    result = cut(problem, MAML([0.125, 0.25], 2), [one, other], points=3)
    first = one / one.norm()
    second = other - (other @ first) * first
    second = second / second.norm()
    torch.testing.assert_close(flat(result.directions[0]), first, **EXACT)
    torch.testing.assert_close(flat(result.directions[1]), second, **EXACT)
    assert result.loss.shape == result.before.shape == (3, 3)
    for i, a in enumerate([-0.5, 0.0, 0.5]):
        for j, b in enumerate([-0.5, 0.0, 0.5]):
            theta = problem.theta + a * first + b * second
            expected = by_hand(problem, theta, [0.125, 0.25])
            assert float(result.loss[i, j]) == pytest.approx(expected)
            assert float(result.before[i, j]) == pytest.approx(by_hand(problem, theta, []))


@pytest.mark.usefixtures("each_way")
def test_paths_are_projected() -> None:
    problem, (one, other) = quadratics(), vectors(2)
    result = cut(problem, MAML(0.125, 3), [one, other])
    plane = torch.stack([one, other], -1)  # (4, 2), not orthonormal
    assert result.paths.shape == (3, 4, 2)
    for i in range(3):
        path = torch.stack(path_by_hand(problem, i, [torch.tensor(0.125)] * 3)) - problem.theta
        nearest = (plane @ torch.linalg.lstsq(plane, path.T).solution).T
        torch.testing.assert_close(result.distances[i], (path - nearest).norm(dim=-1), **EXACT)
        back = sum(result.paths[i, :, j : j + 1] * flat(result.directions[j]) for j in range(2))
        torch.testing.assert_close(back, nearest, **EXACT)
    assert not result.paths[:, 0].any()


def test_a_path_within_the_line_has_no_distance() -> None:
    problem = quadratics(tasks=1)
    a, c, _, _ = problem.task(0)
    gradient = a @ (problem.theta - c)
    result = cut(problem, MAML(0.125, 1), [-gradient])
    length = 0.125 * float(gradient.norm())
    assert result.paths.flatten().tolist() == pytest.approx([0, length])
    assert result.distances.flatten().tolist() == pytest.approx([0, 0], abs=1e-14)


def test_the_length_of_a_direction_does_not_count() -> None:
    problem, (one, other) = quadratics(), vectors(2)
    short, longer = (
        cut(problem, MAML(0.1), [factor * one, other / factor]) for factor in (1.0, 1e6)
    )
    torch.testing.assert_close(short.loss, longer.loss, **EXACT)


@pytest.mark.parametrize(
    "algorithm",
    [
        MAML(0.1, 2),
        MAML(0.1, 0),
        MAML(0.1, 2, order=1, inner_optimizer=Momentum()),
        MetaSGD(0.1),
        ANIL(head="rest", alpha=0.1, inner_steps=2),
        Reptile(0.1, 2),
        IMAML(0.1, 3),
    ],
    ids=lambda a: type(a).__name__,
)
def test_the_middle_is_theta(algorithm: Algorithm) -> None:
    problem = quadratics()
    result = cut(problem, algorithm, vectors(2))
    there = algorithm.meta_gradient(loss, problem.params, problem.support, problem.query)
    torch.testing.assert_close(result.loss[2, 2], there.task_losses.mean(), **EXACT)
    # and the loss falls from there against the meta-gradient, by its norm
    against = cut(problem, MAML(0.1, 2), [flat(meta_gradient(problem))], radius=1e-4, points=3)
    slope = (against.loss[2] - against.loss[0]) / 2e-4
    torch.testing.assert_close(slope, flat(meta_gradient(problem)).norm(), rtol=1e-8, atol=0)


def meta_gradient(problem: Quadratics) -> Params:
    maml = MAML(0.1, 2)
    return maml.meta_gradient(loss, problem.params, problem.support, problem.query).params


def test_each_step_has_its_own_loss() -> None:
    class Growing:
        def __call__(self, p: Params, target: Tensor) -> Tensor:  # noqa: ARG002
            raise AssertionError("the loss of a step is meant")

        def at_step(self, step: int) -> LossFn:
            return lambda p, target: (step + 1) * (p["w"] - target) ** 2 / 2

    # w = 4, α = 0.5: 4 → 2, with the loss 1 · (w − 1)²/2 before and 2 · (w − 1)²/2 after
    result = slice_meta_loss(
        MAML(0.5),
        Growing(),
        {"w": torch.tensor(4.0)},
        torch.zeros(1),
        torch.ones(1),
        directions=[{"w": torch.tensor(1.0)}],
        radius=1.0,
        points=3,
    )
    assert float(result.before[1]) == 4.5
    assert float(result.loss[1]) == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_theta_keeps_its_dtype(dtype: torch.dtype) -> None:
    theta = {"w": torch.ones(2, dtype=dtype, requires_grad=True)}
    result = slice_meta_loss(
        MAML(0.5),
        lambda p, x: (p["w"] ** 2).sum() * x,
        theta,
        torch.ones(2, dtype=dtype),
        torch.ones(2, dtype=dtype),
        directions=[{"w": torch.tensor([1.0, 2.0], dtype=torch.float64)}],
        radius=1.0,
        points=3,
    )
    for value in (result.coordinates, result.loss, result.paths, result.distances):
        assert value.dtype == dtype
        assert not value.requires_grad


def test_random_directions_have_the_norms_of_theta() -> None:
    theta = {
        "w": torch.tensor([[3.0, 0.0], [0.0, 4.0]]),
        "b": torch.zeros(2),
        "s": torch.tensor(-2.0),
    }
    directions = random_directions(theta, 2, torch.Generator().manual_seed(0))
    for direction in directions:
        assert float(direction["w"].norm()) == pytest.approx(5)
        assert float(direction["s"].abs()) == 2
        assert not direction["b"].any()
        assert direction["w"].shape == (2, 2)
    assert not torch.equal(directions[0]["w"], directions[1]["w"])
    again = random_directions(theta, 2, torch.Generator().manual_seed(0))
    assert torch.equal(directions[1]["w"], again[1]["w"])


@pytest.mark.parametrize(
    ("directions", "arguments", "words"),
    [
        (1, {"points": 4}, "points must be odd to put θ on the grid, got 4"),
        (1, {"points": 1}, "points must be a whole number ≥ 3, got 1"),
        (1, {"radius": 0.0}, "radius must be a finite number > 0, got 0.0"),
        (0, {}, r"directions must be .*one or two.*, got 0"),
        (3, {}, r"directions must be .*one or two.*, got 3"),
    ],
)
def test_bad_arguments(directions: int, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cut(quadratics(), MAML(), vectors(directions), **arguments)


def test_bad_directions() -> None:
    problem, (one, other) = quadratics(), vectors(2)
    for bad in (one, -2 * one, one + 1e-9 * other, 0 * one, torch.inf * one):
        with pytest.raises(ValueError, match="finite, not 0, and not parallel to one another"):
            cut(problem, MAML(), [one, bad])
    with pytest.raises(ValueError, match=r"shapes of params, .*'rest': \(1, 3\).*, got .*\(1, 2\)"):
        cut(problem, MAML(), [one[:3]])


def test_no_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be a whole number ≥ 1, got 0"):
        random_directions({"w": torch.ones(2)}, 0, torch.Generator())
