"""Curvature along the inner steps against full eigenvalue problems and closed forms."""

from typing import Any

import pytest
import torch
from torch import Tensor

from labkit.core.linalg.lanczos import spectrum_ends
from labkit.core.probes.curvature import InnerCurvature, inner_curvature
from tests.core.quadratics import flat, loss, path_by_hand, quadratics

EXACT: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-10}

Batch = tuple[Tensor, Tensor]


def fresh(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=fresh(seed), dtype=torch.float64)


def with_spectrum(eigenvalues: list[float]) -> Tensor:
    """A full symmetric matrix with these eigenvalues."""
    rotation: Tensor = torch.linalg.qr(draw(len(eigenvalues), len(eigenvalues))).Q
    return rotation @ (torch.tensor(eigenvalues, dtype=torch.float64).unsqueeze(-1) * rotation.T)


def of_matrices(*matrices: Tensor, **changes: Any) -> InnerCurvature:
    """The curvature of ½wᵀAw, with the query ½‖w‖², from a random w."""

    def quadratic(p: dict[str, Tensor], matrix: Tensor) -> Tensor:
        return p["w"] @ matrix @ p["w"] / 2

    support = torch.stack(matrices)
    n = support.shape[-1]
    settings: dict[str, Any] = {"alpha": 0.1, "inner_steps": 1, "generator": fresh()} | changes
    theta = {"w": draw(n, seed=2).to(support.dtype)}
    return inner_curvature(
        quadratic, theta, support, torch.eye(n, dtype=support.dtype).expand_as(support), **settings
    )


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


ELEMENT = {"first": doubles(0.3), "rest": doubles(0.1, 0.0, 0.05).unsqueeze(0)}
ALPHAS: list[tuple[Any, list[Tensor]]] = [
    (0.1, [doubles(0.1, 0.1, 0.1, 0.1)] * 2),
    ([0.1, 0.3], [doubles(0.1, 0.1, 0.1, 0.1), doubles(0.3, 0.3, 0.3, 0.3)]),
    ({"first": 0.3, "rest": 0.1}, [doubles(0.3, 0.1, 0.1, 0.1)] * 2),
    (ELEMENT, [flat(ELEMENT)] * 2),
    ([ELEMENT, 0.2], [flat(ELEMENT), doubles(0.2, 0.2, 0.2, 0.2)]),
]


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(("alpha", "vectors"), ALPHAS)
def test_eigenvalues_and_stretch_of_quadratics(alpha: Any, vectors: list[Tensor]) -> None:
    problem = quadratics()
    result = inner_curvature(
        loss,
        problem.params,
        problem.support,
        problem.query,
        alpha=alpha,
        inner_steps=2,
        generator=fresh(),
    )
    assert result.largest.shape == (3, 2)
    for i in range(3):
        a, _, b, d = problem.task(i)
        values = torch.linalg.eigvalsh(a)
        g_q = stretched = b @ (path_by_hand(problem, i, vectors)[-1] - d)
        for k in (1, 0):
            torch.testing.assert_close(result.lowest[i, k], values[0], **EXACT)
            torch.testing.assert_close(result.highest[i, k], values[-1], **EXACT)
            # of αH itself, which is not symmetric
            products = torch.linalg.eigvals(vectors[k].unsqueeze(-1) * a).real
            torch.testing.assert_close(result.alpha_lowest[i, k], products.min(), **EXACT)
            torch.testing.assert_close(result.alpha_highest[i, k], products.max(), **EXACT)
            stretched = stretched - a @ (vectors[k] * stretched)
        ratio = stretched.norm() / g_q.norm()
        torch.testing.assert_close(result.stretch[i], ratio, **EXACT)
    assert (result.residual < 1e-10).all()


def cubic(p: dict[str, Tensor], scale: Tensor) -> Tensor:
    """Σ w³/6: gradient w²/2, Hessian diag(w)."""
    return scale * (p["w"] ** 3).sum() / 6


@pytest.mark.usefixtures("each_way")
def test_along_the_path_of_a_cubic() -> None:
    # w_{k+1} = w_k − α w_k²/2, here with α = 0.5
    w, one = doubles(-1, 0.5, 2), doubles(1)
    result = inner_curvature(cubic, {"w": w}, one, one, alpha=0.5, inner_steps=3, generator=fresh())
    path = [w]
    for _ in range(3):
        path.append(path[-1] - 0.5 * path[-1] ** 2 / 2)
    by_step = torch.stack(path[:3])
    torch.testing.assert_close(result.lowest[0], by_step.min(-1).values, **EXACT)
    torch.testing.assert_close(result.highest[0], by_step.max(-1).values, **EXACT)
    torch.testing.assert_close(result.alpha_highest, 0.5 * result.highest, **EXACT)
    g_q = path[-1] ** 2 / 2
    stretched = (1 - 0.5 * by_step).prod(0) * g_q
    torch.testing.assert_close(result.stretch[0], stretched.norm() / g_q.norm(), **EXACT)


def test_signs_and_what_follows_from_them() -> None:
    # α = 0.1. The eigenvalue of largest size is −5: αλ = −0.5, factor 1.5. In the second task it
    # is 12: factor −0.2, but −4 has |1 + 0.4|, the radius.
    result = of_matrices(with_spectrum([-5.0, 1.0, 3.0]), with_spectrum([-4.0, 1.0, 12.0]))
    torch.testing.assert_close(result.largest.flatten(), doubles(-5, 12))
    torch.testing.assert_close(result.alpha_largest.flatten(), doubles(-0.5, 1.2))
    torch.testing.assert_close(result.factor.flatten(), doubles(1.5, -0.2))
    torch.testing.assert_close(result.radius.flatten(), doubles(1.5, 1.4))


def test_a_negative_alpha_turns_the_spectrum() -> None:
    result = of_matrices(with_spectrum([-5.0, 1.0, 3.0]), alpha=-0.1)
    assert float(result.alpha_lowest) == pytest.approx(-0.3)
    assert float(result.alpha_highest) == pytest.approx(0.5)


def test_alpha_of_another_precision() -> None:
    matrix = with_spectrum([-5.0, 1.0, 3.0]).float()
    for alpha in (doubles(0.1)[0], {"w": doubles(0.1, 0.1, 0.1)}):
        result = of_matrices(matrix, alpha=alpha)
        assert result.alpha_lowest.dtype == torch.float32
        assert float(result.alpha_lowest) == pytest.approx(-0.5)
        assert float(result.stretch) == pytest.approx(float(of_matrices(matrix).stretch))


@pytest.mark.usefixtures("each_way")
def test_complex_parameters() -> None:
    # L = 2 |w|² + Re(w²): 2 (x² + y²) + x² − y², of the Hessian diag(6, 2)
    w = torch.tensor([1 + 2j], dtype=torch.complex128)
    result = inner_curvature(
        lambda p, _: (2 * p["w"].abs() ** 2 + (p["w"] ** 2).real).sum(),
        {"w": w},
        doubles(0),
        doubles(0),
        alpha={"w": 0.125},
        inner_steps=1,
        generator=fresh(),
    )
    ends = (result.lowest, result.highest, result.alpha_lowest, result.alpha_highest)
    assert [float(end) for end in ends] == pytest.approx([2, 6, 0.25, 0.75])
    # x' = 0.25, y' = 1.5, so g_q = (1.5, 3), which becomes (0.25 · 1.5, 0.75 · 3)
    stretched = (0.375**2 + 2.25**2) ** 0.5 / (1.5**2 + 3**2) ** 0.5
    assert float(result.stretch) == pytest.approx(stretched)


def test_a_pair_of_opposite_eigenvalues_settles() -> None:
    # power iteration would swing between the two for ever
    result = of_matrices(with_spectrum([-3.0, -1.0, 0.0, 0.5, 3.0]))
    assert float(result.lowest) == pytest.approx(-3, rel=1e-12)
    assert float(result.highest) == pytest.approx(3, rel=1e-12)
    assert float(result.largest.abs()) == pytest.approx(3, rel=1e-12)
    assert float(result.residual) < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_of_a_large_spectrum_settle_first(dtype: torch.dtype) -> None:
    eigenvalues = [-8.0, *torch.linspace(-2, 2, 197).tolist(), 9.0, 10.0]
    matrix = with_spectrum(eigenvalues).to(dtype)
    result = of_matrices(matrix, lanczos_steps=25)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-9
    assert float(result.lowest) == pytest.approx(-8, rel=tolerance)
    assert float(result.highest) == pytest.approx(10, rel=tolerance)
    assert result.residual.dtype == dtype


@pytest.mark.parametrize("steps", [1, 3, 8, 200, 500])
def test_the_residual_bounds_the_error(steps: int) -> None:
    eigenvalues = torch.linspace(-9, 10, 60, dtype=torch.float64)
    result = of_matrices(with_spectrum(eigenvalues.tolist()), lanczos_steps=steps)
    size = float(result.largest.abs())
    for end in (result.lowest, result.highest):
        assert float((eigenvalues - end).abs().min()) <= float(result.residual) * size + 1e-12
    # few steps have not settled, and it shows; all steps have
    assert (float(result.residual) < 1e-10) is (steps >= 60)
    if steps >= 60:
        assert float(result.lowest) == pytest.approx(-9)
        assert float(result.highest) == pytest.approx(10)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_residual_is_that_of_the_worse_end(sign: float) -> None:
    # one end is isolated and settles at once, the other is a crowd
    eigenvalues = sign * torch.tensor([-10.0, *torch.linspace(0, 9, 60).tolist()])
    matrix = with_spectrum(eigenvalues.tolist())
    result = of_matrices(matrix, lanczos_steps=12)
    alone = result.lowest if sign > 0 else result.highest
    assert float(alone) == pytest.approx(-10 * sign, rel=1e-9)
    assert float(result.residual) > 0.01
    # relative, so the units of the loss do not count
    larger = of_matrices(1000 * matrix, lanczos_steps=12)
    torch.testing.assert_close(larger.residual, result.residual, rtol=1e-6, atol=0)


def test_no_more_products_than_dimensions() -> None:
    calls = []

    def matrix(v: Tensor) -> Tensor:
        calls.append(v)
        return doubles(1, 2, 3) * v

    spectrum_ends(matrix, doubles(1, 1, 1), 10)
    assert len(calls) == 3


def test_the_residual_counts_both_problems() -> None:
    # H = I is solved by one step, diag(√α) H diag(√α) = diag(α) is not
    steps = {"w": torch.linspace(0.1, 1, 30, dtype=torch.float64)}
    result = of_matrices(torch.eye(30, dtype=torch.float64), alpha=steps, lanczos_steps=2)
    assert float(result.highest) == pytest.approx(1)
    assert float(result.residual) > 0.05


@pytest.mark.parametrize("value", [5.0, -5.0])
def test_equal_eigenvalues(value: float) -> None:
    # any vector is an eigenvector: nothing is left to search in after the first
    result = of_matrices(value * torch.eye(7, dtype=torch.float64))
    assert float(result.lowest) == pytest.approx(value)
    assert float(result.highest) == pytest.approx(value)
    assert float(result.residual) < 1e-12


def test_an_exhausted_space_adds_no_eigenvalue() -> None:
    # the start lies in the plane of 2 and 3; a 0 must not appear as the lowest
    diagonal = torch.tensor([2.0, 3.0, 7.0, 7.0], dtype=torch.float64)
    start = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    low, high, residual = spectrum_ends(lambda v: diagonal * v, start, 4)
    assert float(low) == pytest.approx(2, rel=1e-12)
    assert float(high) == pytest.approx(3, rel=1e-12)
    assert float(residual) < 1e-12


def test_a_linear_loss_is_flat() -> None:
    result = inner_curvature(
        lambda p, slope: (slope * p["w"]).sum(),
        {"w": torch.ones(3)},
        torch.ones(2, 3),
        torch.ones(2, 3),
        alpha=0.5,
        inner_steps=2,
        generator=fresh(),
    )
    assert not result.lowest.any()
    assert not result.highest.any()
    assert not result.residual.any()
    assert result.stretch.tolist() == [1.0, 1.0]


@pytest.mark.usefixtures("each_way")
def test_a_diverged_task_leaves_the_others_alone() -> None:
    # in float32: a step of 1e18 away from 1, then one of 1e18 · (1e18)², which is infinite
    result = inner_curvature(
        cubic,
        {"w": torch.tensor([1.0, 2.0, 3.0, 4.0])},
        torch.tensor([2e18, 0.0]),
        torch.ones(2),
        alpha=1.0,
        inner_steps=3,
        generator=fresh(),
    )
    assert result.largest.isnan().tolist() == [[False, False, True], [False] * 3]
    assert result.residual.isnan().tolist() == [[False, False, True], [False] * 3]
    assert result.stretch.isnan().tolist() == [True, False]


def test_no_query_gradient_has_no_stretch() -> None:
    result = inner_curvature(
        lambda p, x: x * (p["w"] ** 2).sum(),
        {"w": torch.ones(3)},
        torch.ones(1),
        torch.zeros(1),
        alpha=0.5,
        inner_steps=1,
        generator=fresh(),
    )
    assert result.stretch.isnan().all()


def test_the_generator_decides() -> None:
    matrix = with_spectrum(torch.linspace(-9, 10, 60).tolist())
    same, again, other = (
        of_matrices(matrix, lanczos_steps=3, generator=fresh(seed)) for seed in (4, 4, 5)
    )
    assert torch.equal(same.highest, again.highest)
    assert not torch.equal(same.highest, other.highest)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"inner_steps": 0}, "inner_steps must be a whole number ≥ 1, got 0"),
        ({"lanczos_steps": 0}, "lanczos_steps must be a whole number ≥ 1, got 0"),
        ({"alpha": {"w": -0.1}}, r"alpha for w must be ≥ 0 .* got -0\.1"),
        ({"alpha": {"v": 0.1}}, "alpha must name adapted parameters"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        of_matrices(torch.eye(3), **arguments)
