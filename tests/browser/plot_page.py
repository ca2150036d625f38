"""The scripts of the plots in an empty page, without Jupyter."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

import labkit.widgets.dashboard
from tests.browser.lab_page import browser

_FOLDER = Path(labkit.widgets.dashboard.__file__).parent
_SCRIPTS = [name for name in labkit.widgets.dashboard.SCRIPTS if name.startswith("plot")]


@contextmanager
def plot_page(chromium: str, *more: str) -> Iterator[Page]:
    """A page with these scripts, and more of a test's own before or after them."""
    texts = [(_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    with browser(chromium) as context:
        page = context.new_page()
        page.set_content("<!DOCTYPE html><body></body>")
        page.add_script_tag(content="\n".join([*texts, *more]))
        yield page
