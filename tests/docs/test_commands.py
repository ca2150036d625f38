"""The README, the site's pages and the example of CI do what they say: their commands run.

Each page in a fresh folder with the notebooks, its commands and its Python in their order, with the
options that are written there; `small_runs` reduces what notebooks compute. `# prints …` behind a
print is what it prints. A block of YAML that begins with `# NAME` is the file of that name.
`<!-- not run: reason -->` on the line before a block leaves it out.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import click.testing
import nbformat
import papermill.cli
import pytest
import torch
import typer.testing
import yaml

from labkit.cli.app import app
from labkit.experiments import WarmRuns
from tests.docs.small_runs import SmallRuns
from tests.notebooks.refresh import write_committed_form
from tests.test_docs import ROOT, SITE
from tests.warm_kernels import warm_kernels

pytestmark = pytest.mark.kernel

EXAMPLE = ROOT / "docs" / "example_ci"
COOLING = "notebooks/cooling.ipynb"
BLOCK = re.compile(
    r"^(?P<left_out><!-- not run: .+ -->\n)?```(?P<kind>sh|python|yaml)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def blocks(text: str) -> list[tuple[str, str]]:
    """Kind and code of the blocks that run."""
    return [(m["kind"], m["code"]) for m in BLOCK.finditer(text) if not m["left_out"]]


PAGES = [
    page
    for page in (ROOT / "README.md", *SITE)
    if "sh" in dict(blocks(page.read_text(encoding="utf-8")))
]
"""Pages with commands."""


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command; one that ends with a backslash continues."""
    for line in code.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def run(words: list[str]) -> tuple[int, str]:
    """Exit code and words of labkit or papermill, in this process."""
    done: Any
    if words[0] == "labkit":
        done = typer.testing.CliRunner().invoke(app, words[1:])
    else:
        done = click.testing.CliRunner().invoke(papermill.cli.papermill, words[1:])
    return done.exit_code, f"{done.output}{done.exception or ''}"


def run_command(words: list[str]) -> None:
    """Run a command of a page; of make's, see that it has what is asked."""
    if words[0] == "make":
        dry = ["make", "--dry-run", *words[1:]]
        done = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return
    ours = words[0] in {"labkit", "papermill"}
    assert ours, f"{shlex.join(words)}: mark its block with <!-- not run: why -->"
    code, output = run(words)
    assert code == 0, f"{shlex.join(words)}: {output}"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallRuns]:
    with WarmRuns() as warm:
        yield SmallRuns(warm, tmp_path_factory.mktemp("executed"))


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, folder: Path) -> None:
    link_notebooks(folder)
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    printed = StringIO()
    for kind, code in blocks(text):
        if kind == "sh":
            for words in commands(code):
                run_command(words)
        elif kind == "yaml":
            if name := re.match(r"# (\S+)\n", code):
                Path(name[1]).write_text(code)
        else:
            with redirect_stdout(printed), torch.random.fork_rng():
                exec(compile(code, str(page), "exec"), names)
    expected = re.findall(r"print\(.*\)  # prints (.+)", text)
    assert [line for line in expected if line not in printed.getvalue().splitlines()] == []


def test_blocks_that_run() -> None:
    text = (
        "```sh\na b # c\n```\n<!-- not run: x -->\n```sh\nd\n```\n```python\ne\n```\n```text\n```\n"
    )
    assert blocks(text) == [("sh", "a b # c\n"), ("python", "e\n")]
    code = "a b # c\n\n# d\n.venv/bin/e \\\n  'f g'\n"
    assert list(commands(code)) == [["a", "b"], ["e", "f g"]]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("make gone", "No rule"),
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
