"""A run's folder: each file whole or not there, and a status that says how the run stands."""

import errno
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import nbformat
import numpy as np
import pandas as pd
import psutil
import pytest

from labkit.experiments.compare.loading import load_runs, read_runs
from labkit.experiments.runs import run_folder, runner
from labkit.experiments.runs.notebooks import Notebook
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.reproduction import plan_of
from labkit.experiments.runs.run_folder import RunFolder, Status
from labkit.experiments.runs.runner import WarmRuns, record_run
from labkit.session import ParameterError, RunProgress
from tests.experiments.run_folders import done_run

pytestmark = pytest.mark.kernel

Run: TypeAlias = Callable[..., Status]

RESULT = """
from labkit.experiments.runs.measurement import record_result
from labkit.experiments.runs.result import Result
import numpy as np
curve = {"inner_step": np.arange(2), "query_loss": np.array([4.0, alpha]), "ci95": np.zeros(2),
         "median": np.ones(2), "diverged": np.zeros(2)}
record_result(Result({"alpha": alpha}, {"ratio": alpha}, {"adaptation": curve}, [], {"seed": 0}))
"""


@pytest.fixture
def run(warm_runs: WarmRuns) -> Run:
    """Executes a plan; what its process is matters to the tests alone that are given a kind."""
    return warm_runs.run


@pytest.fixture(params=["cold", "warm"])
def either(request: pytest.FixtureRequest, warm_runs: WarmRuns) -> Run:
    return runner.run if request.param == "cold" else warm_runs.run


def plan(folder: Path, source: str = RESULT, **values: object) -> Plan:
    """A run of a notebook that is quick."""
    tagged = nbformat.v4.new_code_cell("alpha: float = 0.5", metadata={"tags": ["parameters"]})
    cells = [tagged, nbformat.v4.new_code_cell(source)]
    path = folder / "quick.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return Plan.of(Notebook.read(path), values)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_that_is_done_has_all_its_files(run: Run, tmp_path: Path) -> None:
    expected = plan(tmp_path, alpha=0.25)
    status = run(expected, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    assert status == folder.status
    assert (status.state, status.id, status.notebook) == ("done", expected.id, "quick")
    assert folder.parameters == {"alpha": 0.25}
    assert folder.result.metrics == {"ratio": 0.25}
    row = pd.read_parquet(tmp_path / "run" / "metrics.parquet").iloc[0]
    assert (row["run"], row["alpha"], row["ratio"]) == (expected.id, 0.25, 0.25)
    everything = {"notebook.ipynb", "parameters.json", "result.json", "metrics.parquet"}
    assert files(tmp_path / "run") == {*everything, "status.json"}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("if alpha > 9: labkit.record_result(None)", "contains no result of labkit"),
    ],
)
def test_a_run_that_fails_says_why_and_keeps_its_notebook(
    run: Run, tmp_path: Path, source: str, error: str
) -> None:
    assert_fails(run, tmp_path, source, error)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import os; os._exit(3)", "DeadKernelError: the kernel died, with exit code 3"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "died, by signal 9 (SIGKILL): the memory may not have sufficed",
        ),
    ],
)
def test_a_run_whose_kernel_dies_says_how(
    either: Run, tmp_path: Path, source: str, error: str
) -> None:
    assert_fails(either, tmp_path, source, error)


def assert_fails(run: Run, folder: Path, source: str, error: str) -> None:
    status = run(plan(folder, source), folder / "run")
    assert status.state == "failed"
    assert error in (status.error or "")
    assert "\n" not in (status.error or "")
    assert files(folder / "run") == {"notebook.ipynb", "parameters.json", "status.json"}


def test_a_notebook_that_records_no_result_is_done_without(run: Run, tmp_path: Path) -> None:
    status = run(plan(tmp_path, "print(alpha)"), tmp_path / "run")
    assert (status.state, status.error, status.without_result) == ("done", None, True)
    assert RunFolder(tmp_path / "run").status == status
    assert files(tmp_path / "run") == {"notebook.ipynb", "parameters.json", "status.json"}
    with pytest.raises(ValueError, match=r"no run is done in .* \(1 without result\)"):
        read_runs(tmp_path)
    with pytest.raises(ValueError, match="has no result to compare: its notebook records none"):
        plan_of(RunFolder(tmp_path / "run"), tmp_path)


def recorded_with(error: str | None, tmp_path: Path, text: str) -> Status:
    """A run whose process has left this text as its notebook."""

    def execute(parameters: dict[str, Any]) -> str | None:
        Path(parameters["output"]).write_text(text)
        return error

    return record_run(plan(tmp_path), tmp_path / "run", execute)


def test_a_notebook_that_is_half_written_is_not_kept(tmp_path: Path) -> None:
    whole = Path(plan(tmp_path).notebook.path).read_text()
    assert recorded_with("killed", tmp_path, whole).error == "killed"
    assert (tmp_path / "run" / "notebook.ipynb").read_text() == whole
    assert recorded_with("killed", tmp_path, whole[:-9]).error == "killed"
    assert files(tmp_path / "run") == {"parameters.json", "status.json"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_is_full_leaves_nothing_by_half_and_a_later_try_goes_on(
    either: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".notebook.ipynb").symlink_to("/dev/full")  # where papermill writes
    with pytest.raises(OSError, match="No space left on device"):
        either(plan(tmp_path), folder)
    assert files(folder) == {"parameters.json", "status.json"}
    status = RunFolder(folder).status
    assert status is not None
    assert status.state == "failed"
    assert "No space left on device" in str(status.error)
    assert either(plan(tmp_path), folder).state == "done"


def test_a_disk_that_is_full_when_the_result_is_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def full(path: Path, text: str, **options: Any) -> int:
        if "result.json" in path.name:
            write(path, text[:9])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        run(plan(tmp_path), tmp_path / "run")
    assert files(tmp_path / "run") == {"notebook.ipynb", "parameters.json", "status.json"}
    status = RunFolder(tmp_path / "run").status
    assert status is not None
    assert status.state == "failed"


def test_a_run_that_takes_too_long_ends_with_its_kernel_and_what_that_has_started(
    run: Run, tmp_path: Path
) -> None:
    source = (
        "import os, subprocess, sys, time\n"
        "code = 'import time; time.sleep(600)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)"
    )
    status = run(plan(tmp_path, source), tmp_path / "run", timeout=12.0)
    assert (status.state, status.error) == ("failed", "TimeoutError: not done after 12 s")
    begun = [int(number) for number in (tmp_path / "pids").read_text().split()]
    until = time.monotonic() + 10
    while (alive := [n for n in begun if psutil.pid_exists(n)]) and time.monotonic() < until:
        time.sleep(0.1)
    for number in alive:
        psutil.Process(number).kill()
    assert not alive


def test_what_an_earlier_try_has_left_is_gone_when_a_run_begins(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for name in ("result.json", "metrics.parquet", "notebook.ipynb"):
        (tmp_path / name).write_text("old")
    folder.begin(Status.running("a1", "quick"), {"alpha": 1.0})
    assert files(tmp_path) == {"status.json", "parameters.json"}
    assert folder.status == replace(Status.running("a1", "quick"), started=folder.status.started)  # type: ignore[union-attr]


def test_parameters_that_are_lists_and_dicts_return_from_every_file_as_they_were(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "own.ipynb"
    tagged = nbformat.v4.new_code_cell(
        "alpha: float = 0.5\nmodel = {'width': 40, 'layers': [2, None]}\nnames = ['a']",
        metadata={"tags": ["parameters"]},
    )
    asserted = "assert model == {'width': 8} and names == ['a'] and alpha == 0.25\n"
    cells = [tagged, nbformat.v4.new_code_cell(asserted + RESULT)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    expected = Plan.of(path, {"model": {"width": np.int64(8)}, "alpha": np.float64(0.25)})
    assert run(expected, tmp_path / "run").state == "done"
    assert RunFolder(tmp_path / "run").parameters == dict(expected.parameters)
    row = load_runs(tmp_path / "run").iloc[0]
    assert (row["model"], row["names"]) == ('{"width": 8}', '["a"]')
    assert pd.read_parquet(tmp_path / "run" / "metrics.parquet").iloc[0]["model"] == row["model"]


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ((1, 2), "write the tuple as a list"),
        ({1, 2}, "write the set as a list"),
        (b"ab", "write bytes as text"),
        ({1: 2}, "the key 1 is no text: write '1'"),
        ([{"a": (1,)}], "write the tuple as a list"),
        (object, "got type"),
    ],
)
def test_parameters_without_a_form_in_json_are_refused_before_anything_runs(
    tmp_path: Path, value: object, remedy: str
) -> None:
    path = tmp_path / "own.ipynb"
    tagged = nbformat.v4.new_code_cell("model = None", metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[tagged]), path)
    with pytest.raises(ParameterError, match=f"^model = .*{re.escape(remedy)}"):
        Plan.of(path, {"model": value})


def test_a_default_without_a_form_in_json_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "own.ipynb"
    tagged = nbformat.v4.new_code_cell("sizes = (1, 2)", metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[tagged]), path)
    with pytest.raises(ParameterError, match=r"sizes = \(1, 2\): .* write the tuple as a list"):
        Plan.of(path, {})
    assert Plan.of(path, {"sizes": [1, 2]}).parameters == {"sizes": [1, 2]}


@pytest.mark.parametrize("name", ["notebook.ipynb", "parameters.json", "metrics.parquet"])
@pytest.mark.parametrize("damage", ["gone", "one letter"])
def test_a_run_with_a_damaged_file_has_not_ended(tmp_path: Path, name: str, damage: str) -> None:
    folder = done_run(tmp_path / "run", 0.5, alpha=0.25)
    assert folder.ended is not None
    path = folder.path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink() if damage == "gone" else path.write_bytes(content)
    assert folder.ended is None
    assert read_runs_or_reason(folder.path) == "broken"


def read_runs_or_reason(path: Path) -> str:
    with pytest.raises(ValueError, match="no run is done") as refused:
        read_runs(path)
    return str(refused.value).split("(1 ")[1].split(")")[0]


def test_a_folder_of_an_earlier_version_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    folder = done_run(tmp_path / "run", 0.5, alpha=0.25)
    status = json.loads((folder.path / "status.json").read_text())
    for name in ("owner", "files"):
        del status[name]
    (folder.path / "status.json").write_text(json.dumps(status))
    assert folder.ended is not None


def test_a_run_whose_process_has_gone_is_interrupted(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    status = Status.running("a1", "quick")
    folder.begin(status, {})
    assert not folder.interrupted
    gone = {**status.owner, "started": 1.0}  # another process had this number
    folder.write("status.json", json.dumps(asdict(replace(status, owner=gone))))
    assert folder.interrupted
    assert read_runs_or_reason(tmp_path) == "interrupted"
    folder.write("status.json", json.dumps(asdict(replace(status, state="failed", owner=gone))))
    assert not folder.interrupted


def test_a_run_of_another_machine_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path)
    status = Status.running("a1", "quick")
    folder.begin(replace(status, owner={**status.owner, "host": "elsewhere"}), {})
    long_ago = time.time() - 1000
    os.utime(tmp_path / "status.json", (long_ago, long_ago))
    assert folder.interrupted
    monkeypatch.setattr(run_folder, "HEARTBEAT_SECONDS", 0.01)
    with folder.heartbeat():
        until = time.monotonic() + 20
        while folder.interrupted and time.monotonic() < until:
            time.sleep(0.01)
        assert not folder.interrupted


def test_an_error_of_several_lines_is_kept_whole_and_summed_up_by_its_first(
    run: Run, tmp_path: Path
) -> None:
    source = "raise ValueError('alpha = 9: too large\\nbeta = 7: too large')"
    status = run(plan(tmp_path, source), tmp_path / "run")
    assert status.error == "ValueError: alpha = 9: too large\nbeta = 7: too large"
    assert status.summary == "ValueError: alpha = 9: too large"
    assert RunFolder(tmp_path / "run").status == status


def test_a_clock_that_is_set_back_makes_no_negative_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(request: dict[str, Any]) -> str:  # noqa: ARG001  # as it is called
        monkeypatch.setattr(time, "time", lambda: 0.0)
        return "it failed"

    status = record_run(plan(tmp_path), tmp_path / "run", execute)
    assert status.seconds is not None
    assert 0 <= status.seconds < 100


def test_a_file_that_cannot_be_finished_leaves_the_one_before(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write("status.json", "{}")

    def broken(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        folder.replace("status.json", broken)
    assert files(tmp_path) == {"status.json"}
    assert json.loads((tmp_path / "status.json").read_text()) == {}


def test_a_status_that_is_none_is_said(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).status is None
    whole = asdict(Status.running("a1", "quick"))
    for text in ('{"state": "done"}', '"done"', "{", json.dumps({**whole, "state": "finished"})):
        (tmp_path / "status.json").write_text(text)
        with pytest.raises(ValueError, match="not the status of a run"):
            _ = RunFolder(tmp_path).status
        assert RunFolder(tmp_path).ended is None


DAMAGES = {
    "result.json": ["", '{"format": 1', "[]", '{"format": 99}', '{"format": 1}', None],
    "parameters.json": ["", "[]", None],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in DAMAGES.items() for text in texts]
)
def test_files_that_are_damaged_are_said_and_the_run_is_not_done(
    tmp_path: Path, name: str, text: str | None
) -> None:
    folder = done_run(tmp_path / "run", 1.0)
    assert folder.ended == folder.status
    (folder.path / name).unlink()
    if text is not None:
        (folder.path / name).write_text(text)
    why = "is missing" if text is None else "is damaged"
    with pytest.raises(ValueError, match=rf"{name} {why}.*: repeat the run"):
        getattr(folder, name.removesuffix(".json"))
    assert folder.ended is None
    with pytest.raises(ValueError, match=r"no run is done in .* \(1 broken\)"):
        read_runs(tmp_path)


def test_a_metric_that_is_no_number_is_damage(tmp_path: Path) -> None:
    folder = done_run(tmp_path / "run", 1.0)
    whole = json.loads((folder.path / "result.json").read_text())
    whole["metrics"]["ratio"] = "low"
    (folder.path / "result.json").write_text(json.dumps(whole))
    with pytest.raises(ValueError, match="a metric must be a number, got 'low'"):
        _ = folder.result


@pytest.mark.parametrize(
    ("meta_step", "asked", "state", "at"),
    [
        (12, True, "pruned", 12),
        (12, False, "done", 12),  # its patience was over
        (40, True, "done", None),  # it came to its end before it heard
    ],
)
def test_a_training_that_ended_early(
    tmp_path: Path, meta_step: int, asked: bool, state: str, at: int | None
) -> None:
    folder = RunFolder(tmp_path / "run")

    def execute(request: dict[str, Any]) -> str | None:
        done = done_run(tmp_path / "done", 1.0)
        Path(request["output"]).write_text(done.notebook.read_text())
        assert request["patience"] == 7
        points: list[tuple[int, float | None, float | None]] = [(4, 2.0, 1.0)]
        RunProgress("measuring", meta_step, 40, points).write(folder.progress_file)
        if asked:
            folder.give_up()
        return None

    status = record_run(plan(tmp_path), folder.path, execute, patience=7)
    assert (status.state, status.meta_step) == (state, at)
    assert folder.ended == status
    assert folder.result.metrics["query_loss_after"] == 1.0
    assert not folder.given_up
    assert folder.progress is not None
    assert folder.progress.curve == [(4, 2.0, 1.0)]
    if at is not None:
        with pytest.raises(ValueError, match="ended early, after meta-step 12"):
            plan_of(folder, tmp_path)
