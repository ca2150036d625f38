"""Exports of a recipe: whoever reads them has the same recipe again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
import yaml
from hypothesis import given

import labkit
from labkit import ClassificationSettings, Recipe, Session, Settings, Sinusoid, sinusoid_mlp
from labkit.session.sharing.export import code_cell, parameters, parameters_json, parameters_yaml
from labkit.session.sharing.named_sources import name_of
from tests.session.recipes import recipes
from tests.warm_kernels import warm_kernels

EVENTS = ((0, "beta", 1e-05), (40, "alpha_learned", "no"), (40, "alpha", 1e16), (90, "order", 1))
RECIPE = Recipe(
    Settings(alpha=1e-05, beta=1e-7, seed=2**63 - 1, events=EVENTS),
    meta_step=120,
    tasks="Sinusoid(amplitude=(0.1, 1e-05), oracle=True)",
    model="custom",
    dtype="float64",
)
CLASSES = Recipe(
    ClassificationSettings(algorithm="proto_maml", ways=3, events=((5, "algorithm", "maml"),)),
    tasks="Emoji",
    model="conv4(ways=3, channels=3)",
    batch_norm="transductive",
)
BLANK = Recipe(Settings(), tasks="Tides", model="tide_mlp")
RECIPES = [RECIPE, CLASSES, BLANK, Recipe(Settings(shots=3))]


def test_parameters_are_all_settings_in_plain_types() -> None:
    result = parameters(RECIPE)
    assert result.keys() == Settings.model_fields.keys()
    assert result["meta_steps"] == 120
    assert result["events"] == [list(event) for event in EVENTS]
    assert json.loads(json.dumps(result)) == result
    assert parameters(BLANK)["meta_steps"] == 1
    assert parameters(CLASSES)["ways"] == 3


@pytest.mark.parametrize("write", [parameters_yaml, parameters_json])
@given(recipe=recipes())
def test_yaml_1_1_and_its_reader_agree(write: Callable[[Recipe], str], recipe: Recipe) -> None:
    """papermill reads both by PyYAML, which takes 1e-05 for text and no for false."""
    read = yaml.safe_load(write(recipe))
    assert read == parameters(recipe)
    assert type(recipe.settings).checked(read) == recipe.settings.changed(
        meta_steps=max(recipe.meta_step, 1)
    )


@given(recipes())
def test_json_is_json(recipe: Recipe) -> None:
    assert json.loads(parameters_json(recipe)) == parameters(recipe)


@pytest.mark.parametrize("write", [parameters_yaml, parameters_json])
def test_papermill_reads_the_file(write: Callable[[Recipe], str], tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("events: list = []", metadata={"tags": ["parameters"]})
    check = "import labkit\nprint(labkit.notebook_settings(globals()).model_dump_json())"
    cells = [cell, nbformat.v4.new_code_cell(check)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    source, file, output = (tmp_path / name for name in ("in.ipynb", "p.yaml", "out.ipynb"))
    nbformat.write(notebook, source)
    file.write_text(write(RECIPE))
    command = [sys.executable, "-m", "papermill", str(source), str(output), "-f", str(file)]
    # a private folder: parallel kernels race on IPython's database
    environment = {**os.environ, **warm_kernels(), "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = nbformat.read(output, as_version=4).cells[-1].outputs[0].text
    assert json.loads(printed) == parameters(RECIPE)


def executed(source: str) -> tuple[list[Any], dict[str, Any]]:
    """Run a cell with a recorder in place of the session; what it took, and the names."""
    calls: list[Any] = []

    class Recorder:
        def __init__(self, settings: Settings, **options: Any) -> None:
            calls.extend((settings, options))

        def run(self, meta_steps: int) -> None:
            calls.append(meta_steps)

    def my_tasks() -> None: ...

    names = {"my_tasks": my_tasks, "my_model": torch.nn.Identity()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labkit, "Session", Recorder)
        exec(source, names)
    return calls, names


@given(recipes())
def test_the_cell_makes_the_session_of_the_recipe(recipe: Recipe) -> None:
    (settings, options, meta_steps), names = executed(code_cell(recipe))
    dtype = options.pop("dtype", None)
    again = Recipe(
        settings,
        meta_steps,
        tasks=name_of(options["tasks"]),
        model=name_of(options["model"]),
        dtype=None if dtype is None else str(dtype).removeprefix("torch."),  # type: ignore[arg-type]
        batch_norm=options.get("batch_norm"),
    )
    assert again == recipe
    for what in ("tasks", "model"):
        custom = getattr(recipe, what) == "custom"
        assert (options[what] is names[f"my_{what}"]) is custom
        assert (f"the {what} of this session was custom: give" in code_cell(recipe)) is custom


def test_the_cell_repeats_the_training() -> None:
    settings = Settings(alpha=0.1, order=1, shots=3, meta_batch=2, meta_optimizer="sgd", seed=5)
    source = partial(Sinusoid, amplitude=(1.0, 2.0))
    session = Session(settings, model=sinusoid_mlp, tasks=source, dtype=torch.float64)
    session.run(3)
    names: dict[str, Any] = {}
    recipe = Recipe(settings, 3, name_of(source), name_of(sinusoid_mlp), "float64")
    exec(code_cell(recipe), names)
    again, once = names["session"].snapshot(), session.snapshot()
    assert again.meta_step == 3
    assert all(torch.equal(again.params[name], once.params[name]) for name in once.params)


def test_cells_are_formatted(tmp_path: Path) -> None:
    for number, recipe in enumerate(RECIPES):
        (tmp_path / f"{number}.py").write_text(code_cell(recipe))
    for width in ("88", "100"):
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--diff"]
        done = subprocess.run(
            [*command, "--line-length", width, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_cell_says_only_what_differs() -> None:
    assert code_cell(CLASSES) == (
        "from functools import partial\n"
        "\n"
        "import labkit\n"
        "\n"
        "session = labkit.Session(\n"
        "    labkit.ClassificationSettings(\n"
        '        algorithm="proto_maml",\n'
        "        ways=3,\n"
        '        events=((5, "algorithm", "maml"),),\n'
        "    ),\n"
        "    model=partial(\n"
        "        labkit.conv4,\n"
        "        ways=3,\n"
        "        channels=3,\n"
        "    ),\n"
        "    tasks=labkit.Emoji,\n"
        '    batch_norm="transductive",\n'
        ")\n"
        "session.run(0)\n"
    )
