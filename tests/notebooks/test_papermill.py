"""Notebooks as experiments: papermill's own command, with the words that a user types."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from papermill import cli

from labkit import (
    Session,
    Settings,
    Sinusoid,
    measure,
    read_result,
    sinusoid_mlp,
)
from labkit.paper import FewShotSettings, PaperSettings
from tests.notebooks.fewer import NOTEBOOKS, with_fewer_tasks
from tests.warm_kernels import warm_kernels

pytestmark = pytest.mark.kernel

NOTEBOOK = NOTEBOOKS / "01_sinusoid.ipynb"
FAST = ["-p", "meta_steps", "20", "-p", "meta_batch", "3"]


def papermill(output: Path, *arguments: str, notebook: Path = NOTEBOOK) -> tuple[int, str]:
    """Exit code and words of the command, in this process and with a warm kernel."""
    with pytest.MonkeyPatch.context() as patch:
        # history off and a private folder: parallel kernels race on IPython's database
        for name, value in {**warm_kernels(), "IPYTHONDIR": str(output.parent / "ipython")}.items():
            patch.setenv(name, value)
        done = CliRunner().invoke(cli.papermill, [str(notebook), str(output), *arguments])
    return done.exit_code, f"{done.output}{done.exception or ''}"


def papermill_process(output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user types it, with a kernel that starts as for a user."""
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(output), *arguments]
    environment = {**os.environ, "IPYTHONDIR": str(output.parent / "ipython")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("papermill") / "out.ipynb"
    done = papermill_process(output, "-p", "alpha", "0.02", "-p", "order", "1", *FAST)
    assert done.returncode == 0, done.stderr
    return output


def test_parameters_reach_the_result(executed: Path) -> None:
    result = read_result(executed)
    expected = Settings(alpha=0.02, order=1, meta_steps=20, meta_batch=3)
    assert result.parameters == expected.model_dump()
    assert result.metrics["meta_steps"] == 20
    assert result.curves["adaptation"].keys() >= {"inner_step", "query_loss", "ci95"}
    assert len(result.curves["training"]["loss_after"]) == 20


def test_same_numbers_as_the_session_itself(executed: Path) -> None:
    session = Session(
        Settings(alpha=0.02, order=1, meta_steps=20, meta_batch=3),
        model=sinusoid_mlp,
        tasks=Sinusoid,
        dtype=torch.float64,
    )
    session.run(20)
    expected = measure(session).curves
    for name, curve in read_result(executed).curves.items():
        for column, values in curve.items():
            np.testing.assert_array_equal(values, expected[name][column], err_msg=column)


def test_ends_with_a_plain_figure_and_no_widget_state(executed: Path) -> None:
    notebook = nbformat.read(executed, as_version=4)
    assert "widgets" not in notebook.metadata
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert not any("widget-view" in mime for o in outputs for mime in o.get("data", {}))
    (*_, cell) = (cell for cell in notebook.cells if cell.cell_type == "code")
    last = cell.outputs[-1].data
    figure = last["application/vnd.plotly.v1+json"]
    assert {"first-order MAML", "true", "after adaptation"} <= {
        trace["name"] for trace in figure["data"]
    }
    assert "<script" in last["text/html"]
    assert "query loss after 0 … 10 inner steps" in last["text/plain"]


def test_same_seed_same_numbers(executed: Path, tmp_path: Path) -> None:
    code, words = papermill(
        tmp_path / "out.ipynb", "-p", "alpha", "0.02", "-p", "order", "1", *FAST
    )
    assert code == 0, words
    one, two = read_result(executed), read_result(tmp_path / "out.ipynb")
    assert json.dumps(one.to_json()["curves"]) == json.dumps(two.to_json()["curves"])
    assert one.metrics == two.metrics


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "alpha", "-1"], "alpha = -1: must be a finite number ≥ 0"),
        (["-p", "order", "3"], "order = 3: must be 1 or 2"),
        (["-p", "inner_steps", "1.5"], "inner_steps = 1.5: must be a whole number ≥ 0"),
        (["-p", "meta_steps", "0"], "meta_steps = 0: must be a whole number ≥ 1"),
        (["-p", "seed", "x"], "seed = 'x': must be a whole number ≥ 0"),
        (["-p", "beta", "nan"], "beta = nan: must be a finite number ≥ 0"),
        (["-f", "text.yaml"], "alpha = '1e-3': must be a finite number ≥ 0, got text"),
        (["-y", "events: [[5, alpha, 1e-3]]"], "events[0] = [5, 'alpha', '1e-3']: must be a fin"),
        (["-y", "alpha_learned: no"], "alpha_learned = False: must be 'no' or 'scalar' or"),
        (["-p", "alhpa", "0.1"], "alhpa = 0.1: there is no parameter of this name; did you mean"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_bad_parameters(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "text.yaml").write_text("alpha: 1e-3\n")
    arguments = [str(tmp_path / a) if a.endswith(".yaml") else a for a in arguments]
    output = tmp_path / "out.ipynb"
    code, said = papermill(output, *FAST, *arguments)
    assert code != 0
    assert f"ParameterError: {words}" in said
    notebook = nbformat.read(output, as_version=4)
    errors = [o for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "error"]
    assert [error.ename for error in errors] == ["ParameterError"]
    assert words in errors[0].evalue
    with pytest.raises(ValueError, match="it stopped with ParameterError"):
        read_result(output)


@pytest.mark.parametrize(
    ("name", "arguments", "measures"),
    [
        ("04_tides", ["-p", "shots", "4"], {"rmse_ft", "mae_ft"}),
        ("05_few_shot_images", ["-p", "ways", "2", "-p", "shots", "2"], {"accuracy"}),
        ("07_bring_your_own", ["-p", "shots", "4"], {"rmse"}),
    ],
)
def test_notebooks_of_other_families_run(
    tmp_path: Path, name: str, arguments: list[str], measures: set[str]
) -> None:
    notebook, output = tmp_path / f"{name}.ipynb", tmp_path / "out.ipynb"
    nbformat.write(with_fewer_tasks(name), notebook)
    few = ["-p", "meta_steps", "3", "-p", "meta_batch", "2"]
    code, words = papermill(output, *arguments, *few, notebook=notebook)
    assert code == 0, words
    result = read_result(output)
    assert result.parameters[arguments[1]] == int(arguments[2])
    assert result.metrics["meta_steps"] == 3
    assert {n.removesuffix("_ci95") for n in result.curves["adaptation"]} >= measures
    assert all(result.metrics[f"{measure}_after"] >= 0 for measure in measures)


@pytest.mark.parametrize("method", ["first_order", "oracle"])
def test_a_short_run_of_the_papers_table(tmp_path: Path, method: str) -> None:
    output = tmp_path / "out.ipynb"
    few = ["-p", "method", method, "-p", "meta_steps", "3", "-p", "meta_batch", "2"]
    code, words = papermill(output, *few, notebook=NOTEBOOKS / "11_paper_run.ipynb")
    assert code == 0, words
    result = read_result(output)
    expected = PaperSettings(method=method, meta_steps=3, meta_batch=2)  # type: ignore[arg-type]
    assert result.parameters == expected.model_dump()
    rule = "none" if method == "oracle" else "halved"
    assert result.metrics[f"loss_5_shots_10_{rule}"] > 0
    assert result.curves["adaptation"]["inner_step"].size == 11


def test_a_short_run_of_the_omniglot_rows(tmp_path: Path) -> None:
    output = tmp_path / "out.ipynb"
    parameters = {
        "method": "first_order",
        "meta_steps": 2,
        "meta_batch": 2,
        "ways": 3,
        "test_tasks": 8,
    }
    few = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    code, words = papermill(output, *few, notebook=NOTEBOOKS / "12_few_shot_run.ipynb")
    assert code == 0, words
    result = read_result(output)
    notebook = {"data": "emoji", "alpha": 0.1, "beta": 0.003}
    assert result.parameters == FewShotSettings.checked({**notebook, **parameters}).model_dump()
    assert 0 < result.metrics["accuracy_3_upright"] <= 1
    assert result.curves["training"]["meta_step"].tolist() == [1, 2]


def test_more_ways_than_there_are_classes(tmp_path: Path) -> None:
    output = tmp_path / "out.ipynb"
    images = NOTEBOOKS / "05_few_shot_images.ipynb"
    code, said = papermill(output, "-p", "ways", "2000", notebook=images)
    assert code != 0
    assert "ways=2000, but there are 728 classes" in said
    with pytest.raises(ValueError, match="it stopped with ValueError"):
        read_result(output)
