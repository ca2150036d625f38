"""The extreme eigenvalues of a symmetric matrix that is known by its products alone."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from labkit.core.linalg.vectors import length

Matrix: TypeAlias = Callable[[Tensor], Tensor]
"""v ↦ A v for a symmetric A."""


def spectrum_ends(matrix: Matrix, start: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lowest and highest eigenvalue λ of a symmetric matrix A, and how far they have settled.

    With Q an orthonormal basis of span(v, Av, A²v, …): the ends of the spectrum of QᵀAQ, which
    approach those of A from inside.

    Args:
        matrix: v ↦ A v, for v of shape (n,).
        start: v, (n,), with a part along every eigenvector: drawn at random.
        steps: Number of products, ≥ 1; more than n change nothing.

    Returns:
        Lowest λ, highest λ, and the larger ‖Av − λv‖ of the two, for the unit vectors v that belong
        to them: A has an eigenvalue that near to each. nan if A v is not finite.

    Source:
        Lanczos' method with full reorthogonalisation: Golub, Van Loan 2013, Matrix Computations,
        §10.1 and §10.3; the bound: Parlett 1998, The Symmetric Eigenvalue Problem, theorem 4.5.1.

    Example:
        >>> diagonal = torch.tensor([-3.0, 1.0, 2.0], dtype=torch.float64)
        >>> ends = spectrum_ends(lambda v: diagonal * v, torch.ones_like(diagonal), steps=3)
        >>> [round(float(value), 9) for value in ends[:2]]
        [-3.0, 2.0]
    """
    vector, basis, images = start / length(start), [], []
    for _ in range(min(steps, start.numel())):
        basis.append(vector)
        images.append(matrix(vector))
        span, rest = torch.stack(basis), images[-1]
        for _ in range(2):  # once leaves rounding errors of the size of what is removed
            rest = rest - (span @ rest) @ span
        left = length(rest)
        alive = left > 10 * torch.finfo(left.dtype).eps * length(images[-1])
        vector = torch.where(alive, rest / torch.where(alive, left, 1.0), 0.0)
    span, image = torch.stack(basis), torch.stack(images)
    small = span @ image.T
    # the space may be exhausted early: what then is 0 in the basis gets a value inside the spectrum
    exhausted = (span == 0).all(-1)
    small = (small + small.T) / 2 + torch.diag(torch.where(exhausted, small[0, 0], 0.0))
    # a diverged task has no spectrum, and must not stop the others
    finite = small.isfinite().all()
    values, vectors = torch.linalg.eigh(torch.where(finite, small, 0.0))
    values = torch.where(finite, values, torch.nan)
    residuals = [
        length(vectors[:, i] @ image - values[i] * (vectors[:, i] @ span)) for i in (0, -1)
    ]
    return values[0], values[-1], torch.maximum(*residuals)
