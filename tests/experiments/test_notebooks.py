"""Notebooks by name, their parameters, and the name of a run that follows from both."""

from pathlib import Path

import nbformat
import pytest

from labkit.experiments.runs import notebooks
from labkit.experiments.runs.notebooks import Notebook, find_notebook
from labkit.experiments.runs.plan import Plan
from labkit.paper.settings import FewShotSettings, PaperSettings
from labkit.session.settings.settings import ClassificationSettings, ParameterError, Settings

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KINDS = {"05_few_shot_images": ClassificationSettings}


def made(folder: Path, parameters: str, *cells: str, name: str = "mine") -> Path:
    """A notebook with a parameters cell."""
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    others = [nbformat.v4.new_code_cell(source) for source in cells]
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[first, *others]), path)
    return path


def test_a_notebook_by_path_and_by_its_short_name_from_a_folder_below(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert find_notebook(NOTEBOOKS / "01_sinusoid.ipynb") == NOTEBOOKS / "01_sinusoid.ipynb"
    monkeypatch.chdir(NOTEBOOKS.parent / "labkit" / "core")
    assert find_notebook("01_sinusoid") == NOTEBOOKS / "01_sinusoid.ipynb"
    assert find_notebook("01_sinusoid.ipynb") == NOTEBOOKS / "01_sinusoid.ipynb"


@pytest.mark.parametrize("name", ["01_sinus", "notebooks", "core/01_sinusoid", "README.md"])
def test_what_is_no_notebook_is_answered_with_those_that_there_are(name: str) -> None:
    with pytest.raises(FileNotFoundError, match="there are 01_sinusoid, 04_tides"):
        find_notebook(name)


@pytest.mark.parametrize("name", ["01_sinusoid", "04_tides", "05_few_shot_images"])
def test_all_parameters_of_a_notebook_of_the_lab_are_those_of_its_settings(name: str) -> None:
    notebook = Notebook.read(name)
    kind = KINDS.get(name, Settings)
    assert notebook.checked({}) == kind.checked(notebook.defaults).model_dump()
    parameters = {"alpha": 0.5, "events": [[3, "alpha", 0.1]]}
    assert (
        notebook.checked(parameters)
        == kind.checked({**notebook.defaults, **parameters}).model_dump()
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"alpha": "1e-3"}, "alpha = '1e-3': must be a finite number ≥ 0, got text"),
        ({"alpha": float("nan")}, "alpha = nan: must be a finite number"),
        ({"alpha": True}, "alpha = True"),
        ({"inner_steps": 1.0}, "inner_steps = 1.0: must be a whole number"),
        ({"aplha": 0.1}, "aplha = 0.1: there is no parameter of this name; did you mean 'alpha'"),
        ({"ways": 5}, "ways = 5: there is no parameter of this name"),
    ],
)
def test_what_settings_refuse_is_refused_before_anything_runs(
    values: dict[str, object], words: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        Notebook.read("01_sinusoid").checked(values)
    assert words in str(refused.value)


def test_own_parameters_are_checked_by_the_types_that_their_cell_names(tmp_path: Path) -> None:
    notebook = Notebook.read(made(tmp_path, 'folder: str = "runs"\nmost: float = 1.5\nany = None'))
    assert notebook.checked({"most": 2}) == {"folder": "runs", "most": 2.0, "any": None}
    with pytest.raises(ParameterError) as refused:
        notebook.checked({"folder": 3, "most": float("inf"), "fodler": "x"})
    assert "folder = 3" in str(refused.value)
    assert "most = inf" in str(refused.value)
    assert "did you mean 'folder'?" in str(refused.value)
    with pytest.raises(ParameterError, match=r"most = '1\.5'"):
        notebook.checked({"most": "1.5"})


def test_a_parameters_cell_that_computes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must hold assignments"):
        Notebook.read(made(tmp_path, "import os"))
    with pytest.raises(ValueError, match="the default of alpha must be a plain value"):
        Notebook.read(made(tmp_path, "alpha = 2 ** 3"))
    with pytest.raises(ValueError, match="the default of alpha must be a plain value"):
        Notebook.read(made(tmp_path, "alpha = {[1]: 2}"))
    with pytest.raises(ValueError, match=r"line 2 of the parameters cell is not Python .*'beta ='"):
        Notebook.read(made(tmp_path, "alpha = 1\nbeta = "))
    for magic in ("%matplotlib inline", "  !pip install this", "%%time"):
        with pytest.raises(ValueError, match=f"only, got '{magic.strip()}': move it to another"):
            Notebook.read(made(tmp_path, f"{magic}\nalpha = 1"))
    (tmp_path / "text.ipynb").write_text("{")
    with pytest.raises(ValueError, match="not a Jupyter notebook"):
        Notebook.read(tmp_path / "text.ipynb")


def test_parameters_without_a_tag_are_named(tmp_path: Path) -> None:
    path = made(tmp_path, "alpha = 1")
    notebook = nbformat.read(path, as_version=4)
    del notebook.cells[0].metadata["tags"]
    nbformat.write(notebook, path)
    assert Notebook.read(path).checked({}) == {}
    with pytest.raises(ParameterError, match="cannot take alpha: give the cell that assigns it th"):
        Notebook.read(path).checked({"alpha": 2})


def test_a_run_is_named_by_source_parameters_and_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Plan.of(made(tmp_path, "alpha: float = 0.1", "print(alpha)"), {})
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    same = Plan.of(made(folder, "alpha: float = 0.1", "print(alpha)"), {"alpha": 0.1})
    named = one.id
    assert named == same.id
    assert named != Plan.of(one.notebook, {"alpha": 0.2}).id
    assert Plan.of(made(tmp_path, "alpha: float = 0.1", "print( alpha)"), {}).id != named
    monkeypatch.setattr("labkit.experiments.runs.plan.__version__", "0")
    assert one.id != named


def test_outputs_do_not_name_a_run(tmp_path: Path) -> None:
    path = made(tmp_path, "alpha: float = 0.1", "print(alpha)")
    before = Plan.of(path, {}).id
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="0.1")]
    notebook.cells[1].execution_count = 7
    nbformat.write(notebook, path)
    assert Plan.of(path, {}).id == before


def test_registered_settings_are_tried_in_a_fixed_order() -> None:
    assert notebooks._registered_settings() == (
        Settings,
        ClassificationSettings,
        PaperSettings,
        FewShotSettings,
    )


@pytest.mark.parametrize(
    ("parameters", "own", "foreign"),
    [
        # all four have these, the paper's settings have fewer others
        ("alpha: float = 0.1\nseed: int = 3", {"order": 1}, {"ways": 3}),
        ("alpha: float = 0.1\nways: int = 3", {"order": 1}, {"test_tasks": 9}),
        ("alpha: float = 0.1\nmethod: str = 'maml'", {"shots": 3}, {"ways": 3}),
        ("data: str = 'emoji'\nmethod: str = 'maml'", {"ways": 3}, {"order": 1}),
    ],
)
def test_parameters_of_several_settings_are_checked_by_the_first(
    tmp_path: Path, parameters: str, own: dict[str, int], foreign: dict[str, int]
) -> None:
    notebook = Notebook.read(made(tmp_path, parameters))
    assert own.items() <= notebook.checked(own).items()
    with pytest.raises(ParameterError, match="there is no parameter of this name"):
        notebook.checked(foreign)
