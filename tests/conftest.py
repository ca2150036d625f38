"""What all tests share: marks, which of them run in parallel, and a process left as it was."""

import os
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# before torch is imported. Workers of pytest-xdist that each take all cores, and what they start,
# wait for each other most of the time
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))

import torch  # noqa: E402

from labkit.experiments import WarmRuns  # noqa: E402
from tests.warm_kernels import offered, warm_kernels  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    """Offer warm kernels to all workers, from their parent."""
    config.pluginmanager.register(NotebooksInWarmKernels())
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        stack.enter_context(offered())
        config.add_cleanup(stack.close)


@final
class NotebooksInWarmKernels:
    """Notebooks that nbval compares run in warm kernels; they lie outside this folder."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Start a notebook's kernel, which its first cell does."""
        with pytest.MonkeyPatch.context() as patch:
            if item.path.suffix == ".ipynb":
                for name, value in warm_kernels().items():
                    patch.setenv(name, value)
            return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by folder and by file; the full products run with `-m exhaustive` alone."""
    for item in items:
        in_browser = item.path.is_relative_to(Path(__file__).parent / "browser")
        if in_browser:
            item.add_marker("browser")
        elif item.path.suffix == ".ipynb":
            item.add_marker("kernel")
    # what takes long begins first, and small files fill in the end
    items.sort(key=_rank)
    if "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@final
class FileByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """One worker of pytest-xdist runs all tests of a file, and one all that use a browser.

    Tests of a file share fixtures or a notebook's kernel; browser tests a browser and its servers.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than there are cores, since pages, kernels and runs wait a lot."""
    return min(4, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileByFile:
    """Begin files in the order in which they were collected, not those with most tests first."""
    config.option.loadscopereorder = False
    return FileByFile(config, log)


def _rank(item: pytest.Item) -> int:
    marks = {mark.name for mark in item.iter_markers()}
    if "browser" in marks:
        return 0
    if item.path.suffix == ".ipynb":  # one of them trains for most of a minute
        return 1
    return 2 if "kernel" in marks else 3


def _torch_threads() -> tuple[int, int]:
    """How many torch uses in this thread, and in one that is new."""
    with ThreadPoolExecutor(1) as new:
        return torch.get_num_threads(), new.submit(torch.get_num_threads).result()


@pytest.fixture(scope="session")
def warm_runs() -> Iterator[WarmRuns]:
    """What executes runs for all tests of a worker that do not look at a run's own processes."""
    with WarmRuns() as runs:
        yield runs


@pytest.fixture
def warm_commands(warm_runs: WarmRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """`labkit run` and `rerun` execute notebooks in that way."""
    monkeypatch.setattr("labkit.cli.run.execute", warm_runs.run)
    monkeypatch.setattr("labkit.cli.rerun.execute", warm_runs.run)


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
