"""Every test leaves the process as it found it."""

import threading
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _globals_are_left_alone() -> Iterator[None]:
    """Random state, default dtype, thread count and threads are the same after each test."""
    state, dtype, count = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    yield
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
    assert torch.get_default_dtype() is dtype
    assert torch.get_num_threads() == count
    left = [t.name for t in threading.enumerate() if t.name.startswith("maml-lab")]
    assert not left, f"threads still run: {left}"
