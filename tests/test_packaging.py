"""Dependencies and imports: one source of truth, and arrows that run downward."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import labkit

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "duckdb": "python-duckdb"}
"""Names that conda-forge gives to packages that PyPI names otherwise."""


def declared(*more: str) -> dict[str, Requirement]:
    """What the laboratory needs, and the extras `more`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = list(project["dependencies"])
    for extra in ("lab", "app", "search", "gym", "test", *more):
        lines += extras[extra]
    return {Requirement(line).name: Requirement(line) for line in lines}


def test_environment_yml_agrees_with_pyproject() -> None:
    """`environment.yml` lists each dependency once, with the same range."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    assert "-e ." in pip
    lines = [e for e in listed if isinstance(e, str)] + [e for e in pip if not e.startswith("-")]
    requirements = {r.name: str(r.specifier) for r in map(Requirement, lines)}
    assert len(requirements) == len(lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert requirements.pop("python") == project["requires-python"]
    del requirements["pip"]
    expected = {CONDA_NAMES.get(name, name): str(r.specifier) for name, r in declared().items()}
    assert requirements == expected


def test_constraints_pin_every_dependency_within_its_range() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {}
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "==", str(pin)
        assert "+" not in specifier.version, f"{pin}: a local version is not to be had elsewhere"
        versions[re.sub(r"[-_.]+", "-", pin.name).lower()] = specifier.version
    for name, requirement in declared("bench", "docs").items():
        assert requirement.specifier.contains(versions[name.lower()]), str(requirement)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("labkit", ["torch", "plotly", "ipywidgets", "papermill", "pydantic"]),
        ("labkit.core", ["plotly", "ipywidgets", "papermill", "IPython", "pydantic"]),
        ("labkit.session", ["plotly", "ipywidgets", "papermill", "IPython"]),
        ("labkit.experiments", ["ipywidgets", "anywidget"]),
    ],
)
def test_imports_load_only_what_they_need(module: str, absent: list[str]) -> None:
    every = "" if module == "labkit" else f"[getattr({module}, n) for n in dir({module})]; "
    code = f"import sys, {module}; {every}print([m for m in {absent} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "package", ["labkit", "labkit.experiments", "labkit.paper", "labkit.session"]
)
def test_no_module_hides_a_public_name_that_is_imported_later(package: str) -> None:
    folder = ROOT / package.replace(".", "/")
    assert not {path.stem for path in folder.glob("*.py")} & set(
        importlib.import_module(package).__all__
    )


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["sweep", "--help"], ["show", "."]]
)
def test_the_command_line_answers_without_waiting_for_torch(words: list[str]) -> None:
    heavy = ["torch", "plotly", "papermill", "nbformat", "pandas", "distributed", "IPython"]
    code = (
        "import sys; from labkit.cli.app import main\n"
        "try: main()\n"
        f"finally: print('loaded:', [m for m in {heavy} if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_public_names_are_there_and_documented() -> None:
    contracts = {"adapt", "meta_gradient", "MAML", "MetaLearner", "Sinusoid", "Session", "Lab"}
    assert contracts | {"read_result", "TaskFamily"} <= set(dir(labkit))
    for name in dir(labkit):
        thing = getattr(labkit, name)
        assert name == "__version__" or thing.__doc__, name


def test_all_data_files_go_into_the_package() -> None:
    """The patterns of pyproject name every file under labkit/data, and the front end."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    patterns = tool["setuptools"]["package-data"]["labkit"]
    packed = {path for pattern in patterns for path in (ROOT / "labkit").glob(pattern)}
    data = {path for path in (ROOT / "labkit" / "data").rglob("*") if path.is_file()}
    front_end = {ROOT / "labkit/widgets/static" / name for name in ("widget.js", "widget.css")}
    assert data
    assert data | front_end <= packed
