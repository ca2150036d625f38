"""Named random streams from one seed, also for randomness inside modules such as dropout."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_GLOBAL_GENERATOR = threading.RLock()


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


@contextmanager
def private_randomness(seed: int, name: str, device: torch.device) -> Iterator[None]:
    """Let modules draw from the stream `name` while the block runs.

    Modules know only torch's global generator: its state is saved and restored. Other threads wait
    here meanwhile.

    Args:
        seed: The run's seed.
        name: What the numbers are for; the same seed and name give the same numbers.
        device: Where the module runs.
    """
    start = int(torch.randint(2**62, (), generator=stream(seed, name)))
    cuda = [device] if device.type == "cuda" else []
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(start)
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(start)
        yield


def random_state(device: torch.device) -> bytes:
    """The state of the global generators, which changes when random numbers are drawn."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return b"".join(state.numpy().tobytes() for state in states)
