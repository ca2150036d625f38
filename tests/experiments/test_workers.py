"""Workers that die, schedulers that do not answer, and nothing that outlives a sweep."""

import contextlib
import os
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from labkit.experiments.kernels.protocol import NO_ANSWER, Stopped, StopSwitch
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import RunFolder, Status
from labkit.experiments.runs.runner import WarmRuns, run
from labkit.experiments.sweeps import workers as workers_module
from labkit.experiments.sweeps.design import SweepDesign
from labkit.experiments.sweeps.gpus import visible_gpus
from labkit.experiments.sweeps.grid import sweep
from labkit.experiments.sweeps.sweep_folder import SweepFolder
from labkit.experiments.sweeps.workers import SchedulerError, SchedulerGoneError, workers
from labkit.session import ParameterError
from tests.experiments.tiny_notebook import (
    alive_after,
    kernels,
    light_fork_servers,
    tiny_notebook,
)

# dask's own, while it closes
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.kernel,
]


@pytest.fixture(autouse=True)
def light(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Python looks for what it executes when a process begins."""
    folder = tmp_path_factory.mktemp("light")
    light_fork_servers(folder, monkeypatch)
    return folder


@pytest.fixture(autouse=True)
def _no_process_outlives_a_test() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs([p for p in left if not _is_tracker(p)], timeout=10)
    for process in alive:
        process.kill()
    assert not alive


def _is_tracker(process: psutil.Process) -> bool:
    """Whether multiprocessing has started it, once for the whole process."""
    with contextlib.suppress(psutil.Error):
        return "resource_tracker" in " ".join(process.cmdline())
    return False


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.05)


def below(parent: int) -> list[psutil.Process]:
    """All that a process has started, and what that has."""
    children: list[psutil.Process] = psutil.Process(parent).children(recursive=True)
    return children


def servers() -> set[psutil.Process]:
    """Processes from which runs are forked, and those that have been."""
    result = set()
    for process in below(os.getpid()):
        with contextlib.suppress(psutil.Error):
            if "fork_server" in " ".join(process.cmdline()):
                result.add(process)
    return result


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan.of(tiny_notebook(tmp_path), {"seconds": 600.0})


@pytest.fixture(params=["cold", "warm"])
def making(request: pytest.FixtureRequest) -> Iterator[Callable[..., Status]]:
    """How a run is made."""
    with WarmRuns() as runs:
        yield run if request.param == "cold" else runs.run


def test_a_run_that_is_stopped_ends_with_its_kernel_and_has_not_failed(
    plan: Plan, tmp_path: Path
) -> None:
    switches = {"cold": StopSwitch(), "warm": None}
    with WarmRuns() as runs, ThreadPoolExecutor(2) as threads:
        before = set(below(os.getpid()))
        under_way = [
            threads.submit(run, plan, tmp_path / "cold", switch=switches["cold"]),
            threads.submit(runs.run, plan, tmp_path / "warm"),
        ]
        until(lambda: len(kernels(tmp_path, os.getpid())) == 2)
        begun = set(below(os.getpid())) - before
        assert len(begun) == 5  # two of the cold run, three of the warm one
        switches["cold"].stop()  # type: ignore[union-attr]
        runs.close()
        for future in under_way:
            with pytest.raises(Stopped):
                future.result()
    assert alive_after(begun) == []
    for kind in switches:
        status = RunFolder(tmp_path / kind).status
        assert status is not None
        assert status.state == "running"


def test_runs_that_take_too_long_are_killed_with_their_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    good = Plan.of(tiny_notebook(tmp_path), {})
    deaf = Plan.of(good.notebook, {"kind": "deaf"})
    before = set(below(os.getpid()))
    with WarmRuns() as runs, ThreadPoolExecutor(2) as threads:
        # what warm runs are forked from imports much at first
        assert runs.run(good, tmp_path / "first").state == "done"
        under_way = [
            threads.submit(making, deaf, tmp_path / name, timeout=10)
            for name, making in (("cold", run), ("warm", runs.run))
        ]
        for status in (future.result() for future in under_way):
            assert (status.state, status.error) == ("failed", "TimeoutError: not done after 10 s")
        begun = [int(path.name.removeprefix("kernel-")) for path in tmp_path.glob("kernel-*")]
        assert len(begun) == 3
        until(lambda: not any(psutil.pid_exists(kernel) for kernel in begun), 10)
        assert len(set(below(os.getpid())) - before) == 1  # that from which warm runs are forked
    left = [path.name for path in scratch.rglob("*")]
    assert not [name for name in left if name.endswith((".json", ".sqlite", "profile_default"))]


WANTED = """
import sys
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.runner import run
from labkit.experiments.runs.runner import WarmRuns
making = {"cold": run, "warm": WarmRuns().run}[sys.argv[1]]
making(Plan.of(sys.argv[2], {"kind": "deaf"}), sys.argv[3])
"""


@pytest.mark.parametrize("kind", ["cold", "warm"])
def test_a_run_ends_when_who_wants_it_is_killed(kind: str, tmp_path: Path) -> None:
    words = [kind, tiny_notebook(tmp_path), str(tmp_path / "run")]
    with subprocess.Popen([sys.executable, "-P", "-c", WANTED, *words]) as process:
        until(lambda: kernels(tmp_path, process.pid))
        begun = below(process.pid)
        process.kill()
    assert len(begun) == {"cold": 2, "warm": 3}[kind]
    assert alive_after(begun) == []


def test_a_kernel_ends_with_the_process_of_its_run(
    making: Callable[..., Status], tmp_path: Path
) -> None:
    deaf = Plan.of(tiny_notebook(tmp_path), {"kind": "deaf"})
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(making, deaf, tmp_path / "run")
        until(lambda: kernels(tmp_path, os.getpid()))
        (kernel,) = kernels(tmp_path, os.getpid())
        kernel.parent().kill()
        assert future.result().error == NO_ANSWER
    _, alive = psutil.wait_procs([kernel], timeout=10)
    for process in alive:
        process.kill()
    assert alive == []


def test_a_kernel_whose_parent_went_while_it_was_starting_ends(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    command = [sys.executable, "-P", "-m", "labkit.experiments.kernels.cold_kernel"]
    done = subprocess.run(
        [*command, "-f", str(tmp_path / "kernel.json")],
        env={**os.environ, "JPY_PARENT_PID": str(gone.pid)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_nobody_wants_any_more_ends_while_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # this one imports all there is
    words = ["warm", tiny_notebook(tmp_path), str(tmp_path / "run")]
    with subprocess.Popen([sys.executable, "-P", "-c", WANTED, *words]) as process:
        until(lambda: below(process.pid))
        begun = below(process.pid)
        process.kill()
    assert alive_after(begun) == []
    assert not list(tmp_path.glob("kernel-*"))


FULL = """
import builtins, errno, pathlib
flag = pathlib.Path(__file__).with_name("full")
def full(name, mode="r", *options, open=open, **more):
    if ".notebook.ipynb" in str(name) and "w" in mode and flag.exists():
        open(name, mode).write("{")
        raise OSError(errno.ENOSPC, "No space left on device")
    return open(name, mode, *options, **more)
builtins.open = full
"""
"""Executed when a Python process begins: no notebook can be written while there is a file."""


@contextlib.contextmanager
def cluster(folder: Path, size: int = 2) -> Iterator[tuple[str, list[int]]]:
    """Workers and a scheduler on the loopback: its address, and their processes, its own last."""
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
            pids = [begin(worker) for _ in range(size)]
            if size:
                client.wait_for_workers(size, timeout=120)
        yield address, [*pids, pid]


def test_each_run_ends_once_though_a_worker_is_killed(tmp_path: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), parameters={"seconds": 0.5}, seeds=6)
    folder = tmp_path / "sweep"
    with cluster(tmp_path) as (address, pids):
        orphans = []

        def kill() -> None:
            until(lambda: kernels(tmp_path, pids[0]))
            orphans.extend(below(pids[0]))
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        runs = sweep(design, folder, scheduler=address)
        killer.join()
        assert len(orphans) == 3  # the one that forks, the run, its kernel
        assert alive_after(orphans) == []
    assert [status.state for _, status in runs] == ["done"] * 6
    assert sorted(p.name for p in (folder / "runs").iterdir()) == sorted(p.id for p, _ in runs)
    values = [RunFolder(folder / "runs" / p.id).result.metrics["value"] for p, _ in runs]
    assert values == [0.1 + seed for seed in range(6)]
    assert not (folder / ".tries").exists()


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    """Of a sweep that works there."""
    own = SweepFolder(tmp_path / "sweep")
    own.attempts.mkdir(parents=True)
    (own.path / "runs").mkdir()
    return own


def test_no_worker_idles_while_runs_wait(
    folder: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run waits for all of the others, which another worker makes meanwhile."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    elsewhere = servers()  # such as the one that all tests share
    notebook = tiny_notebook(tmp_path)
    plans = [Plan.of(notebook, {"others": 6})]
    plans += [Plan.of(notebook, {"seed": seed}) for seed in range(6)]
    with workers(2) as client:
        ended = [
            (plan.parameters["others"], status.state)
            for plan, status in workers_module.run_plans(client, folder, plans)
        ]
        # what the workers have imported serves the next runs, too, as in a search
        until(lambda: len(servers() - elsewhere) == 2)  # without what is forked from them
        before = servers() - elsewhere
        more = [Plan.of(notebook, {"seed": 7})]
        assert [s.state for _, s in workers_module.run_plans(client, folder, more)] == ["done"]
        assert before <= servers()
    assert sorted(ended) == [(0, "done")] * 6 + [(6, "done")]
    assert (6, "done") in ended[-2:]  # the last of the others may still end after it has begun
    # each worker has a GPU for itself
    one, *others = (folder.run(plan).result.metrics["gpu"] for plan in plans)
    assert {one, *others} == {3, 5}
    assert set(others) == {3, 5} - {one}


class StartedError(Exception):
    """Stands for a cluster that starts."""


@pytest.mark.parametrize(("jobs", "expected"), [(None, 3), (5, 5)])
def test_there_is_a_worker_for_each_gpu_unless_jobs_says_more(
    jobs: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-2b")

    def start(**options: object) -> None:
        assert options["n_workers"] == expected
        assert options["scheduler_kwargs"] == {"dashboard": False}
        raise StartedError

    monkeypatch.setattr("distributed.LocalCluster", start)
    with pytest.raises(StartedError):
        workers(jobs).__enter__()


@pytest.mark.parametrize(
    ("listed", "gpus"), [("", ()), ("-1", ()), ("1, 0", ("1", "0")), (None, ("0", "1", "2"))]
)
def test_gpus_are_those_that_this_process_sees(
    listed: str | None, gpus: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert visible_gpus() == gpus


def test_a_dashboard_without_bokeh_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "find_spec", lambda _: None)
    with pytest.raises(ParameterError, match=r"needs bokeh: pip install 'maml-lab\[dashboard\]'"):
        workers(1, dashboard=True).__enter__()


def test_the_dashboard_answers_at_the_address_that_is_told() -> None:
    pytest.importorskip("bokeh", reason="the extra dashboard is not installed")
    notices: list[str] = []
    with workers(1, dashboard=True, on_notice=notices.append):
        (notice,) = notices
        address = notice.removeprefix("Dask's dashboard: ")
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b"Bokeh" in page.read()


def test_a_worker_that_comes_later_gets_runs(folder: SweepFolder, tmp_path: Path) -> None:
    notebook = tiny_notebook(tmp_path)
    plans = [Plan.of(notebook, {"seconds": seconds}) for seconds in (600.0, 0.01)]
    with workers(1) as client:
        runs = workers_module.run_plans(client, folder, plans)

        def come() -> None:
            until(lambda: kernels(tmp_path, os.getpid()))
            client.cluster.scale(2)  # type: ignore[union-attr]

        comer = threading.Thread(target=come)
        comer.start()
        plan, status = next(runs)
        comer.join()
        runs.close()
    assert (plan.parameters["seconds"], status.state) == (0.01, "done")


def test_a_scheduler_that_goes_ends_the_sweep(tmp_path: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), parameters={"seconds": 600.0}, seeds=3)
    with cluster(tmp_path) as (address, pids):
        orphans = []

        def kill() -> None:
            until(lambda: kernels(tmp_path, pids[0]))
            orphans.extend(below(pids[0]))
            os.kill(pids[-1], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(SchedulerGoneError, match="the scheduler no longer answers"):
            sweep(design, tmp_path / "sweep", scheduler=address)
        killer.join()
    assert alive_after(orphans) == []


def test_a_full_disk_ends_the_sweep_and_a_later_one_goes_on(tmp_path: Path, light: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), seeds=2)
    with (light / "sitecustomize.py").open("a") as file:
        file.write(FULL)
    (light / "full").touch()
    with pytest.raises(OSError, match="No space left on device"):
        sweep(design, tmp_path / "s", jobs=1)
    assert list((tmp_path / "s" / "runs").iterdir()) == []
    (light / "full").unlink()
    assert [status.state for _, status in sweep(design, tmp_path / "s", jobs=1)] == ["done"] * 2


def test_a_scheduler_without_workers_ends_the_sweep(tmp_path: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), seeds=2)
    said: list[str] = []
    with cluster(tmp_path, 0) as (address, _):  # noqa: SIM117
        with pytest.raises(SchedulerGoneError, match=r"has had no workers for 2 s; finished runs"):
            sweep(design, tmp_path / "s", scheduler=address, wait=2.0, on_notice=said.append)
    assert len(said) == 1
    assert said[0].startswith("the scheduler has no workers: waiting 2 s for one")


def test_runs_at_a_scheduler_end_when_their_sweep_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from labkit.experiments.sweeps.design import SweepDesign\n"
        "from labkit.experiments.sweeps.grid import sweep\n"
        "design = SweepDesign(notebook=sys.argv[1], parameters={'kind': 'deaf'}, seeds=3)\n"
        "sweep(design, sys.argv[2], scheduler=sys.argv[3])"
    )
    with cluster(tmp_path) as (address, pids):
        words = [tiny_notebook(tmp_path), str(tmp_path / "sweep"), address]
        with subprocess.Popen([sys.executable, "-P", "-c", code, *words]) as process:
            until(lambda: all(kernels(tmp_path, pid) for pid in pids[:2]))
            begun = [p for pid in pids[:2] for p in below(pid)]
            process.kill()
        assert len(begun) == 6
        assert alive_after(begun) == []
        assert all(psutil.pid_exists(pid) for pid in pids)


def test_workers_of_ones_own_share_the_cores_and_leave_nothing(tmp_path: Path) -> None:
    design = SweepDesign(notebook=tiny_notebook(tmp_path), grid={"kind": ("good", "bad")}, seeds=2)
    runs = sweep(design, tmp_path / "sweep", jobs=2)
    assert [status.state for _, status in runs] == ["done", "done", "failed", "failed"]
    assert runs[-1][1].error == "RuntimeError: as asked"
    result = RunFolder(tmp_path / "sweep" / "runs" / runs[0][0].id).result
    assert result.metrics["threads"] == max(1, len(os.sched_getaffinity(0)) // 2)


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "PATIENCE", 1.0)
    with (
        pytest.raises(SchedulerError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        workers(scheduler="tcp://127.0.0.1:9"),
    ):
        pass
    with pytest.raises(SchedulerError, match="no Dask scheduler answers at nonsense"):
        workers(scheduler="nonsense").__enter__()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_server_of_another_kind_is_no_scheduler(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """Such as the page with which a scheduler shows its state, one port further."""
    monkeypatch.setattr(workers_module, "PATIENCE", 5.0 if answer else 0.5)
    over = threading.Event()

    class Page(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if answer:
                self.request.sendall(answer)
            else:  # as HTTP waits for the end of a request
                over.wait(60)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        try:
            with pytest.raises(SchedulerError, match=rf"{address} \(a server of another kind\)"):
                workers(scheduler=address).__enter__()
        finally:
            over.set()
            server.shutdown()
