"""The committed notebooks: thin, one form, and with outputs that nbval really compares."""

import ast
import base64
import json
import math
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image

from labkit import ClassificationSettings, Settings
from labkit.paper import FewShotSettings, NavigationSettings, PaperSettings
from labkit.session.settings.parameters import CheckedModel
from tests.notebooks.refresh import IGNORED, PICTURE, write_committed_form
from tests.notebooks.stills import MOST_BYTES, small_png

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LABS = [path for path in NOTEBOOKS if "labkit.open_lab(" in path.read_text()]
TRAINING = [path for path in NOTEBOOKS if "labkit.notebook_settings(" in path.read_text()]
"""Those in which something is trained, with a lab or without."""
CHECKED = "nbval-check-output"
APP_SKIP = "app-skip"
"""Tag of the cells that `make app` neither shows nor runs."""
MOST_LINES = 12
OWN_TASKS = "own-tasks"
"""Tag of the cell in which a user would write down tasks of their own: one short function."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name)
def path(request: Any) -> Path:
    notebook: Path = request.param
    return notebook


@pytest.fixture
def notebook(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def uncompared(notebook: Any) -> list[str]:
    """Why nbval would compare nothing where it should: one sentence for each such cell."""
    faults = []
    checked = [cell for cell in code_cells(notebook) if CHECKED in cell.metadata.get("tags", ())]
    if not checked:
        faults.append(f"no cell is tagged {CHECKED}")
    for cell in code_cells(notebook):
        if cell.execution_count is None:
            faults.append(f"cell {cell.id} has no execution count")
        if cell in checked and not cell.outputs:
            faults.append(f"cell {cell.id} is checked but has no output")
        prints = re.search(r"\bprint\(", cell.source)
        if prints and cell not in checked:
            faults.append(f"cell {cell.id} prints but is not tagged {CHECKED}")
    return faults


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


def test_nbval_compares_outputs(notebook: Any) -> None:
    assert uncompared(notebook) == []


def test_a_stripped_notebook_is_noticed(notebook: Any) -> None:
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    faults = uncompared(notebook)
    assert any("no execution count" in fault for fault in faults)
    assert any("has no output" in fault for fault in faults)


def test_committed_form(path: Path, tmp_path: Path) -> None:
    nbformat.validate(nbformat.read(path, as_version=4))
    write_committed_form(nbformat.read(path, as_version=4), tmp_path / path.name)
    assert (tmp_path / path.name).read_text() == path.read_text(), "run `make notebooks`"
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert path.stat().st_size < 100_000
    # outputs must not tell where they were made
    assert not re.search(r"/home/|/root/|/Users/|[A-Z]:\\\\", path.read_text())


def test_cells_are_thin_and_explained(notebook: Any) -> None:
    for cell in code_cells(notebook):
        # the parameters have a line each
        most = math.inf if "parameters" in cell.metadata.get("tags", ()) else MOST_LINES
        assert len(cell.source.splitlines()) <= most, cell.id
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not any(isinstance(node, ast.ClassDef | ast.For | ast.While) for node in nodes)
        functions = sum(isinstance(node, ast.FunctionDef) for node in nodes)
        assert functions == (OWN_TASKS in cell.metadata.get("tags", ())), cell.id
    assert notebook.cells[0].cell_type == "markdown"


def test_one_notebook_alone_defines_a_function() -> None:
    tagged = [
        path.name
        for path in NOTEBOOKS
        for cell in code_cells(nbformat.read(path, as_version=4))
        if OWN_TASKS in cell.metadata.get("tags", ())
    ]
    assert tagged == ["07_bring_your_own.ipynb"]


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: path.name)
def test_parameters_cell_equals_the_settings(path: Path, notebook: Any) -> None:
    """Names, order and descriptions are those of the settings that it reads; values are allowed.

    In the first notebook they are the defaults.
    """
    kinds: tuple[type[CheckedModel], ...] = (
        ClassificationSettings,
        FewShotSettings,
        NavigationSettings,
        PaperSettings,
    )
    source = path.read_text()
    named = (kind for kind in kinds if re.search(rf"labkit\.(paper\.)?{kind.__name__}\b", source))
    kind: type[CheckedModel] = next(named, Settings)
    (cell,) = [c for c in code_cells(notebook) if "parameters" in c.metadata.get("tags", ())]
    assignment = re.compile(r"(\w+): \w+ = (\S+)  # (.+)")
    lines = [assignment.fullmatch(line) for line in cell.source.splitlines()]
    assert [(m[1], m[3]) for m in lines if m] == [
        (name, field.description) for name, field in kind.model_fields.items()
    ]
    values = {m[1]: ast.literal_eval(m[2]) for m in lines if m}
    assert kind.checked(values).model_dump() == values
    if path.name.startswith("01"):
        assert kind.checked(values) == kind()


@pytest.mark.parametrize("name", ["09_compare", "10_paper"])
def test_what_reads_runs_takes_folders_alone(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS[0].parent / f"{name}.ipynb", as_version=4)
    (cell,) = [c for c in code_cells(notebook) if "parameters" in c.metadata.get("tags", ())]
    for line in cell.source.splitlines():
        assert re.fullmatch(r'((omniglot|navigation)_)?folder: str = "data/\w+_sweep"  # .+', line)


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.name)
def test_an_application_ends_with_its_lab(notebook: Any) -> None:
    """No cell behind the lab's measures a session that nobody has trained yet; all before run."""
    (lab,) = [i for i, c in enumerate(notebook.cells) if "labkit.open_lab(" in c.source]
    for i, cell in enumerate(notebook.cells):
        skipped = APP_SKIP in cell.metadata.get("tags", ())
        if i > lab:
            assert skipped, cell.id
        elif cell.cell_type == "code":
            assert not skipped, cell.id


def test_the_applications_settings_leave_out_what_is_tagged() -> None:
    settings = json.loads((Path(__file__).parents[2] / "jupyter" / "voila.json").read_text())
    assert settings["TagRemovePreprocessor"]["remove_cell_tags"] == [APP_SKIP]


def test_only_unchecked_cells_may_be_ignored(notebook: Any) -> None:
    for cell in code_cells(notebook):
        assert not {IGNORED, CHECKED} <= set(cell.metadata.get("tags", ()))


def pictures(notebook: Any) -> list[bytes]:
    """What a viewer without scripts shows, such as a code host."""
    return [
        base64.b64decode(output.data[PICTURE])
        for cell in code_cells(notebook)
        for output in cell.outputs
        if PICTURE in output.get("data", {})
    ]


def test_a_figure_is_stored_that_shows_without_scripts(notebook: Any) -> None:
    stored = pictures(notebook)
    assert stored, "run `make notebooks`"
    for picture in stored:
        assert picture.startswith(b"\x89PNG")
        assert len(picture) <= MOST_BYTES


def test_nbval_does_not_compare_pictures(notebook: Any) -> None:
    """Their bytes differ with the fonts of a machine."""
    for cell in code_cells(notebook):
        if any(PICTURE in output.get("data", {}) for output in cell.outputs):
            assert IGNORED in cell.metadata.get("tags", ()), cell.id


def test_a_picture_loses_colours_until_it_is_small_enough() -> None:
    noise = Image.effect_noise((64, 64), 200).convert("RGB")
    sizes = [len(small_png(noise, most)) for most in (10_000, 2_500)]
    assert sizes[1] <= 2_500 < sizes[0] <= 10_000
    with pytest.raises(ValueError, match="more than 100: draw less"):
        small_png(noise, 100)


def test_a_notebook_links_to_its_neighbours(path: Path, notebook: Any) -> None:
    number = NOTEBOOKS.index(path)
    neighbours = {"Previous": number - 1, "Next": number + 1}
    expected = [
        f"{word}: [{title(NOTEBOOKS[at])}]({NOTEBOOKS[at].name})"
        for word, at in neighbours.items()
        if 0 <= at < len(NOTEBOOKS)
    ]
    assert notebook.cells[-1].source == " · ".join(expected)


def title(path: Path) -> str:
    (heading,) = re.findall(r"\A# (.+)", nbformat.read(path, as_version=4).cells[0].source)
    return str(heading)
