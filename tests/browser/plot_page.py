"""The scripts of the plots in an empty page, without Jupyter."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from labkit.widgets.dashboard import SCRIPTS, joined
from tests.browser.lab_page import browser

_SCRIPTS = [name for name in SCRIPTS if name.startswith("plot")]


@contextmanager
def plot_page(chromium: str, *more: str) -> Iterator[Page]:
    """A page with these scripts, and with what a test adds after them."""
    with browser(chromium) as context:
        page = context.new_page()
        page.set_content("<!DOCTYPE html><body></body>")
        page.add_script_tag(content="\n".join([joined(_SCRIPTS), *more]))
        yield page
