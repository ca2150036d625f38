"""The harmonic fit: exact where the truth is in its span, and the ridge as documented."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from labkit import Tides, harmonic_fit
from labkit.tasks.tides.harmonic_fit import MAIN_CONSTITUENTS
from labkit.tasks.tides.tides import HOURS_PER_UNIT

SPEEDS = {"M2": 28.9841042, "S2": 30.0, "N2": 28.4397295, "K1": 15.0410686, "O1": 13.9430356}
"""Degrees per hour: Schureman 1958, Table 2; not from the data."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def waves(x: Tensor, names: Sequence[str], seed: int) -> Tensor:
    """A mean and waves of the named speeds with random amplitudes and phases, one set a task."""
    coefficients = torch.rand(len(x), 1, 2 * len(names) + 1, generator=generator(seed)).double()
    y = coefficients[..., :1] - 0.5
    for i, name in enumerate(names):
        angle = math.radians(SPEEDS[name]) * x * HOURS_PER_UNIT
        size, phase = (
            coefficients[..., 2 * i + 1 : 2 * i + 2],
            coefficients[..., 2 * i + 2 : 2 * i + 3],
        )
        y = y + (1 + size) * torch.cos(angle - 2 * math.pi * phase)
    return y


def times(tasks: int, points: int, hours: float, seed: int) -> Tensor:
    unit = torch.rand(tasks, points, 1, generator=generator(seed), dtype=torch.float64)
    return (unit - 0.5) * hours / HOURS_PER_UNIT


def test_finds_the_truth_in_its_span() -> None:
    """100 readings in 60 days tell all five constituents apart; each task has its own."""
    x, x_query = times(20, 100, 1440, 1), times(20, 30, 1440, 2)
    y = waves(torch.cat([x, x_query], dim=1), MAIN_CONSTITUENTS, 3)
    prediction = harmonic_fit(x, y[:, :100], x_query, ridge=1e-10)
    assert prediction.shape == (20, 30, 1)
    torch.testing.assert_close(prediction, y[:, 100:], rtol=0, atol=1e-5)


def test_other_constituents() -> None:
    """10 readings in a day serve for 5 unknowns, but not for what is not among them."""
    x, x_query = times(20, 10, 24, 1), times(20, 30, 24, 2)
    y = waves(torch.cat([x, x_query], dim=1), ["M2", "K1"], 3)
    prediction = harmonic_fit(x, y[:, :10], x_query, constituents=["M2", "K1"], ridge=1e-12)
    torch.testing.assert_close(prediction, y[:, 10:], rtol=0, atol=1e-4)
    wrong = harmonic_fit(x, y[:, :10], x_query, constituents=["S2"], ridge=1e-12)
    assert float((wrong - y[:, 10:]).square().mean()) > 0.1


def test_solves_the_penalised_normal_equations() -> None:
    """(ΦᵀΦ + λI) c = Φᵀy, in numpy, with fewer readings than unknowns."""
    x, x_query, ridge = times(1, 6, 24, 1), times(1, 4, 24, 2), 0.3
    y = waves(x, ["M2", "O1"], 3)

    def design(at: Tensor) -> Any:
        hours = at[0].numpy() * HOURS_PER_UNIT
        angles = [np.radians(SPEEDS[name]) * hours for name in MAIN_CONSTITUENTS]
        columns = [np.ones_like(hours)] + [f(a) for f in (np.cos, np.sin) for a in angles]
        return np.concatenate(columns, axis=1)

    phi = design(x)
    assert phi.shape == (6, 11)
    coefficients = np.linalg.solve(phi.T @ phi + ridge * np.eye(11), phi.T @ y[0].numpy())
    prediction = harmonic_fit(x, y, x_query, ridge=ridge)[0].numpy()
    np.testing.assert_allclose(prediction, design(x_query) @ coefficients, atol=1e-6)


@pytest.mark.parametrize("hours", [24.0, 48.0])
def test_the_default_ridge_is_the_best_power_of_ten_on_the_validation_split(hours: float) -> None:
    """On 20,000 tasks, since single tasks with large errors decide otherwise."""
    batch = Tides(hours=hours, split="validation").sample(20_000, generator())

    (x, y), (x_query, y_query) = batch.support, batch.query
    fits = [harmonic_fit(x, y, x_query, ridge=ridge) for ridge in (1e-3, 1e-2, 1e-1)]
    best = min(fits, key=lambda fit: float((fit - y_query).square().mean()))
    torch.testing.assert_close(harmonic_fit(x, y, x_query), best)


def test_one_task_without_a_task_axis_and_in_float32() -> None:
    batch = Tides().sample(2, generator())
    (x, y), x_query = batch.support, batch.query[0]
    both = harmonic_fit(x, y, x_query)
    torch.testing.assert_close(harmonic_fit(x[1], y[1], x_query[1]), both[1])
    single = harmonic_fit(x.float(), y.float(), x_query.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), both, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ridge": 0.0}, "ridge must be a finite number > 0, got 0.0"),
        ({"constituents": ["M2", "XX"]}, r"constituents must be names such as 'M2'.*got \['M2'"),
        ({"constituents": "M2"}, "constituents must be names such as 'M2'.*got 'M2'"),
        ({"y_support": torch.zeros(2, 9, 1)}, r"must have shape \(…, shots, 1\)"),
        ({"x_query": torch.zeros(2, 5)}, r"and x_query \(…, queries, 1\), got .*\(2, 5\)"),
        ({"x_query": torch.zeros(3, 5, 1)}, "x_query"),
    ],
)
def test_bad_arguments(change: dict[str, Any], words: str) -> None:
    data = {"x_support": torch.zeros(2, 10, 1), "y_support": torch.zeros(2, 10, 1)}
    with pytest.raises(ValueError, match=words):
        harmonic_fit(**{**data, "x_query": torch.zeros(2, 5, 1), **change})
