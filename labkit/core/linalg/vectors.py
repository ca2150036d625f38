"""Parameters as one vector, with the products, lengths and angles that are taken of them."""

from typing import Any

import torch
from torch import Tensor

from labkit.core.pytrees import tree_leaves, tree_map
from labkit.core.types import Params


def as_vector(params: Params) -> Tensor:
    """All tensors as one real vector, by name; a complex one as real and imaginary parts.

    Example:
        >>> as_vector({"w": torch.tensor([[1.0, 2.0]]), "b": torch.tensor(3.0)})
        tensor([3., 1., 2.])
    """
    parts = (params[name] for name in sorted(params))
    return torch.cat([(torch.view_as_real(p) if p.is_complex() else p).flatten() for p in parts])


def from_vector(vector: Tensor, like: Params) -> Params:
    """What `as_vector` took, with the shapes and dtypes of `like`."""
    parts, start = {}, 0
    for name in sorted(like):
        p = like[name]
        shape = (*p.shape, 2) if p.is_complex() else p.shape
        end = start + p.numel() * (2 if p.is_complex() else 1)
        part = vector[start:end].reshape(shape).to(p.real.dtype)
        parts[name] = torch.view_as_complex(part) if p.is_complex() else part
        start = end
    return {name: parts[name] for name in like}


def inner_product(one: Any, other: Any) -> Tensor:
    """Re⟨one, other⟩ over all tensors of two pytrees of the same structure, 0-d."""
    products = tree_map(lambda a, b: (a.conj() * b).real.sum(), one, other)
    return torch.stack(tree_leaves(products)).sum()


def length(vector: Tensor) -> Tensor:
    """The Euclidean norm along the last axis, also where squares would overflow or vanish."""
    largest = vector.abs().amax(-1, keepdim=True)
    scaled: Tensor = vector / torch.where(largest > 0, largest, 1.0)
    return scaled.square().sum(-1).sqrt() * largest[..., 0]


def ratio(one: Tensor, to: Tensor) -> Tensor:
    """One / to; nan where `to` is 0."""
    return torch.where(to == 0, torch.nan, one / to)


def angle_between(one: Tensor, other: Tensor) -> Tensor:
    """Degrees between vectors along the last axis, accurate also where they are nearly parallel.

    2 atan2(‖u − v‖, ‖u + v‖) of the unit vectors u and v; nan where a vector is 0.

    Source:
        Kahan 2006, "How futile are mindless assessments of roundoff in floating-point
        computation?", §12.

    Example:
        >>> angle_between(torch.tensor([1.0, 0.0]), torch.tensor([-3.0, 3.0]))
        tensor(135.)
        >>> angle_between(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1e-6])) > 5e-5
        tensor(True)
    """
    u, v = (vector / length(vector).unsqueeze(-1) for vector in (one, other))
    return torch.rad2deg(2 * torch.atan2(length(u - v), length(u + v)))
