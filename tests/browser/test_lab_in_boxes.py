"""The lab in boxes and tabs of ipywidgets, in a real JupyterLab: it draws, reacts and is linked."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

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
from labkit import Lab, Session, Settings, Sinusoid, sinusoid_mlp
if "lab" in globals():
    lab.close()
    session.close()
session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=20)
lab = Lab(session)
slider = w.FloatSlider(0.01, min=0, max=1, step=0.01, description="my slider")
link = w.link((slider, "value"), (lab, "alpha"))
steps = []
lab.observe(lambda change: steps.append(change.new), "meta_step")
box = globals().get("BOX", "VBox")
"""
SHOW = "w.Tab([lab, slider]) if box == 'Tab' else getattr(w, box)([lab, slider])"

FITS = """() => {
  const lab = document.querySelector('.maml-lab');
  const plots = [...lab.querySelectorAll('.maml-lab-plot')];
  const wide = plots.every((plot) => Math.abs(
    Number(plot.querySelector('.main-svg').getAttribute('width')) - plot.clientWidth) <= 1);
  return wide && lab.clientWidth > 250 && lab.scrollWidth <= lab.clientWidth;
}"""
"""Each plot is as wide as its place, the lab has room, and nothing sticks out of it."""

LAYOUTS = {"large-window": (1440, 900), "small-window": (1024, 768)}


@pytest.fixture(scope="module")
def page(served: Served, chromium: Browser) -> Iterator[NotebookPage]:
    server = served(JUPYTERLAB)
    nbformat.write(notebook(SETUP, SHOW), server.root / "boxes.ipynb")
    with with_cache(chromium) as context:
        page = NotebookPage(context.new_page())
        page.open(server.url("boxes.ipynb"))
        yield page
        page.shut_down_kernel()


@pytest.fixture(params=["VBox", "HBox", "Tab"])
def lab(page: NotebookPage, request: pytest.FixtureRequest) -> Iterator[NotebookPage]:
    """A new lab in a box of each kind, with a slider of the notebook's own next to it."""
    page.page.set_viewport_size({"width": 1440, "height": 900})
    page.kernel(f"globals().__setitem__('BOX', {str(request.param)!r})")
    page.run_all()
    yield page
    assert page.errors == []


def test_a_lab_in_a_box_draws_and_reacts(lab: NotebookPage, tmp_path: Path) -> None:
    """With `MAML_LAB_PICTURES` set to a folder, a picture of each layout is kept there."""
    folder = Path(os.environ.get("MAML_LAB_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    kind = ast.literal_eval(lab.kernel("box"))

    lab.type("α", "0.05")
    lab.until("session.settings.alpha == lab.alpha == slider.value == 0.05")
    lab.wait_for_trace("MAML", "t.y.length === 11")
    lab.button("Play").click()
    lab.until("lab.playing and len(steps) > 2")
    lab.wait_for_trace("after adaptation", "t.y.length > 3")
    lab.pass_double_click()
    lab.button("Pause").click()
    lab.until("not lab.playing and lab.meta_step == session.last_step")

    if kind != "Tab":
        own = lab.page.locator(".widget-slider .noUi-handle")
        before = lab.slider("α").get_attribute("aria-valuetext")
        lab.drag(own, by=30)
        lab.until("slider.value != 0.05 and session.settings.alpha == lab.alpha == slider.value")
        expect(lab.slider("α")).not_to_have_attribute("aria-valuetext", before or "")
    lab.kernel("setattr(lab, 'beta', 0.02)")
    expect(lab.typed("β")).to_have_value("0.02")

    for name, (width, height) in LAYOUTS.items():
        lab.page.set_viewport_size({"width": width, "height": height})
        lab.page.wait_for_function(FITS)
        lab.lab().evaluate("(lab) => lab.scrollIntoView()")
        lab.page.screenshot(path=folder / f"{kind}-{name}.png")
