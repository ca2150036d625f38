"""`labkit run`, `show` and `rerun`: what they print, and how they end."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nbformat
import psutil
import pytest
import torch
from typer.testing import CliRunner

from labkit import (
    Recipe,
    Session,
    Settings,
    Sinusoid,
    load_learner,
    measure,
    parameters_yaml,
    share_code,
    sinusoid_mlp,
)
from labkit.cli import app as app_module
from labkit.cli.app import app
from labkit.cli.options import parameters_in, value_of
from labkit.experiments.runs.plan import NOTEBOOKS, check_notebook, notebook_of
from labkit.experiments.runs.reproduction import digits_of_agreement
from labkit.experiments.runs.run_folder import RunFolder, lock_folder
from labkit.session.settings.parameters import ParameterError
from labkit.training import read_checkpoint

pytestmark = pytest.mark.kernel

LABKIT = [sys.executable, "-c", "from labkit.cli.app import main; main()"]

HEARS_CTRL_C = ["env", "--default-signal=INT"]
"""Also where the tests are a background job, to which a shell makes it mean nothing."""
FEW = ["-p", "meta_steps", "20", "-p", "meta_batch=3"]
EVENTS = ((5, "alpha", 0.05),)
RECIPE = Recipe(
    Settings(meta_batch=3, events=EVENTS), 20, "Sinusoid", "sinusoid_mlp", dtype="float64"
)


def labkit(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "code.txt").write_text(f"> {share_code(RECIPE)}\n")
    options = ["--session", str(folder / "code.txt"), "-o", str(folder / "run"), "--progress"]
    done = subprocess.run([*LABKIT, "run", *options], capture_output=True, text=True, check=False)
    return folder / "run", done


def test_a_shared_session_runs_with_its_changes(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = finished
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("inner step  query loss")
    assert "labkit: 01_sinusoid: importing\n" in done.stderr
    assert "labkit: 01_sinusoid: measuring after 20 meta-steps\n" in done.stderr
    result = json.loads((folder / "result.json").read_text())
    assert result["events"] == [{"meta_step": 5, "name": "alpha", "value": 0.05}]
    assert result["metrics"]["meta_steps"] == 20
    assert {"commit", "dirty"} == result["provenance"]["git"].keys()
    assert "learner.safetensors" in json.loads((folder / "status.json").read_text())["files"]
    curve = load_learner(folder).adaptation_curve(10)
    assert curve.mean.tolist() == result["curves"]["adaptation"]["query_loss"]


def test_a_finished_run_is_not_repeated(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder, done = finished
    (tmp_path / "same.yaml").write_text(parameters_yaml(RECIPE))
    changed = (folder / "status.json").stat().st_mtime_ns
    code, output = labkit("run", "01_sinusoid", "-f", tmp_path / "same.yaml", "-o", folder)
    assert code == 0
    assert "is already done; --again repeats it" in output
    assert done.stdout in output
    assert (folder / "status.json").stat().st_mtime_ns == changed


def test_show(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = finished
    code, output = labkit("show", folder)
    assert code == 0
    assert done.stdout in output
    assert "meta_batch  3" in output
    assert "beta" not in output
    assert "query_loss_after" in output
    assert "platform" in output


@pytest.mark.usefixtures("warm_commands")
def test_rerun_compares(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder, _ = finished
    copy = copied(folder, tmp_path / "copy")
    result = json.loads((copy / "result.json").read_text())
    result["metrics"]["query_loss_after"] *= 1 + 1e-4
    result["provenance"]["versions"]["torch"] = "2.0"
    (copy / "result.json").write_text(json.dumps(result))
    code, output = labkit("rerun", copy)
    assert code == 1
    rows = {line.split()[0]: line.split()[-1] for line in output.splitlines() if line}
    assert rows["query_loss_before"] == "all"
    assert rows["query_loss_after"] == "4.0"
    assert "torch was 2.0, is 2" in output
    assert "not all metrics agree to 6 digits" in output


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


@pytest.mark.usefixtures("warm_commands")
def test_a_run_whose_files_are_damaged_is_repeated(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = copied(finished[0], tmp_path / "copy")
    (folder / "result.json").write_text('{"format": 1')
    (tmp_path / "same.yaml").write_text(parameters_yaml(RECIPE))
    for command in ("show", "rerun"):
        code, output = labkit(command, folder)
        assert code == 2
        assert f"{folder / 'result.json'} is damaged" in output.splitlines()[-1]
    # list agrees with show, also on a file that is readable and not the one that was written
    copy = copied(finished[0], tmp_path / "changed")
    with (copy / "notebook.ipynb").open("a") as file:
        file.write(" ")
    code, output = labkit("show", copy)
    assert code == 2
    assert "damaged: the same command repeats it" in output
    last = output.splitlines()[-1]
    assert last.endswith("is not the file that the run wrote: repeat the run")
    for path, words in ((folder, "result.json is damaged"), (copy, last.split(" is not ")[1])):
        code, output = labkit("list", path)
        assert code == 0
        assert " damaged " in output
        assert words in output
    code, output = labkit("run", "01_sinusoid", "-f", tmp_path / "same.yaml", "-o", folder)
    assert code == 0
    assert f"the files of {folder} are damaged: repeating the run" in output
    assert finished[1].stdout in output


def test_a_run_that_is_kept_without_its_notebook_is_not_rerun(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = copied(finished[0], tmp_path / "copy")
    (folder / "notebook.ipynb").unlink()
    code, output = labkit("rerun", folder)
    assert code == 2
    assert output.startswith(f"labkit: {folder} has no notebook.ipynb")
    assert len(output.splitlines()) == 1
    (folder / "notebook.ipynb").write_text("{")
    assert "is not a Jupyter notebook" in labkit("rerun", folder)[1]


def test_folders_of_others_are_refused(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    code, output = labkit("run", "01_sinusoid", *FEW, "-o", finished[0])
    assert code == 2
    assert "is the folder of another run" in output
    (tmp_path / "thesis.tex").touch()
    code, output = labkit("run", "01_sinusoid", *FEW, "-o", tmp_path)
    assert code == 2
    assert "contains files that do not belong to a run" in output
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with lock_folder(folder):
        code, output = labkit("run", "01_sinusoid", *FEW, "-o", folder)
    assert code == 2
    assert output == (
        f"labkit: {folder} is in use by another labkit: wait until it ends, or choose another "
        "folder\n"
    )
    assert [path.name for path in folder.iterdir()] == [".lock"]


@pytest.mark.usefixtures("warm_commands")
def test_a_notebook_that_records_nothing_is_done(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(1)")])
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    folder = tmp_path / "run"
    for again in (False, True):
        code, output = labkit("run", tmp_path / "mine.ipynb", "-o", folder)
        assert code == 0
        assert "done; the notebook records no result" in output
        assert ("is already done" in output) is again
    assert "records no result" in labkit("show", folder)[1]
    code, output = labkit("rerun", folder)
    assert code == 2
    assert "has no result to compare" in output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.usefixtures("warm_commands")
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(1)")])
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    folder = tmp_path / "run"
    command = ["run", tmp_path / "mine.ipynb", "-o", folder, "--no-progress"]
    assert labkit(*command)[0] == 0
    (folder / ".notebook.ipynb").symlink_to("/dev/full")  # where papermill writes
    code, output = labkit(*command, "--again")
    assert code == 1
    assert (
        output == f"labkit: {folder} cannot be written: No space left on device: make room there\n"
    )
    code, output = labkit(*command)
    assert code == 0
    assert "already done" not in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "name the notebook"),
        (["run", "02_cosine"], "there is no notebook 02_cosine"),
        (["run", "01_sinusoid", "-p", "alpha", "x"], "alpha = 'x': must be a finite number ≥ 0"),
        (["run", "01_sinusoid", "-p", "alpha=NaN"], "alpha = nan: must be a finite number ≥ 0"),
        (["run", "01_sinusoid", "-p", "alpha=1e999"], "alpha = inf: must be a finite number ≥ 0"),
        (["run", "01_sinusoid", "-p", "alhpa", "1"], "did you mean 'alpha'?"),
        (["run", "01_sinusoid", "-p", "alpha"], "-p alpha: write -p alpha 0.02"),
        (["run", "01_sinusoid", "-f", "text.yaml"], "1e-3 and quoted numbers are text"),
        (["run", "01_sinusoid", "-f", "none.yaml"], "none.yaml cannot be read: No such file"),
        (["run", "01_sinusoid", "-f", "list.yaml"], "list.yaml must contain parameters by name"),
        (["run", "01_sinusoid", "-f", "twice.yaml"], "twice.yaml: alpha is given twice: keep one"),
        (
            ["run", "01_sinusoid", "-f", "tag.yaml"],
            "not of the type of its tag ('maybe'): leave out",
        ),
        (["run", "01_sinusoid", "-f", "twice.json"], "twice.json: alpha is given twice: keep one"),
        (["run", "--session", "text.yaml"], "text.yaml does not name the notebook of its"),
        (["run", "--session", "own.txt"], "the tasks of this session are custom"),
        (
            ["run", "01_sinusoid", "--session", "float32.txt"],
            "has dtype = None, but the notebook 01_sinusoid",
        ),
        (["run", "--session", "broken.txt"], "this share code is cut short"),
        (["show", "none"], "none is not the folder of a run"),
        (["rerun", "none"], "none is not the folder of a run"),
        (["lab", "02_cosine"], "there is no notebook 02_cosine"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "text.yaml").write_text("alpha: 1e-3\n")
    (tmp_path / "list.yaml").write_text("- alpha\n")
    (tmp_path / "twice.yaml").write_text("alpha: 0.1\nshots: 5\nalpha: 0.2\n")
    (tmp_path / "tag.yaml").write_text("alpha: !!bool maybe\n")
    (tmp_path / "twice.json").write_text('{"alpha": 0.1, "shots": 5, "alpha": 0.2}')
    (tmp_path / "own.txt").write_text(share_code(Recipe(Settings())))
    (tmp_path / "float32.txt").write_text(
        share_code(Recipe(Settings(), 1, "Sinusoid", "sinusoid_mlp"))
    )
    (tmp_path / "broken.txt").write_text("maml1.abc")
    files = {path.name for path in tmp_path.iterdir()}
    code, output = labkit(*(tmp_path / word if word in files else word for word in words))
    assert code == 2
    assert message in output
    assert len(output.splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_one_line_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, output = labkit("run", "01_sinusoid", *FEW, "-o", tmp_path / "file" / "run")
    assert code == 1
    assert output.splitlines() == [
        f"labkit: {tmp_path / 'file' / 'run' / 'status.json'} cannot be read: Not a directory"
    ]


@contextlib.contextmanager
def killed(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Whatever comes, the process does not outlive the test."""
    try:
        yield
    finally:
        process.kill()


def interrupted_after(
    folder: Path, command: list[str], number: signal.Signals, meta_step: int
) -> tuple[int, str, int]:
    """Exit code and last line of a run that gets a signal once a checkpoint is so far.

    The third value is the first meta-step of which the run has told.
    """
    saved, first = RunFolder(folder).checkpoint / "training-1.safetensors", 0
    (folder / ".progress.json").unlink(missing_ok=True)
    whole = [*HEARS_CTRL_C, *LABKIT, *command]
    with subprocess.Popen(whole, stderr=subprocess.PIPE, text=True) as process, killed(process):
        until = time.monotonic() + 300
        while time.monotonic() < until and process.poll() is None:
            progress = RunFolder(folder).progress
            first = first or (progress.meta_step if progress is not None else 0)
            if saved.is_file() and at_meta_step(saved) >= meta_step:
                break
            time.sleep(0.05)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        _, words = process.communicate(timeout=60)
    assert started
    assert not psutil.wait_procs(started, timeout=10)[1]
    return process.returncode, next(iter(words.splitlines()[-1:]), ""), first


def at_meta_step(checkpoint: Path) -> int:
    content = read_checkpoint(checkpoint, "training")["state"]
    return int(content["states"][-1]["learner"]["meta_step"])


def test_an_interrupted_and_a_killed_run_continue_to_the_same_result(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = Settings(meta_steps=1500, meta_batch=3)
    command = ["run", "01_sinusoid", "-p", "meta_steps=1500", "-p", "meta_batch=3"]
    command += ["-o", str(folder), "--checkpoint-every", "0.1"]
    code, words, _ = interrupted_after(folder, command, signal.SIGTERM, 1)
    assert (code, words) == (
        130,
        f"labkit: interrupted; the same command continues the run in {folder}",
    )
    status = RunFolder(folder).status
    assert status is not None
    assert (status.state, status.error) == ("interrupted", None)
    saved = at_meta_step(folder / "checkpoint" / "training-1.safetensors")
    code, _, first = interrupted_after(folder, command, signal.SIGKILL, saved + 1)
    assert code == -signal.SIGKILL
    assert first >= saved
    status = RunFolder(folder).status
    assert status is not None
    assert status.state == "running"
    code, output = labkit("show", folder)
    assert code == 0
    assert ": the same command continues it from its last checkpoint" in output
    code, output = labkit("list", folder)
    assert code == 0
    assert "interrupted" in output
    code, output = labkit(*command)
    assert code == 0, output
    assert not (folder / "checkpoint").exists()
    session = Session(settings, model=sinusoid_mlp, tasks=Sinusoid, dtype=torch.float64)
    session.run(1500)
    result, expected = (
        {name: value for name, value in each.to_json().items() if name != "provenance"}
        for each in (RunFolder(folder).result, measure(session))
    )
    assert result == expected


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_closes_ends_a_command_unless_nohup_protects_it(
    monkeypatch: pytest.MonkeyPatch, *, ignored: bool
) -> None:
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.setattr(app_module, "app", lambda: os.kill(os.getpid(), signal.SIGHUP))
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        with contextlib.nullcontext() if ignored else pytest.raises(KeyboardInterrupt):
            app_module.main()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_values_of_the_command_line_and_of_files(tmp_path: Path) -> None:
    assert value_of("[[5, 'alpha', 0.1]]") == [[5, "alpha", 0.1]]
    assert value_of("007") == "007"
    (tmp_path / "p.json").write_text('{"alpha": 1e-3}')
    (tmp_path / "p.yaml").write_text("alpha: 1e-3")
    assert parameters_in(tmp_path / "p.json") == {"alpha": 0.001}
    assert parameters_in(tmp_path / "p.yaml") == {"alpha": "1e-3"}


def test_numbers_that_are_none_agree_with_each_other_alone() -> None:
    assert digits_of_agreement(math.nan, math.nan) == math.inf
    assert digits_of_agreement(math.nan, 1.0) == digits_of_agreement(1.0, math.nan) == 0.0


def test_a_sweep_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").touch()
    code, output = labkit("show", tmp_path)
    assert code == 2
    assert f"; the runs of the sweep are in {tmp_path / 'runs'}" in output


def test_help_says_in_a_line_what_each_command_does() -> None:
    lines = labkit("--help")[1].splitlines()
    commands = lines[lines.index("Commands:") + 1 :]
    assert [line.split()[0] for line in commands] == [
        *("run", "sweep", "compare", "show", "list", "label", "watch", "export", "rerun", "lab"),
    ]
    assert not [line for line in commands if line.endswith("...")]


def test_notebooks_of_sessions(tmp_path: Path) -> None:
    assert notebook_of(RECIPE, tmp_path) == "01_sinusoid"
    wide = Recipe(Settings(), 1, "Sinusoid", "sinusoid_mlp(width=100)", "float64")
    assert notebook_of(wide, tmp_path) == tmp_path / "session.ipynb"
    with pytest.raises(ParameterError, match=r"model = 'sinusoid_mlp\(width=100\)', but the noteb"):
        check_notebook(wide, "01_sinusoid")
    own = Recipe(Settings(), 1, "Sinusoid", "custom")
    with pytest.raises(ParameterError, match=r"the model of this session are custom"):
        notebook_of(own, tmp_path)
    assert set(NOTEBOOKS) == {"01_sinusoid", "04_tides", "05_few_shot_images"}


@pytest.mark.usefixtures("warm_commands")
def test_a_session_that_no_notebook_has_is_repeated_to_the_same_numbers(tmp_path: Path) -> None:
    """Its precision, width, schedule and changes are those of no notebook of labkit."""
    settings = Settings(meta_batch=3, shots=4, events=EVENTS, seed=7)
    session = Session(settings, model=partial(sinusoid_mlp, width=8), tasks=Sinusoid)
    session.run(9)
    expected = measure(session).metrics
    (tmp_path / "code.txt").write_text(share_code(session.recipe()))
    code, output = labkit("run", "--session", tmp_path / "code.txt", "-o", tmp_path / "run")
    assert code == 0, output
    folder = RunFolder(tmp_path / "run")
    assert folder.result.metrics == expected
    status = folder.status
    assert status is not None
    assert status.notebook == "session"
    code, output = labkit("run", "--session", tmp_path / "code.txt", "-o", tmp_path / "run")
    assert "is already done" in output
