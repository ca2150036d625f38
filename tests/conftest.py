"""Every test leaves the process as it found it; marks go by folders."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

MARKED_FOLDERS = {"browser": "browser", "notebooks": "kernel"}
"""Folder → the mark of all tests in it."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by their folder; take full products for `-m exhaustive` alone."""
    for item in items:
        mark = MARKED_FOLDERS.get(item.path.parent.name)
        if mark is not None:
            item.add_marker(mark)
    if "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _torch_threads() -> tuple[int, int]:
    """How many torch uses in this thread, and in one that is new."""
    with ThreadPoolExecutor(1) as new:
        return torch.get_num_threads(), new.submit(torch.get_num_threads).result()


@pytest.fixture(autouse=True)
def _globals_are_left_alone() -> Iterator[None]:
    """Random state, default dtype, thread counts and threads are the same after each test."""
    state, dtype, count = torch.get_rng_state(), torch.get_default_dtype(), _torch_threads()
    yield
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
    assert torch.get_default_dtype() is dtype
    assert _torch_threads() == count
    left = [t.name for t in threading.enumerate() if t.name.startswith("maml-lab")]
    assert not left, f"threads still run: {left}"
