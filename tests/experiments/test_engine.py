"""Workers that die, schedulers that do not answer, and nothing that outlives a sweep."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from labkit.experiments import engine
from labkit.experiments.conversation import Stopped, stop_runs
from labkit.experiments.design import SweepDesign
from labkit.experiments.engine import SchedulerError, SchedulerGoneError, workers
from labkit.experiments.plan import Plan
from labkit.experiments.run_folder import RunFolder
from labkit.experiments.running import run
from labkit.experiments.sweep import sweep
from tests.experiments.tiny_notebook import tiny_notebook

# dask's own, while it closes
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _no_process_outlives_a_test() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs(left, timeout=10)
    # spawned by multiprocessing once for the whole process
    alive = [p for p in alive if "resource_tracker" not in " ".join(p.cmdline())]
    for process in alive:
        process.kill()
    assert not alive


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.05)


EARLIER: set[psutil.Process] = set()
"""Below this process before these tests: servers for the browser, with kernels perhaps."""


@pytest.fixture(scope="module", autouse=True)
def _earlier() -> None:
    EARLIER.update(psutil.Process().children(recursive=True))


def runs_of(parent: int) -> list[psutil.Process]:
    """The processes of runs below a process, with their kernels."""
    found = []
    for process in set(psutil.Process(parent).children(recursive=True)) - EARLIER:
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if "labkit.experiments.execution" in line or "ipykernel_launcher" in line:
                found.append(process)
    return found


def kernels_of(parent: int) -> list[psutil.Process]:
    found = []
    for process in runs_of(parent):
        with contextlib.suppress(psutil.Error):
            if "ipykernel_launcher" in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan.of(tiny_notebook(tmp_path), {"seconds": 600.0})


def test_a_stopped_run_ends_with_its_kernel_and_has_not_failed(plan: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "tries" / "one"
    kernels = []

    def stop() -> None:
        until(lambda: kernels_of(os.getpid()))
        kernels.extend(kernels_of(os.getpid()))
        stop_runs(tmp_path / "others")
        stop_runs(tmp_path / "tries")

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Stopped):
        run(plan, folder)
    stopper.join()
    assert psutil.wait_procs(kernels, timeout=10)[1] == []
    status = RunFolder(folder).status
    assert status is not None
    assert status.state == "running"


def test_a_run_that_takes_too_long_is_killed_with_its_kernel(plan: Plan, tmp_path: Path) -> None:
    status = run(plan, tmp_path / "run", timeout=5)
    assert (status.state, status.error) == ("failed", "TimeoutError: not done after 5 s")
    assert runs_of(os.getpid()) == []


def test_a_run_ends_when_who_wants_it_is_killed(plan: Plan, tmp_path: Path) -> None:
    code = (
        "import sys; from labkit.experiments.plan import Plan\n"
        "from labkit.experiments.running import run\n"
        "run(Plan.of(sys.argv[1], {'seconds': 600.0}), sys.argv[2])"
    )
    command = [sys.executable, "-P", "-c", code, str(plan.notebook.path), str(tmp_path / "run")]
    with subprocess.Popen(command) as process:
        until(lambda: kernels_of(process.pid))
        begun = runs_of(process.pid)
        process.kill()
    assert len(begun) >= 2
    # less than the second in which a kernel itself looks for its parent
    assert psutil.wait_procs(begun, timeout=10)[1] == []


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Two workers and a scheduler on the loopback: its address, and their processes."""
    where = folder / "scheduler.json"
    dask = [sys.executable, "-P", "-m", "distributed.cli.dask_spec"]
    scheduler = [
        *dask, "--spec", f'{{"cls": "distributed.Scheduler", "opts": {{"host": "127.0.0.1", '
        f'"port": 0, "dashboard": false, "scheduler_file": "{where}"}}}}',
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:

        def begin(command: list[str]) -> int:
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process.pid

        pid = begin(scheduler)
        until(where.is_file)
        from distributed import Client  # noqa: PLC0415

        with Client(scheduler_file=str(where)) as client:
            address = client.scheduler.address
            worker = [*dask, address, "--spec", '{"cls": "distributed.Worker", "opts": '
                      '{"nthreads": 1, "host": "127.0.0.1", "dashboard": false}}']  # fmt: skip
            pids = [begin(worker) for _ in range(2)]
            client.wait_for_workers(2, timeout=120)
        yield address, [*pids, pid]


def test_each_run_ends_once_though_a_worker_is_killed(tmp_path: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), parameters={"seconds": 0.5}, seeds=6)
    folder = tmp_path / "sweep"
    with cluster(tmp_path) as (address, pids):
        orphans = []

        def kill() -> None:
            until(lambda: kernels_of(pids[0]))
            orphans.extend(runs_of(pids[0]))
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        runs = sweep(design, folder, scheduler=address)
        killer.join()
        assert orphans
        assert psutil.wait_procs(orphans, timeout=10)[1] == []
    assert [status.state for _, status in runs] == ["done"] * 6
    assert sorted(p.name for p in (folder / "runs").iterdir()) == sorted(p.id for p, _ in runs)
    values = [RunFolder(folder / "runs" / p.id).result.metrics["value"] for p, _ in runs]
    assert values == [0.1 + seed for seed in range(6)]
    assert not (folder / ".tries").exists()


def test_a_scheduler_that_goes_ends_the_sweep(tmp_path: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), parameters={"seconds": 600.0}, seeds=3)
    with cluster(tmp_path) as (address, pids):
        orphans = []

        def kill() -> None:
            until(lambda: kernels_of(pids[0]))
            orphans.extend(runs_of(pids[0]))
            os.kill(pids[-1], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(SchedulerGoneError, match="the scheduler has gone"):
            sweep(design, tmp_path / "sweep", scheduler=address)
        killer.join()
    assert psutil.wait_procs(orphans, timeout=10)[1] == []


def test_workers_of_ones_own_share_the_cores_and_leave_nothing(tmp_path: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), grid={"kind": ("good", "bad")}, seeds=2)
    runs = sweep(design, tmp_path / "sweep", jobs=2)
    assert [status.state for _, status in runs] == ["done", "done", "failed", "failed"]
    assert runs[-1][1].error == "RuntimeError: as asked"
    result = RunFolder(tmp_path / "sweep" / "runs" / runs[0][0].id).result
    assert result.metrics["threads"] == max(1, len(os.sched_getaffinity(0)) // 2)


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 1.0)
    with (
        pytest.raises(SchedulerError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        workers(scheduler="tcp://127.0.0.1:9"),
    ):
        pass
    with pytest.raises(SchedulerError, match="no Dask scheduler answers at nonsense"):
        workers(scheduler="nonsense").__enter__()
