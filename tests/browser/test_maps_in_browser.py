"""The map of hyper-parameters next to the lab, in a real JupyterLab: pointer, keys and clicks."""

import ast
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Served
from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import with_cache
from tests.browser.servers import JUPYTERLAB
from tests.browser.test_dashboard_in_browser import notebook

SETUP = """
import ipywidgets as w
from labkit import *
settings = Settings(meta_batch=2, shots=1, meta_optimizer="sgd", alpha=0.2, beta=0.5)
session = Session(settings, model=parameter_vector, tasks=two_rails, test_tasks=2)
lab, small = Lab(session), {"seeds": 1, "meta_steps": 5, "tasks": 2}
map = HyperparameterMap(session, {"alpha": [0.1, 0.2], "beta": [0.1, 0.5]}, **small)
surface = StepsSurface(session, (1, 2), test_steps=4, **small)
"""

SHOW = """w.HBox([lab, w.Tab([map, surface], titles=["cells", "rows of K"],
    layout={"flex": "0 1 44%", "min_width": "0"})])"""

TITLE = "(plot) => plot.layout.annotations[0].text"


@pytest.fixture
def page(served: Served, chromium: Browser) -> Iterator[NotebookPage]:
    server = served(JUPYTERLAB)
    nbformat.write(notebook(SETUP, SHOW), server.root / "maps.ipynb")
    with with_cache(chromium) as context:
        page = NotebookPage(context.new_page())
        page.open(server.url("maps.ipynb"))
        page.run_all()
        yield page
        assert page.errors == []
        page.shut_down_kernel()


def test_a_map_in_a_box_and_a_tab(page: NotebookPage) -> None:
    """The pointer and keys show a cell's curve, clicks and Enter open it in the lab."""
    first = page.page.locator(".maml-lab-instrument").first
    plot = first.locator(".maml-lab-plot")
    first.get_by_role("button", name="Start").click()
    page.until("map.view.progress == 1 and not map.running")
    expect(first).to_contain_text("on 5 new seeds")
    box = first.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    at = box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"]
    page.page.mouse.move(*at)
    titled = f"plot => ({TITLE})(plot) === 'α = 0.1, β = 0.5'"
    page.page.wait_for_function(titled, arg=plot.element_handle())
    heights = plot.evaluate("(plot) => [...plot.data.find((t) => t.meta?.cell === 'mean').y]")
    assert heights == pytest.approx(
        ast.literal_eval(page.kernel("map.view.curve(1, 0)[0].tolist()")), rel=1e-6
    )
    page.page.mouse.click(*at)
    page.until("(session.settings.alpha, session.last_step) == (0.1, 5)")
    page.until("lab.alpha == 0.1 and lab.meta_step == 5")
    page.page.mouse.move(0, 0)
    page.pass_double_click()
    plot.focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Enter")
    page.until("session.settings.alpha == 0.2 and session.last_step == 5")

    page.page.get_by_text("rows of K", exact=True).last.click()
    last = page.page.locator(".maml-lab-instrument").last
    last.get_by_role("button", name="Start").click()
    page.until("surface.view.progress == 1 and not surface.running")
    expect(last).to_contain_text("Lowest: after 1 step")
    assert last.locator(".maml-lab-plot").evaluate("(plot) => plot.clientWidth") > 250
