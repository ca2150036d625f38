"""The plots in an empty page, without Jupyter."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from labkit.widgets.plotly_bundle import SCRIPT
from tests.browser.lab_page import without_history

_LOAD = """async (source) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  Object.assign(window, await import(url));
}"""


def load_front_end(page: Page) -> None:
    """Make what the bundle exports global names of a page."""
    page.evaluate(_LOAD, SCRIPT.read_text(encoding="utf-8"))


def prepare(page: Page, *scripts: str) -> None:
    """Empty a page and load the front end, and the scripts that a test adds."""
    page.set_content("<!DOCTYPE html><body></body>")
    load_front_end(page)
    for script in scripts:
        page.add_script_tag(content=script)


@contextmanager
def plot_page(chromium: Browser, *scripts: str) -> Iterator[Page]:
    """A page with the front end, and with the scripts that a test adds."""
    with without_history(chromium) as context:
        page = context.new_page()
        prepare(page, *scripts)
        yield page
