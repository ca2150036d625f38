"""Warm runs: the same numbers as others, killed with their kernels, forked from a single thread."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import RunFolder
from labkit.experiments.runs.runner import WarmRuns, run
from labkit.session import RunProgress

FEW = {"meta_steps": 20, "meta_batch": 3}

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only"),
    pytest.mark.kernel,
]


EARLIER: set[psutil.Process] = set()
"""Below this process before these tests, such as servers for the browser."""


@pytest.fixture(scope="module")
def runs() -> Iterator[WarmRuns]:
    EARLIER.update(psutil.Process().children(recursive=True))
    with WarmRuns() as runs:
        yield runs
    assert not left_over()


def left_over(but: int | None = None) -> list[psutil.Process]:
    """Processes of runs that are still there a moment later."""
    now = set(psutil.Process().children(recursive=True)) - EARLIER
    children = [process for process in now if process.pid != but]
    alive: list[psutil.Process] = psutil.wait_procs(children, timeout=5)[1]
    return alive


def test_same_numbers_as_a_run_in_a_new_process(runs: WarmRuns, tmp_path: Path) -> None:
    plan = Plan.of("01_sinusoid", FEW)
    seen: list[RunProgress] = []
    assert runs.run(plan, tmp_path / "warm", progress=seen.append).state == "done"
    assert run(plan, tmp_path / "cold").state == "done"
    warm, cold = RunFolder(tmp_path / "warm").result, RunFolder(tmp_path / "cold").result
    assert warm.metrics == cold.metrics
    assert warm.provenance["threads"] == cold.provenance["threads"]
    assert {run.phase for run in seen} <= {"importing", "starting", "training", "measuring"}
    assert [run.meta_step for run in seen] == sorted(run.meta_step for run in seen)
    last = seen[-1]
    assert (last.phase, last.meta_step, last.meta_steps) == ("measuring", 20, 20)
    assert [point[0] for point in last.curve] == list(range(1, 21))
    training = RunFolder(tmp_path / "warm").result.curves["training"]
    assert [point[2] for point in last.curve] == training["loss_after"].tolist()
    assert RunFolder(tmp_path / "warm").progress == last
    assert runs._server is not None
    tasks = Path(f"/proc/{runs._server.pid}/task").glob("*/comm")
    # jemalloc, which pyarrow brings, prepares its thread for forks itself
    assert {task.read_text().strip() for task in tasks} <= {"python", "jemalloc_bg_thd"}
    assert not left_over(but=runs._server.pid)


def test_a_failed_run_and_one_that_takes_too_long(runs: WarmRuns, tmp_path: Path) -> None:
    wrong = Plan.of("05_few_shot_images", {"ways": 2000, "meta_steps": 1})
    status = runs.run(wrong, tmp_path / "wrong")
    assert status.state == "failed"
    assert "ways=2000, but there are 728 classes" in str(status.error)
    assert "728 classes" in (tmp_path / "wrong" / "notebook.ipynb").read_text()

    long = Plan.of("01_sinusoid", {"meta_steps": 1_000_000})
    begun = time.monotonic()
    status = runs.run(long, tmp_path / "long", timeout=4)
    assert status.error == "TimeoutError: not done after 4 s"
    assert time.monotonic() - begun < 60
    assert runs._server is not None
    assert not left_over(but=runs._server.pid)


def test_the_process_that_forks_is_replaced_when_it_has_died(
    runs: WarmRuns, tmp_path: Path
) -> None:
    assert runs._server is not None
    runs._server.kill()
    runs._server.wait()
    status = runs.run(Plan.of("01_sinusoid", {"meta_steps": 1}), tmp_path / "run")
    assert status.state == "done"
