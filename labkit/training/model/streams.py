"""Named random streams from one seed, so that no use of randomness disturbs another."""

import numpy as np
import torch


def stream(seed: int, name: str) -> torch.Generator:
    """A fresh generator for one purpose, determined by seed and name alone.

    Args:
        seed: The run's seed, ≥ 0.
        name: What the stream is for: "init", "tasks", "evaluation".

    Returns:
        A CPU generator; equal arguments give equal streams, different ones independent streams.

    Raises:
        ValueError: `seed` is not a whole number ≥ 0.

    Example:
        >>> a, b = (torch.rand(2, generator=stream(0, "tasks")) for _ in range(2))
        >>> bool((a == b).all())
        True
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number ≥ 0, got {seed!r}")
    state = np.random.SeedSequence([seed, *name.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
