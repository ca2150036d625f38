"""Estimators of second derivatives, against closed forms, and without the bias of noise."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from labkit.core import OnPolicy, Params, compare_estimators, one_action_curvature

DOUBLE = torch.float64
SCALE = torch.tensor([1.0, 3.0], dtype=DOUBLE)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("objective", "baseline", "expected"),
    [
        ("surrogate", False, 2 * (0.5**2 + 0.7**2) / (2 * 0.7**2)),  # a (δ² + σ²) / 2σ²
        ("surrogate", True, 0.0),
        ("lvc", False, -2.0),  # of one action it is DiCE
        ("dice", False, -2.0),
        ("dice", True, -2.0),
        ("pathwise", False, -2.0),
    ],
)
def test_the_second_derivative_of_one_action(
    objective: str, baseline: bool, expected: float
) -> None:
    estimates = one_action_curvature(
        objective,  # type: ignore[arg-type]
        40_000,
        sharpness=2.0,
        offset=0.5,
        spread=0.7,
        baseline=baseline,
        generator=stream(),
    )
    error = float(estimates.std()) / len(estimates) ** 0.5
    assert abs(float(estimates.mean()) - expected) <= 4 * error + 1e-9


def quadratic(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:  # noqa: ARG001
    """Curvature `SCALE` times noise, which is 1 here."""
    x, noise = batch
    return (SCALE[: x.shape[-1]] * noise * x * x).sum() / 2


def constant(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:  # noqa: ARG001
    return 0 * (params["x"] ** 2).sum()


def data(spread: float, size: int) -> OnPolicy:
    def noise(generator: torch.Generator) -> Tensor:
        return 1 + spread * torch.randn(size, generator=generator, dtype=DOUBLE)

    def batch(params: Params, noise: Tensor, task: Tensor) -> tuple[Tensor, Tensor]:
        return params["x"] + task, noise

    return OnPolicy(noise, batch, torch.zeros(3, 1, dtype=DOUBLE))


@pytest.mark.parametrize("inner_steps", [1, 2])
def test_angles_and_lengths_where_nothing_is_noisy(inner_steps: int) -> None:
    losses, still = {"exact": quadratic, "none": constant}, data(0.0, 2)
    result = compare_estimators(
        losses,
        {"x": torch.ones(2, dtype=DOUBLE)},
        dict.fromkeys(losses, still),
        still,
        alpha=0.2,
        inner_steps=inner_steps,
        samples=3,
        generator=stream(),
    )
    kept = (1 - 0.2 * SCALE) ** inner_steps
    v = SCALE * kept  # the query gradient at θ_K
    exact = kept * v
    cosine = float((v @ exact) / (v.norm() * exact.norm()))
    row = result["none"]
    assert row.angle == pytest.approx(math.degrees(math.acos(cosine)), abs=1e-3)
    assert row.ratio == pytest.approx(float(v.norm() / exact.norm()), rel=1e-5)
    assert result["exact"].curvature == pytest.approx(float((SCALE * v) @ v / (v @ v)), rel=1e-5)
    assert (row.curvature, result["first order"].ratio) == (0.0, row.ratio)
    assert float(result.angles_ci95.nan_to_num().max()) < 1e-2
    with pytest.raises(KeyError, match="'lvc' is none of exact, none, first order"):
        result["lvc"]


def noisy(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:  # noqa: ARG001
    x, noise = batch
    return (noise * x * x).sum() / 2


def plain(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:  # noqa: ARG001
    return (batch[0] ** 2).sum() / 2


def test_noise_does_not_lengthen_what_is_compared() -> None:
    losses, loud = {"exact": plain, "noisy": noisy}, data(4.0, 400)
    result = compare_estimators(
        losses,
        {"x": torch.ones(400, dtype=DOUBLE)},
        dict.fromkeys(losses, loud),
        loud,
        alpha=0.5,
        inner_steps=1,
        samples=10,
        generator=stream(),
    )
    row = result["noisy"]
    # the length of the mean itself would be √(1 + σ²/(3 · 10)) = 1.24 with three tasks
    assert abs(row.ratio - 1) < 4 * row.ratio_ci95 / 1.96
    assert abs(row.ratio - 1) < 0.1
    assert abs(row.curvature - 1) < 4 * row.curvature_ci95 / 1.96
    assert 0 < row.ratio_ci95 < 0.2


@pytest.mark.parametrize(("name", "value"), [("inner_steps", 0), ("samples", 2)])
def test_numbers_out_of_range(name: str, value: int) -> None:
    still = data(0.0, 2)
    options: dict[str, Any] = {"inner_steps": 1, "samples": 3} | {name: value}
    compare = partial(compare_estimators, {"exact": quadratic}, {"x": torch.ones(2, dtype=DOUBLE)})
    with pytest.raises(ValueError, match=f"{name} must be"):
        compare({"exact": still}, still, alpha=0.1, generator=stream(), **options)
