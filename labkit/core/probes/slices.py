"""The meta-loss around θ, on a line or a plane through it, with the paths of adaptation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.core.algorithms import Algorithm
from labkit.core.checks import check_count, check_params, check_positive
from labkit.core.linalg import as_vector
from labkit.core.probes.planes import Plane, adaptation_paths, plane_losses
from labkit.core.types import Batch, LossFn, Params
from labkit.core.vectorize import Vectorize


@dataclass(frozen=True, slots=True)
class MetaLossSlice:
    """What `slice_meta_loss` returns, for D = 1 or 2 directions.

    Attributes:
        coordinates: Where the grid is along each direction, in units of θ, shape (points,); the
            middle one is 0, which is θ itself.
        loss: Query loss after adaptation, mean over the tasks, shape (points,) for D = 1, or
            (points, points) for D = 2; the first axis belongs to the first direction.
        before: The same before adaptation.
        paths: Coordinates of θ_0 … θ_K of each task, adapted from θ, along the directions, shape
            (tasks, K + 1, D).
        distances: How far those are from the line or plane, in units of θ, shape (tasks, K + 1).
        directions: The D directions, orthonormal, each like `params`.
    """

    coordinates: Tensor
    loss: Tensor
    before: Tensor
    paths: Tensor
    distances: Tensor
    directions: tuple[Params, ...]


def slice_meta_loss(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    directions: Sequence[Params],
    radius: float,
    points: int,
    vectorize: Vectorize = "auto",
) -> MetaLossSlice:
    """Evaluate the loss before and after adaptation around θ, along one or two directions.

    F(θ + a d₁ + b d₂) with F(θ) = (1/n) Σ_i L_query,i(θ'_i), for a and b from −radius to radius.
    d₁ and d₂ are made orthonormal (Gram–Schmidt: d₁ keeps its direction), so coordinates are
    Euclidean lengths, and the path's coordinates ⟨θ_k − θ, d⟩ are those of the nearest point.

    Args:
        algorithm: Any algorithm: its `adapt` leads from θ to θ'. Loss weights do not count.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        directions: One or two of the form of `params`, for example a meta-gradient's `params`, or
            from `random_directions`; only where they point counts, not how long they are.
        radius: Half the width of the grid, > 0, in units of θ.
        points: Grid points along each direction, odd and ≥ 3; one row of them, for all tasks, is
            in memory at a time.
        vectorize: As for `labkit.meta_gradient`; False also takes one grid point after another.

    Returns:
        `MetaLossSlice`: losses on the grid, and the adaptation paths projected onto it.

    Raises:
        ValueError: An argument is out of its range, or a direction does not fit `params`, is 0 or
            is parallel to the other; or as for `labkit.meta_gradient`.

    Source:
        Li, Xu, Taylor, Studer, Goldstein 2018, arXiv:1712.09913, §3 and §7.

    Example:
        From w, a step of α = 0.5 on w²/2 leads to w/2, of loss (w/2 − 1)²/2, where it was
        (w − 1)²/2. The path from 4 to 2 has the coordinates 0 and −2.

        >>> from labkit.core.algorithms.maml import MAML
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> theta, up = {"w": torch.tensor(4.0)}, {"w": torch.tensor(9.0)}
        >>> found = slice_meta_loss(
        ...     MAML(alpha=0.5), loss, theta, torch.zeros(1), torch.ones(1),
        ...     directions=[up], radius=2.0, points=3,
        ... )
        >>> found.coordinates, found.loss
        (tensor([-2.,  0.,  2.]), tensor([0.0000, 0.5000, 2.0000]))
        >>> found.before
        tensor([ 0.5000,  4.5000, 12.5000])
        >>> found.paths.flatten(), found.distances
        (tensor([ 0., -2.]), tensor([[0., 0.]]))
    """
    check_positive("radius", radius)
    check_count("points", points, 3)
    if points % 2 == 0:
        raise ValueError(f"points must be odd to put θ on the grid, got {points}")
    plane = Plane.through(params, directions)
    theta = as_vector(plane.origin)
    coordinates = torch.linspace(-radius, radius, points, dtype=theta.dtype, device=theta.device)
    coordinates[points // 2] = 0.0
    grid = torch.cartesian_prod(*[coordinates] * len(plane.basis)).reshape(-1, len(plane.basis))
    before, loss = plane_losses(
        algorithm, loss_fn, plane, grid, support, query, chunk_size=points, vectorize=vectorize
    )
    paths, distances = adaptation_paths(
        algorithm, loss_fn, plane.origin, plane, support, vectorize=vectorize
    )
    shape = (points,) * len(plane.basis)
    return MetaLossSlice(
        coordinates=coordinates,
        loss=loss.mean(1).reshape(shape),
        before=before.mean(1).reshape(shape),
        paths=paths,
        distances=distances,
        directions=plane.directions,
    )


def random_directions(params: Params, count: int, generator: torch.Generator) -> tuple[Params, ...]:
    """Draw random directions with, in each tensor, the norm that θ has there.

    Such a direction changes each tensor in proportion to its size. This makes slices of two models
    comparable whose layers are scaled differently. A tensor of zeros stays as it is.

    Args:
        params: θ, name → tensor.
        count: Number of directions, ≥ 1.
        generator: Draws them.

    Returns:
        `count` directions, each like `params`.

    Raises:
        ValueError: `count` is below 1 or not whole.

    Source:
        Li, Xu, Taylor, Studer, Goldstein 2018, arXiv:1712.09913, §4; per tensor, where they take
        each filter.

    Example:
        >>> theta = {"w": torch.tensor([3.0, 4.0]), "b": torch.zeros(1)}
        >>> (drawn,) = random_directions(theta, 1, torch.Generator().manual_seed(0))
        >>> drawn["w"].norm(), drawn["b"].norm()
        (tensor(5.), tensor(0.))
    """
    check_count("count", count, 1)
    check_params(params)

    def draw(p: Tensor) -> Tensor:
        noise = torch.randn(p.shape, generator=generator, dtype=p.dtype, device=generator.device)
        noise = noise.to(p.device)
        scaled: Tensor = noise * (p.detach().norm() / noise.norm())
        return scaled

    return tuple({name: draw(p) for name, p in params.items()} for _ in range(count))
