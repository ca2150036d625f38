"""The dashboard in a real JupyterLab and a real browser: small figures of its own, no session."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.jupyterlab import NotebookPage, browser_page, find_chromium, jupyterlab

SETUP = """
import numpy as np, plotly.graph_objects as go
from labkit.widgets.dashboard import Dashboard

heard = []
x = np.linspace(-5, 5, 101)
margin = dict(l=52, r=12, t=40, b=40, autoexpand=False)

def made(traces, x_title, **layout):
    return go.Figure(traces, go.Layout(template="none", margin=margin, hovermode="x unified",
        xaxis_title_text=x_title, legend=dict(orientation="h", y=1, yanchor="bottom"), **layout))

def figures():
    lines = [go.Scatter(name=n, mode="lines+markers", line=dict(color=c), y=np.arange(11.0)[::-1])
        for n, c in (("untrained", "#767676"), ("mean", "#0072b2"))]
    cursor = go.Scatter(name="cursor", mode="lines", y=[0.0, 10.0], meta={"cursor": True},
        line=dict(color="#a0457a", width=1), hoverinfo="skip", showlegend=False)
    steps = [go.Scatter(name=f"step {k}", mode="lines", x=x, y=np.sin(x - k / 4) * 3,
        line=dict(color="#0072b2", width=1.5), meta={"inner_step": k}) for k in range(4)]
    support = go.Scatter(name="support", mode="markers", x=np.array([-2.0, 1.0]),
        y=np.array([3.0, -3.0]), marker=dict(color="#d55e00", size=8), meta={"support": True})
    losses = [go.Scatter(name=n, mode="lines", x=np.arange(0.0, 200.0), y=np.ones(200))
        for n in ("before adaptation", "after adaptation")]
    return {
        "adaptation": made([*lines, cursor], "inner steps", yaxis_range=[0, 10.5]),
        "task": made([*steps, support], "x", xaxis_range=[-5, 5], yaxis_range=[-5, 5],
            meta={"editable": True}),
        "training": made(losses, "meta-step", yaxis_type="log"),
    }

dark = {"#0072b2": "#66b8ea", "#767676": "#aaaaaa", "#d55e00": "#ff8c42", "#333333": "#dddddd"}
dashboard = Dashboard([], figures(), dark)
dashboard.on_message(heard.append)
def draw(panel, *updates):
    dashboard.figure(panel).plotly_update(*updates)
    dashboard.flush()
    return dashboard.idle(10)
"""


def notebook(*cells: str) -> Any:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, config = tmp_path_factory.mktemp("dashboards"), tmp_path_factory.mktemp("config")
    nbformat.write(notebook(SETUP, "dashboard"), root / "one.ipynb")
    with jupyterlab(root, config) as url:
        yield url


@pytest.fixture
def lab(server: str) -> Iterator[NotebookPage]:
    chromium = find_chromium()
    if chromium is None:
        message = "no Chromium or Chrome found: the browser tests did not run"
        if os.environ.get("CI"):
            pytest.fail(f"{message}, and CI must run them")
        pytest.skip(message)
    with browser_page(chromium) as page:
        page.open(server.format(notebook="one.ipynb"))
        page.run_all()
        yield page
        assert page.errors == []
        page.shut_down_kernel()


def test_draws(lab: NotebookPage) -> None:
    lab.until("dashboard.idle(10)")
    lab.page.screenshot(path=str(Path("/tmp/plots_bench/first.png")))
    assert lab.kernel("draw('task', {'y': [np.zeros(101)]}, {}, [0])") == "True"
    print(lab.kernel("heard"))
