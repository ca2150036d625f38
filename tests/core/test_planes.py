"""Planes through parameters: their directions against numpy's SVD, and what cannot span one."""

import numpy as np
import pytest
import torch

from labkit.core import Params, Plane, principal_directions
from labkit.core.linalg import as_vector


def wandering(steps: int, seed: int = 0) -> list[Params]:
    """θ at successive times: two tensors, five elements."""
    generator = torch.Generator().manual_seed(seed)
    walk = torch.randn(steps, 5, generator=generator, dtype=torch.float64).cumsum(0)
    return [{"b": row[:2], "a": row[2:].reshape(3, 1)} for row in walk]


def test_principal_directions_are_those_of_numpys_svd() -> None:
    path = wandering(7)
    rows = np.stack([as_vector(params).numpy() for params in path])
    _, values, vectors = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    directions, shares = principal_directions(path, 3)
    np.testing.assert_allclose(shares[:5], values**2 / (values**2).sum(), rtol=1e-9)
    assert float(shares.sum()) == pytest.approx(1)
    for direction, vector in zip(directions, vectors, strict=False):
        ahead = vector * np.sign(vector @ (rows[-1] - rows[0]))
        np.testing.assert_allclose(as_vector(direction), ahead, atol=1e-9)
        assert direction["a"].shape == (3, 1)


def test_a_path_is_projected_as_by_least_squares() -> None:
    path, (one, other) = wandering(6), wandering(2, seed=3)
    plane = Plane.through(path[2], [one, other])
    coordinates, distances = plane.project(path)
    spanned = torch.stack([as_vector(one), as_vector(other)], 1).numpy()  # not orthonormal
    for params, position, distance in zip(path, coordinates, distances, strict=True):
        off = (as_vector(params) - as_vector(path[2])).numpy()
        nearest = spanned @ np.linalg.lstsq(spanned, off, rcond=None)[0]
        there = as_vector(plane.at(position)) - as_vector(path[2])
        np.testing.assert_allclose(there, nearest, atol=1e-12)
        assert float(distance) == pytest.approx(np.linalg.norm(off - nearest), abs=1e-12)


def test_what_spans_no_plane_is_refused() -> None:
    still = wandering(1) * 4
    for path, words in (
        (still, "a path of 4 points varies in 0 directions, and 2 are wanted"),
        (wandering(2), "a path of 2 points varies in 1 directions"),
        ([*wandering(3), {"b": torch.full((2,), torch.nan), "a": torch.ones(3, 1)}], "not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            principal_directions(path, 2)
    with pytest.raises(ValueError, match="two parameters or more, and params has 1: give one"):
        Plane.through({"w": torch.ones(1)}, [{"w": torch.ones(1)}, {"w": -torch.ones(1)}])
