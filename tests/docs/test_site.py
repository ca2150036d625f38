"""What the site writes by itself, and that it leaves nothing out. `make docs` checks its links."""

import doctest
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

import labkit
from docs.extensions import docstrings, registries, repository
from labkit.session import ALGORITHMS
from labkit.widgets.controls import Labelled
from labkit.widgets.lab_controls import LabControls

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
API = DOCS / "reference" / "api"


def documented() -> list[str]:
    """The names that the pages of the Python reference describe, in their order."""
    directive = re.compile(r"^\.\. (?:auto\w+|py:data):: labkit\.([\w.]+)$", re.MULTILINE)
    return [
        name for page in sorted(API.glob("*.md")) for name in directive.findall(page.read_text())
    ]


@pytest.mark.parametrize("module", [docstrings, registries, repository], ids=lambda m: m.__name__)
def test_examples_of_the_extensions(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_every_public_name_is_in_the_reference_once() -> None:
    names = documented()
    public = {name for name in dir(labkit) if name not in {"__version__", "paper"}}
    public |= {f"paper.{name}" for name in dir(labkit.paper)}
    assert public - set(names) == set(), "add them to a page in docs/reference/api"
    assert sorted(set(names)) == sorted(names), "described twice"


def test_every_page_of_the_reference_is_in_its_contents() -> None:
    contents = (API / "index.md").read_text().splitlines()
    assert {page.stem for page in API.glob("*.md")} - {"index"} <= set(contents)


def test_each_setting_has_a_line() -> None:
    page = registries.filled((DOCS / "reference" / "settings.md").read_text())
    for name, field in labkit.ClassificationSettings.model_fields.items():
        assert re.search(rf"^\| `{name}` \| {re.escape(str(field.description))} \|", page, re.M)
    for name in ALGORITHMS:
        assert f"| `{name}` |" in page
    assert "<!-- registry" not in page


def test_each_control_has_a_line() -> None:
    session = labkit.Session(labkit.Settings(), model=labkit.sinusoid_mlp, tasks=labkit.Sinusoid)
    page = registries.filled((DOCS / "howto" / "instruments.md").read_text())
    assert all(f"| `{p.name}` | {p.title} | {p.watch} |" in page for p in labkit.PRESETS.values())
    page = registries.filled((DOCS / "reference" / "controls.md").read_text())
    specs = [spec for group in LabControls(session).groups() for spec in group.controls]
    for spec in specs:
        assert (f"| `{spec.name}` |" in page) == isinstance(spec, Labelled), spec.name


def test_each_command_has_a_section() -> None:
    page = registries.filled((DOCS / "reference" / "cli.md").read_text())
    for command in ("run", "sweep", "compare", "show", "rerun", "lab"):
        assert f"## `labkit {command}`" in page
    assert "\n* `lab`: Open a notebook with the lab in JupyterLab; Ctrl-C ends it.\n" in page
    assert "--minimise METRIC" in page


def test_a_table_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError, match="gone"):
        registries.filled("<!-- registry: gone -->")


def test_notebooks_are_copied_as_they_were_executed(tmp_path: Path) -> None:
    (tmp_path / "99_gone.ipynb").touch()
    repository.copy_notebooks(tmp_path, str)
    copies = sorted(tmp_path.glob("*.ipynb"))
    assert [copy.name for copy in copies] == [path.name for path in repository.tutorials()]
    before = {copy: copy.stat().st_mtime_ns for copy in copies}
    repository.copy_notebooks(tmp_path, str)
    assert {copy: copy.stat().st_mtime_ns for copy in copies} == before


def test_what_the_build_writes_is_not_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "docs/tutorials", "docs/build"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert [path for path in listed.stdout.split() if not path.endswith(".md")] == []


def test_continuous_integration_builds_the_site() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "make docs\n" in (ROOT / ".ci" / "run").read_text()
    assert "make docs\n" in (ROOT / ".github" / "workflows" / "docs.yml").read_text()
    assert re.search(r"^docs:.*\n\t.*-m sphinx --fail-on-warning", makefile, re.M)
