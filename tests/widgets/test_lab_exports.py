"""What leaves the lab, and that a headless run of it comes to the same numbers."""

import base64
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from labkit import Session, Settings, Sinusoid, measure, read_result, sinusoid_mlp
from labkit.session.sharing.share import read_share_code
from labkit.widgets import exports
from tests.widgets.page import Page, shown, until

pytestmark = pytest.mark.kernel

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_sinusoid.ipynb"


@pytest.fixture
def page() -> Iterator[Page]:
    """A lab in which a person has done something."""
    session = Session(
        Settings(meta_batch=2, shots=3),
        model=sinusoid_mlp,
        tasks=Sinusoid,
        dtype=torch.float64,
        test_tasks=20,
    )
    with shown(session) as page:
        page.press("meta_step")
        session.wait()
        page.set("alpha", 0.02, final=False)
        page.set("alpha", 0.03)
        page.set("order", 1)
        for _ in range(2):
            page.press("meta_step")
            session.wait()
        page.set("alpha_learned", "tensor")
        page.set("shots", 4)
        page.press("meta_step")
        session.wait()
        page.set("inner_steps", 2)
        yield page


def test_the_exported_parameters_run_headless_to_the_same_numbers(
    page: Page, tmp_path: Path
) -> None:
    page.set("export", "yaml")
    ((name, content),) = page.files().items()
    assert name == "maml-lab-4.yaml"
    (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(tmp_path / "out.ipynb")]
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(
        [*command, "-f", str(tmp_path / name)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    headless, live = read_result(tmp_path / "out.ipynb"), measure(page.lab.session)
    assert headless.metrics == live.metrics
    for panel, columns in live.curves.items():
        assert headless.curves[panel].keys() == columns.keys()
        for column, values in columns.items():
            np.testing.assert_array_equal(headless.curves[panel][column], values, err_msg=column)
    assert headless.events == live.events
    names = ["alpha", "order", "alpha_learned", "shots"]
    assert [event["name"] for event in live.events] == names
    assert live.parameters["inner_steps"] == headless.parameters["inner_steps"] == 2


def test_parameters_are_the_same_in_json(page: Page) -> None:
    page.set("export", "yaml")
    page.set("export", "json")
    files = page.files()
    parameters = json.loads(files["maml-lab-4.json"])
    assert parameters == yaml.safe_load(files["maml-lab-4.yaml"])
    assert parameters["meta_steps"] == 4
    assert parameters["events"][:2] == [[1, "alpha", 0.03], [1, "order", 1]]


def test_a_share_code_is_put_on_the_clipboard_and_can_be_loaded(page: Page) -> None:
    page.set("export", "code")
    assert read_share_code(page.copied()) == page.lab.session.recipe()
    until(lambda: page.message().startswith("Copied: maml1."))
    there = page.lab.session.snapshot()
    page.press("reseed")
    page.set("load", page.copied())
    page.lab.session.wait()
    again = page.lab.session.snapshot()
    assert (again.meta_step, again.settings) == (4, there.settings)
    for name, tensor in there.params.items():
        assert tensor.equal(again.params[name])


def test_a_cell_is_put_on_the_clipboard_and_rebuilds_the_session(page: Page) -> None:
    page.set("export", "cell")
    names: dict[str, Session] = {}
    exec(page.copied(), names)
    there, again = page.lab.session.snapshot(), names["session"].snapshot()
    assert again.settings == there.settings
    for name, tensor in there.params.items():
        assert tensor.equal(again.params[name])


def test_what_is_looked_back_at_is_exported(page: Page) -> None:
    page.set("look", 1)
    page.set("export", "json")
    parameters = json.loads(page.files()["maml-lab-1.json"])
    assert (parameters["meta_steps"], parameters["alpha"]) == (1, 0.01)


def test_curves_as_tables(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.set("export", "csv")
    training, adaptation = (
        next(text.decode() for name, text in page.files().items() if kind in name)
        for kind in ("training", "adaptation")
    )
    assert len(training.splitlines()) == 1 + 4
    assert "loss_after" in training.splitlines()[0]
    assert len(adaptation.splitlines()) == 1 + 11
    page.set("export", "parquet")
    tables = [data for name, data in page.files().items() if name.endswith(".parquet")]
    assert len(tables) == 2
    assert all(data.startswith(b"PAR1") for data in tables)

    def without_pyarrow(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("Parquet needs pyarrow: pip install pyarrow")

    monkeypatch.setattr(exports, "write_curves", without_pyarrow)
    page.set("export", "parquet")
    until(lambda: page.message() == "Parquet needs pyarrow: pip install pyarrow")


def test_the_page_of_figures_shows_what_the_lab_shows(page: Page) -> None:
    page.press("pin")
    page.press("another")
    page.point("add", None, 0.5, 0.75)
    page.set("by", "seconds")
    page.set("export", "html")
    text = page.files()["maml-lab-4.html"].decode()
    plots = re.findall(r'Plotly\.newPlot\(\s*"maml-lab-(\w+)",\s*(\[.*?\]),\s*\{"', text)
    adaptation, task, training = (data for _, data in plots)
    ghost = "first-order MAML, α per tensor · 4"
    for data in (adaptation, training):
        # in the training, one for each of the algorithms that made it
        traces = [each for each in json.loads(data) if each["name"] == ghost]
        assert traces
        assert all(trace["visible"] for trace in traces), ghost
    assert "seconds of training" in text
    support = next(trace for trace in json.loads(task) if "support" in trace["name"])
    x = np.frombuffer(base64.b64decode(support["x"]["bdata"]), support["x"]["dtype"])
    points = page.lab._view.points
    assert points is not None
    assert x.tolist() == [px for px, _ in points]
    assert points[-1] == (0.5, 0.75)


def test_the_page_of_figures_tells_the_settings_that_repeat_it(page: Page) -> None:
    page.press("meta_step")
    page.lab.session.wait()
    page.set("alpha", 0.03)
    page.set("export", "html")
    began = page.lab.session.recipe().settings
    rows = re.findall(r"<tr><td>(\w+)</td><td>(.*?)</td>", page.files()["maml-lab-5.html"].decode())
    parameters = {"meta_steps": "5", "alpha": str(began.alpha), "events": str(began.events)}
    assert ("alpha", 0.03) in [event[1:] for event in began.events]
    assert parameters.items() <= {name: html.unescape(value) for name, value in rows}.items()


def test_figures_as_a_page_and_as_pictures(page: Page) -> None:
    page.set("export", "html")
    text = page.files()["maml-lab-4.html"].decode()
    assert text.startswith("<!DOCTYPE html>")
    assert "MAML Lab, meta-step 4" in text
    for kind in ("svg", "png"):
        page.set("export", kind)
        question, _ = page.asked[-1]
        assert (question["kind"], question["format"]) == ("export", kind)
        assert question["filename"] == f"maml-lab-4.{kind}"
        assert question["view"] == page.view
