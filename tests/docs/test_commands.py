"""The README, the site's pages and the example of CI do what they say: their commands run.

Each page in a fresh folder with the notebooks, its commands and its Python in their order, with the
options that are written there; `small_runs` reduces what notebooks compute. `# prints …` behind a
print is what it prints. A block of YAML that begins with `# NAME` is the file of that name.

Three kinds of commands do not run here. Those of make are checked without being executed;
`test_make` starts what the README's serve. In blocks that are marked as not run, names and options
are checked as far as this project decides them. Commands within sentences are checked in the same
way.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import click.testing
import nbformat
import papermill.cli
import pytest
import torch
import typer.main
import typer.testing
import yaml

from labkit.cli.app import app
from labkit.experiments import WarmRuns
from tests.docs.blocks import (
    FENCE,
    PAGES,
    RUN,
    WITH_COMMANDS,
    Block,
    all_blocks,
    blocks,
    commands,
)
from tests.docs.small_runs import SmallRuns
from tests.notebooks.refresh import write_committed_form
from tests.test_docs import ROOT
from tests.warm_kernels import warm_kernels

pytestmark = pytest.mark.kernel

EXAMPLE = ROOT / "docs" / "example_ci"
COOLING = "notebooks/cooling.ipynb"


def run(words: list[str]) -> tuple[int, str]:
    """Exit code and words of labkit or papermill, in this process."""
    done: Any
    if words[0] == "labkit":
        done = typer.testing.CliRunner().invoke(app, words[1:])
    else:
        done = click.testing.CliRunner().invoke(papermill.cli.papermill, words[1:])
    return done.exit_code, f"{done.output}{done.exception or ''}"


def check_make(words: list[str]) -> None:
    """Without executing it, see that make has its targets, variables and notebook."""
    text = (ROOT / "Makefile").read_text()
    variables = re.findall(r"^([A-Z_]+) [:?]?= ?", text, re.MULTILINE)
    for word in words[1:]:
        name, is_variable, value = word.partition("=")
        assert not is_variable or name in variables, f"{shlex.join(words)}: no variable {name}"
        assert name != "NOTEBOOK" or (ROOT / value).exists(), f"{shlex.join(words)}: no {value}"
    done = subprocess.run(
        ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def check_words(words: list[str]) -> None:
    """Without executing a command, or a part of one, see that it names what exists."""
    if words[0] == "make":
        check_make(words)
    elif words[0] == "labkit":
        program: Any = typer.main.get_command(app)
        name = next((word for word in words[1:] if not word.startswith("-")), "")
        assert not name or name in program.commands, f"labkit has no {name}"
        params = program.commands[name].params if name else program.params
        options = {option for param in params for option in param.opts}
        unknown = {word for word in words[1:] if word.startswith("-")} - options
        assert not unknown, f"{shlex.join(words)}: no option {', '.join(unknown)}"
    elif words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]), f"there is no module {words[2]}"
        paths = [word for word in words[3:] if "/" in word]
        assert all((ROOT / path).exists() for path in paths), shlex.join(words)
    elif words[:2] == ["pip", "install"]:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for extras in re.findall(r"(?:\.|maml-lab)\[(.+)\]", words[-1]):
            unknown = {*extras.split(",")} - {*project["optional-dependencies"]}
            assert not unknown, f"there is no extra {unknown}"


def run_command(words: list[str]) -> None:
    """Run a command of a page; check those of make."""
    if words[0] == "make":
        check_make(words)
        return
    ours = words[0] in {"labkit", "papermill"}
    assert ours, f"{shlex.join(words)}: mark its block with <!-- not run: why -->"
    code, output = run(words)
    assert code == 0, f"{shlex.join(words)}: {output}"


@pytest.fixture(scope="module")
def small(warm_runs: WarmRuns, tmp_path_factory: pytest.TempPathFactory) -> SmallRuns:
    return SmallRuns(warm_runs, tmp_path_factory.mktemp("executed"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: SmallRuns) -> Path:
    """A fresh folder, where commands run."""
    small.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def link_notebooks(folder: Path) -> None:
    (folder / "notebooks").mkdir()
    for path in (ROOT / "notebooks").iterdir():
        (folder / "notebooks" / path.name).symlink_to(path)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, folder: Path) -> None:
    link_notebooks(folder)
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    printed = StringIO()
    for block in blocks(text):
        if block.kind == "sh":
            for words in commands(block.code):
                run_command(words)
        elif block.kind == "yaml":
            if name := re.match(r"# (\S+)\n", block.code):
                Path(name[1]).write_text(block.code)
        else:
            with redirect_stdout(printed), torch.random.fork_rng():
                exec(compile(block.code, str(page), "exec"), names)
    if page.name == "README.md":
        learner: Any = names["learner"]
        curve = learner.adaptation_curve(inner_steps=3).mean
        assert curve[3] < 0.2 * curve[0], "the README's example has learned nothing"
    expected = re.findall(r"print\(.*\)  # prints (.+)", text)
    assert [line for line in expected if line not in printed.getvalue().splitlines()] == []


def test_blocks_that_run() -> None:
    text = (
        "```sh\na b # c\n```\n<!-- not run: x -->\n```sh\nd\n```\n```python\ne\n```\n```text\n```\n"
        "<!-- not run: y -->\n```python\nf\n```\n"
    )
    assert blocks(text) == [Block("sh", "a b # c\n"), Block("python", "e\n")]
    marked = [block for block in all_blocks(text) if block.reason]
    assert marked == [Block("sh", "d\n", "x"), Block("python", "f\n", "y")]
    code = "a b # c\n\n# d\n.venv/bin/e \\\n  'f g'\n"
    assert list(commands(code)) == [["a", "b"], ["e", "f g"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_that_do_not_run_name_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    marked = [block.code for block in all_blocks(text) if block.kind == "sh" and block.reason]
    inline = re.findall(r"`((?:make|labkit|python -m|pip install) [^`…]+)`", FENCE.sub("", text))
    for words in (words for code in [*marked, *inline] for words in commands(code)):
        check_words(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_block_escapes(page: Path) -> None:
    """Each is of a kind that the tests know, is not indented, and has its mark right above it."""
    text = page.read_text(encoding="utf-8")
    rest = FENCE.sub("", text)
    assert "```" not in rest
    assert "<!-- not run" not in rest
    assert {block.kind for block in all_blocks(text) if block.kind[:1] != "{"} <= {*RUN, "text", ""}


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("make gone", "No rule"),
        ("make app NOTEBOK=notebooks/01_sinusoid.ipynb", "no variable NOTEBOK"),
        ("make app NOTEBOOK=notebooks/gone.ipynb", "no notebooks/gone"),
        ("labkit run 01_sinusoid -p alhpa 0.1", "did you mean 'alpha'"),
        ("labkit sweep gone --seeds 2 -o sweeps", "there is no notebook gone"),
        ("papermill notebooks/01_sinusoid.ipynb out.ipynb -p order 3", "order"),
        ("echo hello", "mark its block"),
    ],
)
def test_a_command_that_fails_is_noticed(folder: Path, command: str, complaint: str) -> None:
    link_notebooks(folder)
    with pytest.raises(AssertionError, match=complaint):
        run_command(shlex.split(command))


@pytest.mark.parametrize(
    "command",
    [
        "labkit gone",
        "labkit sweep 01_sinusoid --gone -o sweeps",
        "python -m benchmarks.gone",
        "python -m pytest tests/gone",
        "pip install -e '.[lab,gone]'",
        "make gone",
    ],
)
def test_words_that_name_nothing_are_noticed(command: str) -> None:
    with pytest.raises(AssertionError):
        check_words(shlex.split(command))


# The example of CI: the commands of its workflow, on its own notebook


def steps() -> dict[str, str]:
    """Name → commands of the workflow's steps that run something."""
    whole = yaml.safe_load((EXAMPLE / ".github/workflows/notebooks.yml").read_text())
    (job,) = whole["jobs"].values()
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


def study(folder: Path) -> Path:
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    return folder


def change(notebook: Path, *changes: tuple[str, str]) -> None:
    text = notebook.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    notebook.write_text(text)


def test_the_example_runs(folder: Path) -> None:
    runs = study(folder) / "runs"
    code = steps()
    assert code.pop("Install") == "python -m pip install -r requirements.txt"
    assert code.pop("The committed outputs still hold") == "python -m pytest --nbval notebooks"
    for words in commands("\n".join(code.values())):
        run_command(words)
    assert len(list((runs / "sweep" / "runs").iterdir())) == 4
    assert {"short", "sweep", "report.html"} <= {path.name for path in runs.iterdir()}


def test_committed_outputs_hold_and_others_fail(tmp_path: Path) -> None:
    wrong = study(tmp_path) / "notebooks" / "wrong.ipynb"
    shutil.copy(tmp_path / COOLING, wrong)
    change(wrong, ("7 - room", "8 - room"), ('[\\"ratio\\"] < 1', '[\\"ratio\\"] > 1'))
    (command,) = commands(steps()["The committed outputs still hold"])
    done = subprocess.run(
        [sys.executable, *command[1:]],
        cwd=tmp_path,
        env={**os.environ, **warm_kernels()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    failures = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    assert {name.partition("::")[0] for name in failures} == {"notebooks/wrong.ipynb"}
    assert "adaptation must help" in done.stdout


def test_a_notebook_that_breaks_with_other_parameters_fails(folder: Path) -> None:
    notebook = study(folder) / COOLING
    change(notebook, ("assert result", "assert settings.shots == 5 and result"))
    (words,) = commands(steps()["Other parameters run"])
    code, output = run(words)
    assert code == 1
    assert "AssertionError: adaptation must help" in output


def test_what_is_installed_is_what_the_steps_call() -> None:
    lines = (EXAMPLE / "requirements.txt").read_text().split()
    assert "maml-lab[lab]" in lines
    assert {line.partition(">")[0] for line in lines} >= {"nbval", "pytest"}


def test_the_notebook_has_the_committed_form(tmp_path: Path) -> None:
    notebook: Any = nbformat.read(EXAMPLE / COOLING, as_version=4)
    write_committed_form(notebook, tmp_path / "again.ipynb")
    assert (tmp_path / "again.ipynb").read_text() == (EXAMPLE / COOLING).read_text()
    checked = [c for c in notebook.cells if "nbval-check-output" in c.metadata.get("tags", ())]
    assert checked
    assert all(cell.execution_count and cell.outputs for cell in checked)
