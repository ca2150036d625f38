"""Dropout and other randomness inside modules: from a stream of its own, not the global one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from labkit.training.model.streams import stream

_ALONE = threading.RLock()


@contextmanager
def private_randomness(seed: int, name: str, device: torch.device) -> Iterator[None]:
    """Let modules draw from the stream `name` while the block runs.

    Modules know only torch's global generator, so that its state is set aside and put back. Other
    threads that come here wait meanwhile.

    Args:
        seed: The run's seed.
        name: What the numbers are for; the same seed and name give the same numbers.
        device: Where the module runs.
    """
    start = int(torch.randint(2**62, (), generator=stream(seed, name)))
    cuda = [device] if device.type == "cuda" else []
    with _ALONE, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(start)
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(start)
        yield


def random_state(device: torch.device) -> bytes:
    """What tells whether random numbers were drawn in between."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return b"".join(state.numpy().tobytes() for state in states)
