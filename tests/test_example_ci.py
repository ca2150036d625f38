"""The example of CI for users: the commands that its workflow names, on its own notebook."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from tests.notebooks.refresh import write_committed_form
from tests.warm_kernels import warm_kernels

pytestmark = pytest.mark.kernel

EXAMPLE = Path(__file__).parents[1] / "docs" / "example_ci"
NOTEBOOK = "notebooks/cooling.ipynb"


def steps() -> dict[str, str]:
    """Name → commands of the workflow's steps that run something."""
    whole = yaml.safe_load((EXAMPLE / ".github/workflows/notebooks.yml").read_text())
    (job,) = whole["jobs"].values()
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


def bash(commands: str, where: Path) -> subprocess.CompletedProcess[str]:
    """As GitHub Actions runs a step, with the commands of this environment first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", commands],
        cwd=where,
        env={**os.environ, **warm_kernels(), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "study"))


def change(repository: Path, old: str, new: str) -> None:
    path = repository / NOTEBOOK
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_steps_pass(repository: Path) -> None:
    commands = steps()
    assert commands.pop("Install") == "python -m pip install -r requirements.txt"
    for name, words in commands.items():
        done = bash(words, repository)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    assert len(list((repository / "runs" / "sweep" / "runs").iterdir())) == 4
    assert {"short", "sweep", "report.html"} <= {p.name for p in (repository / "runs").iterdir()}


def test_what_is_installed_is_what_the_steps_call() -> None:
    lines = (EXAMPLE / "requirements.txt").read_text().split()
    assert "maml-lab[lab]" in lines
    assert {line.partition(">")[0] for line in lines} >= {"nbval", "pytest"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("7 - room", "8 - room", "Cell outputs differ"),
        ('[\\"ratio\\"] < 1', '[\\"ratio\\"] > 1', "adaptation must help"),
    ],
)
def test_a_notebook_that_no_longer_holds_fails(
    repository: Path, old: str, new: str, words: str
) -> None:
    change(repository, old, new)
    done = bash(steps()["The committed outputs still hold"], repository)
    assert done.returncode == 1
    assert words in done.stdout


def test_a_notebook_that_breaks_with_other_parameters_fails(repository: Path) -> None:
    change(repository, "assert result", "assert settings.shots == 5 and result")
    done = bash(steps()["Other parameters run"], repository)
    assert done.returncode == 1
    assert "AssertionError: adaptation must help" in done.stderr


def test_the_notebook_has_the_committed_form(tmp_path: Path) -> None:
    notebook: Any = nbformat.read(EXAMPLE / NOTEBOOK, as_version=4)
    write_committed_form(notebook, tmp_path / "again.ipynb")
    assert (tmp_path / "again.ipynb").read_text() == (EXAMPLE / NOTEBOOK).read_text()
    checked = [c for c in notebook.cells if "nbval-check-output" in c.metadata.get("tags", ())]
    assert checked
    assert all(cell.execution_count and cell.outputs for cell in checked)
