"""Lines and planes through parameters, and the loss before and after adaptation on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import torch
from torch import Tensor

from labkit.core.algorithms import Algorithm
from labkit.core.checks import check_count, check_params, checked, count_tasks
from labkit.core.linalg import as_vector, from_vector, length
from labkit.core.on_policy import loss_at
from labkit.core.types import Batch, LossFn, Params
from labkit.core.vectorize import Vectorize, for_tasks, map_tasks

LEAST_SHARE = 1e-12
"""A direction that holds less of the squared lengths of a path is one of its rounding errors."""


@dataclass(frozen=True, slots=True)
class Plane:
    """The parameters origin + a d₁, or origin + a d₁ + b d₂; `Plane.through` makes one.

    Attributes:
        origin: At the coordinates 0.
        directions: D = 1 or 2, orthonormal, each like `origin`.
        basis: The same as rows, (D, elements).

    Example:
        >>> theta = {"w": torch.tensor([1.0, 1.0, 1.0])}
        >>> plane = Plane.through(theta, [{"w": torch.tensor([0.0, 3.0, 4.0])}])
        >>> plane.at(torch.tensor([5.0]))["w"]
        tensor([1., 4., 5.])
        >>> plane.project([{"w": torch.tensor([3.0, 4.0, 5.0])}])
        (tensor([[5.]]), tensor([2.]))
    """

    origin: Params
    directions: tuple[Params, ...]
    basis: Tensor

    @classmethod
    def through(cls, origin: Params, directions: Sequence[Params]) -> Self:
        """A line or a plane along one or two directions, made orthonormal (Gram–Schmidt).

        Args:
            origin: Parameters, name → tensor.
            directions: Of the form of `origin`; the first keeps its direction. Only where they
                point counts, not how long they are.

        Raises:
            ValueError: A direction does not fit `origin`, is 0, not finite or parallel to the
                other, or there are more of them than `origin` has elements.
        """
        check_params(origin)
        origin = {name: p.detach() for name, p in origin.items()}
        basis = _orthonormal(directions, origin)
        return cls(origin, tuple(from_vector(row, origin) for row in basis), basis)

    def at(self, position: Tensor) -> Params:
        """The parameters at coordinates, (D,)."""
        return from_vector(as_vector(self.origin) + position @ self.basis, self.origin)

    def project(self, path: Sequence[Params]) -> tuple[Tensor, Tensor]:
        """Coordinates of the nearest points, (steps, D), and how far those are, (steps,)."""
        off = torch.stack([as_vector(params) for params in path]).to(self.basis)
        off = off - as_vector(self.origin)
        coordinates = off @ self.basis.T
        return coordinates, length(off - coordinates @ self.basis)


def plane_losses(
    algorithm: Algorithm,
    loss_fn: LossFn,
    plane: Plane,
    positions: Tensor,
    support: Batch,
    query: Batch,
    *,
    chunk_size: int | None = None,
    vectorize: Vectorize = "auto",
) -> tuple[Tensor, Tensor]:
    """Each task's query loss before and after adaptation, at points of a plane.

    L_query,i(φ) and L_query,i(φ'_i) with φ = origin + Σ a_j d_j. All points and tasks are one batch
    of parameters; that of a meta-gradient's order changes neither loss.

    Args:
        algorithm: Any algorithm: its `adapt` leads from φ to φ'.
        loss_fn: (params, batch of one task) → 0-d loss.
        plane: Where.
        positions: Coordinates, (points, D).
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        chunk_size: Most points in memory at a time; None: all.
        vectorize: As for `labkit.meta_gradient`; False also takes one point after another.

    Returns:
        Before and after, each (points, tasks).

    Example:
        >>> from labkit.core.algorithms.maml import MAML
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> plane = Plane.through({"w": torch.tensor(0.0)}, [{"w": torch.tensor(1.0)}])
        >>> before, after = plane_losses(
        ...     MAML(alpha=0.5), loss, plane, torch.tensor([[4.0]]), torch.zeros(2), torch.zeros(2)
        ... )
        >>> before, after
        (tensor([[8., 8.]]), tensor([[2., 2.]]))
    """
    tasks = count_tasks(support, query)

    def losses(side_by_side: bool, position: Tensor) -> tuple[Tensor, Tensor]:
        shifted = plane.at(position)

        def one(support: Batch, query: Batch) -> tuple[Tensor, Tensor]:
            path = algorithm.adapt(loss_fn, shifted, support).path
            before = checked(loss_at(loss_fn, 0))(path[0], query)
            return before, checked(loss_at(loss_fn, len(path) - 1))(path[-1], query)

        return map_tasks(one, support, query, vectorize=side_by_side)

    def compute(side_by_side: bool) -> tuple[Tensor, Tensor]:
        at = partial(losses, side_by_side)
        return map_tasks(at, positions, vectorize=side_by_side, chunk_size=chunk_size)

    return for_tasks(compute, vectorize, tasks)


def adaptation_paths(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    plane: Plane,
    support: Batch,
    *,
    vectorize: Vectorize = "auto",
) -> tuple[Tensor, Tensor]:
    """Where a plane has θ_0 … θ_K of each task, adapted from θ.

    Args:
        algorithm: Any algorithm.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ.
        plane: To project on.
        support: Pytree of tensors whose first axis is the task.
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        Coordinates of the nearest points, (tasks, K + 1, D), and their distances, (tasks, K + 1).
    """

    def one(support: Batch) -> tuple[Tensor, Tensor]:
        return plane.project(algorithm.adapt(loss_fn, params, support).path)

    return for_tasks(
        lambda side_by_side: map_tasks(one, support, vectorize=side_by_side),
        vectorize,
        count_tasks(support, support),
    )


def principal_directions(path: Sequence[Params], count: int) -> tuple[tuple[Params, ...], Tensor]:
    """The directions in which a path varies most, by principal component analysis.

    With X the path less its mean, (steps, elements): the right singular vectors of X. They come
    from the eigenvectors of X Xᵀ, which is as small as the path is short.

    Args:
        path: Parameters, name → tensor, at successive times.
        count: Number of directions, ≥ 1.

    Returns:
        `count` orthonormal directions, each like the parameters and such that the path's end lies
        in its direction from the beginning; and the shares of the path's variance along all
        principal directions, s²/Σs², descending, (steps,).

    Raises:
        ValueError: The path has a number that is not finite, or varies in fewer directions.

    Source:
        Li, Xu, Taylor, Studer, Goldstein 2018, arXiv:1712.09913, §7.

    Example:
        >>> path = [{"w": torch.tensor([3.0 * t, 4.0 * t])} for t in range(3)]
        >>> (direction,), shares = principal_directions(path, 1)
        >>> direction["w"], shares[0]
        (tensor([0.6000, 0.8000]), tensor(1., dtype=torch.float64))
    """
    check_count("count", count, 1)
    rows = torch.stack([as_vector(params).detach() for params in path]).to(torch.float64)
    if not rows.isfinite().all():
        raise ValueError("the path has a number that is not finite: end it before that")
    off = rows - rows.mean(0)
    squares, vectors = torch.linalg.eigh(off @ off.T)
    squares, vectors = squares.flip(0).clamp(min=0), vectors.flip(1)
    total = squares.sum()
    shares = squares / total if total > 0 else torch.zeros_like(squares)
    varies = int((shares > LEAST_SHARE).sum())
    if varies < count:
        raise ValueError(
            f"a path of {len(path)} points varies in {varies} directions, and {count} are wanted: "
            "give a longer path"
        )
    directions = vectors.T[:count] @ off
    directions = directions / length(directions)[:, None]
    ahead = directions @ (rows[-1] - rows[0])
    directions = torch.where(ahead < 0, -1.0, 1.0)[:, None] * directions
    return tuple(from_vector(row, path[-1]) for row in directions), shares


def _orthonormal(directions: Sequence[Params], params: Params) -> Tensor:
    """One or two directions as orthonormal rows, (D, elements)."""
    if isinstance(directions, Mapping) or len(directions) not in (1, 2):
        raise ValueError(
            f"directions must be a list of one or two dicts like params, got {len(directions)} "
            f"in a {type(directions).__name__}"
        )
    shapes = {name: tuple(p.shape) for name, p in params.items()}
    elements = len(as_vector(params))
    if len(directions) > elements:
        raise ValueError(
            f"a plane takes two parameters or more, and params has {elements}: give one direction"
        )
    rows: list[Tensor] = []
    for direction in directions:
        got = {name: tuple(d.shape) for name, d in direction.items()}
        if got != shapes:
            raise ValueError(f"a direction must have the shapes of params, {shapes}, got {got}")
        vector = as_vector(direction).detach()
        rest = vector / length(vector)
        for row in rows * 2:  # twice: once leaves rounding errors of nearly parallel ones
            rest = rest - (row @ rest) * row
        if not length(rest) > 1e-4:
            raise ValueError(
                "directions must be finite, not 0, and not parallel to one another: give another, "
                "for example from random_directions"
            )
        rows.append(rest / length(rest))
    return torch.stack(rows).to(as_vector(params).dtype)
