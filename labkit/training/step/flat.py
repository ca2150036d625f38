"""θ as flat vectors, so that one operation moves all of it."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from labkit.core import Params


@final
class Layout:
    """Where each tensor of θ lies in flat vectors: one for each type of number and device.

    Complex numbers lie there as pairs of real ones.

    Args:
        params: θ, or tensors like its own.

    Example:
        >>> params = {"w": torch.ones(2, 2), "b": torch.zeros(2)}
        >>> layout = Layout(params)
        >>> layout.flat(params)
        [tensor([1., 1., 1., 1., 0., 0.])]
        >>> layout.params([torch.arange(6.0)])["b"]
        tensor([4., 5.])
    """

    def __init__(self, params: Params) -> None:
        self._shapes = {name: p.shape for name, p in params.items()}
        self._groups: dict[tuple[torch.dtype, torch.device], list[str]] = {}
        for name, p in params.items():
            self._groups.setdefault((p.dtype, p.device), []).append(name)
        self.names = tuple(params)
        """Names of θ's tensors, in their order."""

    def flat(self, params: Params) -> list[Tensor]:
        """The vectors, each real and of one axis."""
        vectors = []
        for (dtype, _), names in self._groups.items():
            vector = torch.cat([params[name].flatten() for name in names])
            vectors.append(torch.view_as_real(vector).flatten() if dtype.is_complex else vector)
        return vectors

    def params(self, vectors: Sequence[Tensor]) -> Params:
        """The tensors of θ, as views of the vectors."""
        found: Params = {}
        for ((dtype, _), names), vector in zip(self._groups.items(), vectors, strict=True):
            whole = torch.view_as_complex(vector.view(-1, 2)) if dtype.is_complex else vector
            parts = torch.split(whole, [self._shapes[name].numel() for name in names])
            found |= {n: part.view(self._shapes[n]) for n, part in zip(names, parts, strict=True)}
        return {name: found[name] for name in self.names}

    def spread(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """One value of each vector → the same for each tensor of θ that lies in it."""
        groups = zip(self._groups.values(), values, strict=True)
        found = {name: value for names, value in groups for name in names}
        return {name: found[name] for name in self.names}

    def gathered(self, values: dict[str, Tensor]) -> list[Tensor]:
        """What `spread` was given."""
        return [values[names[0]] for names in self._groups.values()]
