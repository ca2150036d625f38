"""Vectors over parameters, and Krylov methods on them."""

from labkit.core.linalg.conjugate_gradient import conjugate_gradient
from labkit.core.linalg.lanczos import Matrix, spectrum_ends
from labkit.core.linalg.vectors import (
    angle_between,
    as_vector,
    from_vector,
    inner_product,
    length,
    ratio,
)

__all__ = [
    "Matrix",
    "angle_between",
    "as_vector",
    "conjugate_gradient",
    "from_vector",
    "inner_product",
    "length",
    "ratio",
    "spectrum_ends",
]
