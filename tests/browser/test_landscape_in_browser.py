"""The loss landscape next to the lab in a real JupyterLab: it answers the lab's controls."""

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
from labkit import Lab, LossLandscape, Session, Settings, Sinusoid, sinusoid_mlp
session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=20)
session.run(32)
lab, landscape = Lab(session), LossLandscape(session, points=21, tasks=5)
"""

INSTRUMENT = ".maml-lab-instrument"
TITLES = f"""(title) => [...document.querySelectorAll('{INSTRUMENT} .annotation-text')]
  .some((text) => text.textContent.includes(title))"""
COLOURED = f"""() => {{
  const plot = document.querySelector('{INSTRUMENT} .maml-lab-plot');
  const heat = plot.data.filter((trace) => trace.type === 'heatmap');
  return heat.length === 2 && heat.every((trace) => trace.z.length === 21);
}}"""
FITS = """() => ['.maml-lab', '.maml-lab-instrument'].every((part) => {
  const element = document.querySelector(part);
  return element.clientWidth > 250 && element.scrollWidth <= element.clientWidth;
})"""


@pytest.fixture
def lab(served: Served, chromium: Browser) -> Iterator[NotebookPage]:
    server = served(JUPYTERLAB)
    nbformat.write(notebook(SETUP, "w.HBox([lab, landscape])"), server.root / "landscape.ipynb")
    with with_cache(chromium) as context:
        page = NotebookPage(context.new_page())
        page.open(server.url("landscape.ipynb"))
        page.run_all()
        yield page
        page.shut_down_kernel()


def test_it_stands_next_to_the_lab_and_answers_its_controls(
    lab: NotebookPage, tmp_path: Path
) -> None:
    """With `MAML_LAB_PICTURES` set to a folder, a picture of each layout is kept there."""
    folder = Path(os.environ.get("MAML_LAB_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page, instrument = lab.page, lab.page.locator(INSTRUMENT)
    status = instrument.get_by_role("status")
    expect(status.filter(has_text="θ of meta-step 32, measured now · 21 × 21")).to_be_visible()
    page.wait_for_function(COLOURED)
    lab.button("Controls").click()
    lab.type("α", "0.05")
    page.wait_for_function(TITLES, arg="α = 0.05")
    page.wait_for_function(COLOURED)

    first = instrument.get_by_role("combobox", name="from θ to", exact=True)
    expect(first).to_be_hidden()
    instrument.get_by_role("combobox", name="plane", exact=True).select_option("two tasks")
    lab.until("landscape.view.landscape.spanned_by == 'tasks'")
    expect(first).to_be_visible()
    first.select_option(index=3)
    lab.until("landscape.view.landscape.pair == (3, 1)")
    for name, (width, height) in {"wide": (1440, 900), "narrow": (1024, 768)}.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(FITS)
        page.screenshot(path=folder / f"landscape-{name}.png")

    lab.button("Play").click()
    lab.until("landscape.view.landscape.meta_step > 32")
    lab.pass_double_click()
    lab.button("Pause").click()
    assert lab.errors == []
