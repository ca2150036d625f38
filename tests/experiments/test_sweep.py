"""A sweep continues where it stopped, and keeps to its folder; the runs here are stand-ins."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.result import Result
from labkit.experiments.runs.run_folder import (
    RESULT,
    STATUS,
    FolderInUseError,
    RunFolder,
    Status,
)
from labkit.experiments.sweeps import grid as sweeping
from labkit.experiments.sweeps.design import SweepDesign
from labkit.experiments.sweeps.grid import Tally, sweep
from labkit.experiments.sweeps.sweep_folder import SweepFolder, SweepFolderError
from tests.experiments.stand_in import StandIn
from tests.experiments.tiny_notebook import tiny_notebook


class Runs(StandIn):
    """Stands in for `run` and the workers: notes what is made, fails and is interrupted as told."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[int] = []
        self.failing: set[int] = set()
        self.interrupted_at: int | None = None

    def run(self, plan: Plan, folder: Path) -> Status:
        seed = plan.parameters["seed"]
        own = RunFolder(folder)
        status = Status.running(plan.id, "tiny", plan.version)
        own.begin(status, dict(plan.parameters))
        if seed == self.interrupted_at:
            raise KeyboardInterrupt
        self.made.append(seed)
        if seed in self.failing:
            status = replace(status, state="failed", error=f"no luck with {seed}")
        else:
            status = replace(status, state="done")
            own.write(RESULT, json.dumps(Result({}, {}, {}, [], {}).to_json()))
        own.write(STATUS, json.dumps({n: getattr(status, n) for n in status.__slots__}))
        return status


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    fakes = Runs()
    fakes.install(sweeping, monkeypatch)
    return fakes


@pytest.fixture
def design(tmp_path: Path) -> SweepDesign:
    return SweepDesign(notebook=tiny_notebook(tmp_path), seeds=4)


def states(runs: Sequence[tuple[Plan, Status]]) -> list[str]:
    return [status.state for _, status in runs]


def test_runs_that_are_done_are_not_repeated_and_failed_ones_on_demand(
    runs: Runs, design: SweepDesign, tmp_path: Path
) -> None:
    runs.failing = {1}
    tallies: list[Tally] = []
    result = sweep(design, tmp_path / "s", timeout=7, on_event=tallies.append)
    assert states(result) == ["done", "failed", "done", "done"]
    assert [plan.parameters["seed"] for plan, _ in result] == [0, 1, 2, 3]
    assert result[1][1].error == "no luck with 1"
    assert [(t.done, t.failed, t.left) for t in tallies] == [
        (0, 0, 4), (1, 0, 3), (2, 0, 2), (2, 1, 1), (3, 1, 0),
    ]  # fmt: skip
    runs.made.clear()
    assert states(sweep(design, tmp_path / "s", timeout=7)) == states(result)
    assert runs.made == []
    runs.failing.clear()
    assert states(sweep(design, tmp_path / "s", timeout=7, retry=True)) == ["done"] * 4
    assert runs.made == [1]


def test_an_interrupted_sweep_goes_on(runs: Runs, design: SweepDesign, tmp_path: Path) -> None:
    runs.interrupted_at = 1
    with pytest.raises(KeyboardInterrupt):
        sweep(design, tmp_path / "s", timeout=7)
    assert runs.made == [3, 2]
    assert not (tmp_path / "s" / ".tries").exists()
    assert len(list((tmp_path / "s" / "runs").iterdir())) == 2
    runs.interrupted_at = None
    assert states(sweep(design, tmp_path / "s", timeout=7)) == ["done"] * 4
    assert runs.made == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (STATUS, lambda text: text.replace("done", "running")),
        (STATUS, lambda _: "{"),
        (RESULT, lambda text: text[:9]),
    ],
)
def test_what_is_damaged_or_a_dead_process_left_is_made_again(
    runs: Runs, design: SweepDesign, tmp_path: Path, name: str, damage: Callable[[str], str]
) -> None:
    sweep(design, tmp_path / "s", timeout=7)
    plan = design.plans()[2]
    path = tmp_path / "s" / "runs" / plan.id / name
    path.write_text(damage(path.read_text()))
    left = tmp_path / "s" / ".tries" / "left" / "behind"
    left.mkdir(parents=True)
    runs.made.clear()
    assert states(sweep(design, tmp_path / "s", timeout=7)) == ["done"] * 4
    assert runs.made == [2]
    assert not left.exists()


def test_of_two_tries_the_first_that_is_done_counts(
    runs: Runs, design: SweepDesign, tmp_path: Path
) -> None:
    plan = design.plans()[0]
    folder = SweepFolder(tmp_path / "s")
    with folder.claim(design, [plan]):
        first = folder.execute(plan, runs.run)
        runs.failing = {0}
        assert folder.execute(plan, runs.run) == first
        assert folder.ended(plan) == first
        assert list(folder.attempts.iterdir()) == []


def test_the_design_is_kept(runs: Runs, design: SweepDesign, tmp_path: Path) -> None:
    sweep(design, tmp_path / "s", timeout=7)
    saved = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert SweepDesign.checked(saved["design"]) == design
    assert saved["runs"] == [plan.id for plan in design.plans()]
    assert runs.made


def refused(design: SweepDesign, folder: Path, words: str) -> None:
    with pytest.raises(SweepFolderError, match=words):
        sweep(design, folder, timeout=7)


def test_the_folder_of_another_sweep_is_refused(
    runs: Runs, design: SweepDesign, tmp_path: Path
) -> None:
    sweep(design, tmp_path / "s", timeout=7)
    runs.made.clear()
    for change in ({"seeds": 3}, {"parameters": {"alpha": 0.2}}, {"patience": 9}):
        other = design.model_copy(update=change)
        words = r'belongs to another sweep, .*"seeds": 4.*choose another folder'
        refused(other, tmp_path / "s", words)
    path = Path(design.notebook)
    path.write_text(path.read_text().replace("as asked", "as wished"))
    refused(design, tmp_path / "s", "was started with another version of the notebook or of labkit")
    assert runs.made == []


def test_a_sweep_grows_by_seeds_and_values(runs: Runs, design: SweepDesign, tmp_path: Path) -> None:
    first = sweep(design, tmp_path / "s", timeout=7)
    runs.made.clear()
    wider = SweepDesign.checked(
        {"notebook": design.notebook, "seeds": 5, "grid": {"alpha": [0.1, 0.2]}}
    )
    result = sweep(wider, tmp_path / "s", timeout=7)
    assert states(result) == ["done"] * 10
    assert len(runs.made) == 6
    assert all(run in result for run in first)
    saved = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert SweepDesign.checked(saved["design"]) == wider
    refused(design, tmp_path / "s", "belongs to another sweep")


def test_after_the_notebook_was_mended_failed_runs_are_repeated_and_others_kept(
    runs: Runs, design: SweepDesign, tmp_path: Path
) -> None:
    runs.failing = {1}
    first = sweep(design, tmp_path / "s", timeout=7)
    path = Path(design.notebook)
    path.write_text(path.read_text().replace("as asked", "as wished"))
    runs.made.clear()
    runs.failing.clear()
    refused(design, tmp_path / "s", "--retry keeps its finished runs and executes the others with")
    second = sweep(design, tmp_path / "s", timeout=7, retry=True)
    assert states(second) == ["done"] * 4
    assert runs.made == [1]
    old, new = first[0][1].version, second[0][0].version
    assert old != new
    assert [status.version for _, status in second] == [old, new, old, old]
    assert second[0][1] == first[0][1]
    # ids stay the hash, and what had failed is gone
    ids = {status.id for _, status in second}
    assert ids == {path.name for path in (tmp_path / "s" / "runs").iterdir()}
    assert second[1][1].id == second[1][0].id
    # from now on the present version is that of the sweep
    longer = design.model_copy(update={"seeds": 5})
    assert states(sweep(longer, tmp_path / "s", timeout=7)) == ["done"] * 5
    assert runs.made == [1, 4]


def test_a_folder_with_other_things_is_refused(
    runs: Runs, design: SweepDesign, tmp_path: Path
) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.tex").touch()
    refused(design, tmp_path / "s", r"contains no sweep, but thesis\.tex")
    (tmp_path / "s" / "sweep.json").write_text('{"format": 99}')
    refused(design, tmp_path / "s", "was not written by this labkit .format 99")
    for path in (tmp_path / "s" / "thesis.tex", tmp_path / "s" / "thesis.tex" / "below"):
        with pytest.raises(OSError, match=r"File exists|Not a directory") as error:
            sweep(design, path)
        assert error.value.filename is None  # so that nobody says which file could not be read
    assert runs.made == []


def test_two_sweeps_do_not_share_a_folder(design: SweepDesign, tmp_path: Path) -> None:
    with (
        SweepFolder(tmp_path / "s").claim(design, design.plans()),
        pytest.raises(FolderInUseError, match="s is in use by another labkit"),
    ):
        sweep(design, tmp_path / "s")


def test_the_folder_of_a_process_that_was_killed_is_free(
    runs: Runs, design: SweepDesign, tmp_path: Path
) -> None:
    code = (
        "import pathlib, sys; from labkit.experiments.runs.run_folder import lock_folder\n"
        "with lock_folder(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-P", "-c", code, str(tmp_path / "s")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUseError):
            sweep(design, tmp_path / "s", timeout=7)
        process.kill()
    assert states(sweep(design, tmp_path / "s", timeout=7)) == ["done"] * 4
    assert len(runs.made) == 4


def test_nothing_runs_when_one_value_is_wrong(runs: Runs, design: Any, tmp_path: Path) -> None:
    wrong = design.model_copy(update={"grid": {"alpha": (0.1, "x")}})
    with pytest.raises(ValueError, match="alpha = 'x'"):
        sweep(wrong, tmp_path / "s", timeout=7)
    assert runs.made == []
    assert not (tmp_path / "s").exists()
