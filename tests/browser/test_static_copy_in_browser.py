"""The still picture in a real browser: hidden while the live lab runs, there in what is saved."""

from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, expect

from labkit.widgets.static_copy import CLASS
from tests.browser.conftest import Served
from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import with_cache
from tests.browser.servers import JUPYTERLAB, NOTEBOOK, VOILA, Place

NAME = "picture.ipynb"
WIDGET = """
import anywidget, threading
from IPython.display import display
from labkit.widgets.plotly_bundle import STYLES
from labkit.widgets.static_copy import StaticCopy, picture_html

class View(anywidget.AnyWidget):
    _css = STYLES
    _esm = '''export default { render({ el }) {
        el.classList.add("maml-lab");
        el.textContent = "live";
        window.rendered = (window.rendered ?? 0) + 1;
    } };'''

view, copy = View(), StaticCopy()
display(view)
copy.show("<b>before</b>")
"""
UPDATE = """
square = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"></svg>'
data = "data:image/svg+xml," + __import__("urllib.parse").parse.quote(square)
update = lambda: copy.update(picture_html({"loss": data}))
thread = threading.Timer(0.5, update)
thread.start()
"""


def write(folder: Path) -> Path:
    """A notebook with a view and its picture, which a thread replaces later on."""
    cells = [nbformat.v4.new_code_cell(source) for source in (WIDGET, UPDATE)]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    path = folder / NAME
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize("place", [JUPYTERLAB, NOTEBOOK], ids=str)
def test_the_picture_is_hidden_live_and_kept_in_the_file(
    place: Place, served: Served, chromium: Browser, tmp_path: Path
) -> None:
    server = served(place)
    path = write(server.root)
    with with_cache(chromium) as context:
        lab = NotebookPage(context.new_page(), place.own_errors)
        lab.open(server.url(NAME))
        lab.command("notebook:run-all-cells")
        expect(lab.lab()).to_have_text("live")
        picture = lab.page.locator(f".{CLASS} img")
        expect(picture).to_have_count(1)
        expect(picture).to_be_hidden()
        assert lab.page.evaluate("window.rendered") == 1, "the update has redrawn the lab"
        lab.save()

        # without the kernel that made them, the notebook shows the picture instead of the lab
        lab.shut_down_kernel()
        lab.page.goto("about:blank")
        lab.open(server.url(NAME))
        expect(lab.page.locator(f".{CLASS} img")).to_be_visible()
        assert lab.lab().count() == 0
        lab.shut_down_kernel()

        page = tmp_path / "saved.html"
        page.write_text(HTMLExporter().from_filename(str(path))[0])
        context.set_offline(True)
        lab.page.goto(page.as_uri())
        expect(lab.page.locator(f".{CLASS} img")).to_be_visible()
        width = lab.page.locator(f".{CLASS} img").evaluate("(image) => image.naturalWidth")
        assert width == 40, "the picture is there without the network"


def test_the_picture_is_hidden_in_an_application(served: Served, chromium: Browser) -> None:
    server = served(VOILA)
    write(server.root)
    with with_cache(chromium) as context:
        page = context.new_page()
        page.goto(server.url(NAME))
        expect(page.locator(".maml-lab")).to_have_text("live")
        expect(page.locator(f".{CLASS}")).to_have_count(1)
        expect(page.locator(f".{CLASS}")).to_be_hidden()
