"""`labkit sweep`: its options, its exit codes, and that it may be interrupted and killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner, Result

from labkit.cli import sweep as command
from labkit.cli.app import app
from labkit.cli.options import design_of
from labkit.experiments.compare.loading import load_runs
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import RunFolder, Status
from labkit.experiments.sweeps.design import SweepDesign
from labkit.experiments.sweeps.grid import Tally
from labkit.experiments.sweeps.optuna_search import SearchDesign, Trial
from labkit.experiments.sweeps.workers import SchedulerGoneError
from tests.experiments.tiny_notebook import alive_after, light_fork_servers, tiny_notebook

pytestmark = pytest.mark.kernel

LABKIT = [sys.executable, "-P", "-c", "from labkit.cli.app import main; main()", "sweep"]

HEARS_CTRL_C = ["env", "--default-signal=INT"]
"""Also where the tests are a background job, to which a shell makes it mean nothing."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command asks for; nothing is run."""
    result: dict[str, Any] = {"failing": set(), "diverging": set(), "raising": None}

    def make(design: SweepDesign, folder: Path, **options: Any) -> list[Any]:
        result.update(design=design, folder=folder, **options)
        plans = design.plans()
        options["on_event"](Tally(len(plans), 1, 0))
        if result["raising"]:
            raise result["raising"]
        return [
            (plan, Status("failed", plan.id, "n", 0.0, error="no luck"))
            if number in result["failing"]
            else (plan, Status("diverged", plan.id, "n", 0.0, error="so", meta_step=1200))
            if number in result["diverging"]
            else (plan, Status("done", plan.id, "n", 0.0))
            for number, plan in enumerate(plans)
        ]

    monkeypatch.setattr(command, "run_sweep", make)
    return result


def labkit(*words: str) -> Result:
    return CliRunner().invoke(app, ["sweep", *words])


def test_options_become_a_design(asked: dict[str, Any]) -> None:
    result = labkit(
        "01_sinusoid", "--grid", "alpha=0.001,1e-2", "--grid", "algorithm=maml,anil",
        "--random", "beta=log:0.0001..0.01", "--random", "inner_steps=whole:1..10",
        "--samples", "4", "--sample-seed", "3", "--seeds", "2", "-p", "shots", "5",
        "-o", "out", "--jobs", "2", "--retry", "--timeout", "60",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert asked["design"] == SweepDesign.checked(
        {
            "notebook": "01_sinusoid",
            "parameters": {"shots": 5},
            "grid": {"alpha": [0.001, 0.01], "algorithm": ["maml", "anil"]},
            "random": {
                "beta": {"low": 0.0001, "high": 0.01, "scale": "log"},
                "inner_steps": {"low": 1, "high": 10, "whole": True},
            },
            "samples": 4,
            "sample_seed": 3,
            "seeds": 2,
        }
    )
    assert asked["folder"] == Path("out")
    assert [asked[n] for n in ("jobs", "scheduler", "retry", "timeout")] == [2, None, True, 60]
    assert "32 of 32 runs done" in result.stdout
    assert result.stderr == ""  # it took no time


def test_a_file_has_the_whole_sweep(asked: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("notebook: 01_sinusoid\ngrid:\n  alpha: [0.001, 0.01]\nseeds: [3, 7]\n")
    result = labkit(
        "--file", str(file), "-o", "out", "--scheduler", "tcp://there:8786", "--wait", "60"
    )
    assert result.exit_code == 0, result.output
    assert asked["design"] == SweepDesign(
        notebook="01_sinusoid", grid={"alpha": (0.001, 0.01)}, seeds=(3, 7)
    )
    assert (asked["scheduler"], asked["wait"]) == ("tcp://there:8786", 60)
    result = labkit("01_sinusoid", "--file", str(file), "-o", "out")
    assert result.exit_code == 2
    assert "--file describes the whole sweep: write notebook into" in result.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("01_sinusoid", "nothing varies"),
        ("nothing --seeds 2", "there is no notebook nothing"),
        ("--seeds 2", "notebook is missing"),
        ("01_sinusoid --grid alpha=", "the grid of alpha is empty"),
        ("01_sinusoid --grid alpha", "--grid alpha: write --grid alpha=0.001,0.01"),
        ("01_sinusoid --grid alpha=0.1,x", "alpha = 'x': must be a finite number"),
        ("01_sinusoid --grid alpha=nan", "alpha = 'nan': must be a finite number"),
        ("01_sinusoid --grid alhpa=0.1", "did you mean 'alpha'"),
        (
            "01_sinusoid --grid alpha=1 --grid alpha=2",
            "alpha is given twice: give all values in one --grid alpha=…",
        ),
        ("01_sinusoid --random alpha=0.1 --samples 2", "write alpha=0.1..0.5"),
        ("01_sinusoid --random alpha=lgo:0.1..1 --samples 2", "write alpha=0.1..0.5"),
        ("01_sinusoid --random alpha=0.1..1", "samples is missing"),
        ("01_sinusoid --seeds x", "seeds must be a whole number"),
        ("01_sinusoid --seeds 2 --wait 9", "--wait needs --scheduler"),
        (
            "01_sinusoid --seeds 2 --jobs 2 --scheduler tcp://there:1",
            "--jobs applies to local runs only and cannot be combined",
        ),
    ],
)
@pytest.mark.usefixtures("asked")
def test_wrong_usage(words: str, complaint: str) -> None:
    result = labkit(*words.split(), "-o", "out")
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert result.stdout == ""


def test_a_search_says_what_was_best(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def look(design: SearchDesign, folder: Path, **options: Any) -> list[Trial]:
        asked.update(design=design, folder=folder, **options)
        plan = Plan.of(design.notebook, {})
        runs = tuple((plan, Status("done", plan.id, "n", 0.0)) for _ in range(2))
        metrics = (0.5, asked["least"], float("inf"))
        return [Trial({"alpha": m / 10}, runs, {"ratio": m}) for m in metrics]

    monkeypatch.setattr(command, "run_search", look)
    asked["least"] = 0.25
    words = [
        *("01_sinusoid", "--random", "alpha=log:0.001..0.1", "--seeds", "2", "-o", "out"),
        *("--search", "3", "--minimise", "ratio", "--together", "4", "--timeout", "60"),
        *("--prune", "halving", "--patience", "500"),
    ]
    result = labkit(*words)
    assert result.exit_code == 0, result.output
    parts = {
        "notebook": "01_sinusoid",
        "random": {"alpha": {"low": 0.001, "high": 0.1, "scale": "log"}},
        "seeds": 2,
        "search": 3,
        "minimise": "ratio",
        "together": 4,
        "prune": "halving",
        "patience": 500,
    }
    assert asked["design"] == SearchDesign.checked(parts)
    assert asked["timeout"] == 60
    lines = result.stdout.splitlines()
    assert lines[0].startswith("6 of 6 runs done")
    assert lines[1] == "lowest ratio of 3 trials: 0.25, mean of 2 seeds, with alpha = 0.025"
    file = tmp_path / "search.json"
    file.write_text(json.dumps(parts))
    assert labkit("--file", str(file), "-o", "out").exit_code == 0
    assert asked["design"] == SearchDesign.checked(parts)


def test_a_search_by_several_metrics_ends_in_a_table() -> None:
    words = ["--random", "algorithm=maml,anil", "--random", "order=1,2 if algorithm=maml"]
    design = design_of(
        "01_sinusoid", parameters=(), grid=(), random=words[1::2], samples=None, sample_seed=None,
        seeds="2", search=3, minimise=["loss"], maximise=["accuracy"], prune=None, patience=None,
        together=None, file=None,
    )  # fmt: skip
    assert isinstance(design, SearchDesign)
    assert design.random["order"].when == {"algorithm": ("maml",)}
    metrics = [(0.5, 0.25), (0.75, 0.125), (0.25, 0.1)]
    chosen: list[dict[str, Any]] = [
        {"algorithm": "maml", "order": 1}, {"algorithm": "maml"}, {"algorithm": "anil"},
    ]  # fmt: skip
    trials = [
        Trial(values, (), dict(zip(("loss", "accuracy"), pair, strict=True)))
        for values, pair in zip(chosen, metrics, strict=True)
    ]
    lines = command.best_of(design, trials).splitlines()
    assert lines[0] == "2 of 3 trials that none beats in loss and accuracy, mean of 2 seeds:"
    assert lines[1].split() == ["algorithm", "order", "loss", "accuracy"]
    assert [line.split() for line in lines[2:]] == [
        ["maml", "1", "0.5", "0.25"],
        ["anil", "–", "0.25", "0.1"],
    ]


def test_a_search_is_asked_for_whole() -> None:
    for words, complaint in {
        "--minimise ratio --random alpha=0.1..1": "search is missing",
        "--search 2 --random alpha=0.1..1": "minimise is missing",
        "--search 2 --minimise ratio": "there is nothing to search",
        "--search 2 --minimise ratio --grid alpha=1": "grid: a search has no such entry",
    }.items():
        result = labkit("01_sinusoid", "-o", "out", *words.split())
        assert result.exit_code == 2
        assert complaint in result.stderr


@pytest.fixture
def _light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    light_fork_servers(tmp_path, monkeypatch)


@pytest.mark.usefixtures("_light")
def test_a_search_with_real_runs(tmp_path: Path) -> None:
    words = [
        *(tiny_notebook(tmp_path), "--random", "alpha=0.5..1.5", "--seeds", "2"),
        *("--search", "2", "--minimise", "value", "-o", str(tmp_path / "s"), "--jobs", "2"),
    ]
    done = subprocess.run([*LABKIT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    values = sorted(r["value"] for r in load_runs(tmp_path / "s").to_dict("records"))
    assert len(values) == 4
    # the tiny notebook's value is alpha + seed, with seeds 0 and 1
    assert f"lowest value of 2 trials: {values[0] + 0.5:.4g}, mean of 2 seeds" in done.stdout
    assert "optuna" not in done.stderr.lower()


def test_failures_end_in_a_table(asked: dict[str, Any]) -> None:
    asked["failing"] = {1, 2}
    result = labkit("01_sinusoid", "--grid", "alpha=0.5,0.25", "--seeds", "2", "-o", "out")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("2 of 4 runs done")
    assert lines[2] == "2 failed:"
    assert [line.split()[1:] for line in lines[3:]] == [
        ["alpha", "seed", "error"],
        ["0.5", "1", "no", "luck"],
        ["0.25", "0", "no", "luck"],
    ]
    assert "--retry" in result.stderr


def test_versions_of_the_notebook_are_counted() -> None:
    plan = Plan.of("01_sinusoid", {})
    runs = [(plan, Status("done", "i", "n", 0.0, version=v)) for v in ("aaaa", "bbbb", "aaaa")]
    assert "runs by version of the notebook: 2 of aaaa, 1 of bbbb" in command.summary(runs, (), 1.0)
    assert "version" not in command.summary(runs[:1], (), 1.0)


def test_what_diverged_is_a_table_of_its_own(asked: dict[str, Any]) -> None:
    asked["diverging"] = {1}
    result = labkit("01_sinusoid", "--grid", "alpha=0.012345678901234,0.25", "-o", "out")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("1 of 2 runs done")
    assert lines[2] == "1 diverged:"
    assert lines[3].split()[1:] == ["alpha", "at", "meta-step"]
    assert lines[4].split()[1:] == ["0.25", "1,200"]
    assert "--retry" not in result.stderr
    assert "their numbers up to there are in out/runs" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            SchedulerGoneError("the scheduler no longer answers"),
            1,
            "no longer answers; 1 of 2 runs",
        ),
        (
            OSError(28, "No space left on device"),
            1,
            "out cannot be written: No space left on device: make room there; 1 of 2 runs are",
        ),
        (OSError(28, "No space left on device", "out/x"), 1, "out cannot be written: No space"),
        (
            OSError(20, "Not a directory"),
            1,
            "out cannot be written: Not a directory: choose another",
        ),
        (KeyboardInterrupt(), 130, "interrupted; 1 of 2 runs are done: the same command continues"),
    ],
)
def test_early_ends(asked: dict[str, Any], error: BaseException, code: int, words: str) -> None:
    asked["raising"] = error
    result = labkit("01_sinusoid", "--seeds", "2", "-o", "out")
    assert result.exit_code == code
    assert words in result.stderr


def test_a_scheduler_that_does_not_answer(tmp_path: Path) -> None:
    where = str(tmp_path / "s")
    result = labkit("01_sinusoid", "--seeds", "2", "-o", where, "--scheduler", "nonsense")
    assert result.exit_code == 2
    assert "no Dask scheduler answers at nonsense" in result.stderr


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.05)


def begun(notebook: str, folder: Path, seeds: int, seconds: float) -> "subprocess.Popen[str]":
    """A sweep in a process group of its own, as a terminal begins it, with a run under way."""
    process = subprocess.Popen(
        [*HEARS_CTRL_C, *LABKIT, notebook, "-p", "seconds", str(seconds), "--seeds", str(seeds),
         "--jobs", "2", "-o", str(folder)],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    until(lambda: process.poll() is not None or any((folder / ".tries").glob("*")))
    return process


@pytest.mark.usefixtures("_light")
def test_ctrl_c_ends_all_processes(tmp_path: Path) -> None:
    process = begun(tiny_notebook(tmp_path), tmp_path / "s", 3, 600)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    last = "labkit: interrupted; 0 of 3 runs are done: the same command continues"
    assert err.splitlines()[-1] == last
    assert "Traceback" not in err
    assert len(children) >= 3
    assert alive_after(children) == []
    assert list((tmp_path / "s" / "runs").iterdir()) == []


@pytest.mark.usefixtures("_light")
def test_a_killed_sweep_makes_each_run_once(tmp_path: Path) -> None:
    notebook, folder = tiny_notebook(tmp_path), tmp_path / "s"
    moments = random.Random(5)
    ended: dict[Path, float] = {}
    children = []
    for _ in range(2):
        process = begun(notebook, folder, 4, 1.0)
        time.sleep(moments.uniform(0, 2))
        children += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        for path, when in ended.items():
            assert path.stat().st_mtime == when, "a run that was done was made again"
        ended = {p: p.stat().st_mtime for p in (folder / "runs").glob("*/status.json")}
    assert alive_after(children) == []
    process = begun(notebook, folder, 4, 1.0)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out.startswith("4 of 4 runs done")
    assert all(path.stat().st_mtime == when for path, when in ended.items())
    runs = [RunFolder(path) for path in (folder / "runs").iterdir()]
    assert sorted(r.result.metrics["value"] for r in runs) == [0.1 + seed for seed in range(4)]
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "runs", "sweep.json"]
