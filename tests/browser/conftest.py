"""One JupyterLab server for all browser tests, and pages of it with one notebook each."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.browser.controls_page import Controls
from tests.browser.jupyterlab import NotebookPage, browser_page, find_chromium, jupyterlab

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

Opener = Callable[[str], AbstractContextManager[NotebookPage]]
"""Name of a notebook → its page, after Run All; the console must have stayed without errors."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, config = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("config")
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(notebook, root)
    with jupyterlab(root, config) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; without one the tests are skipped, and fail in CI."""
    found = find_chromium()
    if found is None:
        message = "no Chromium or Chrome found: the browser tests did not run"
        if os.environ.get("CI"):
            pytest.fail(f"{message}, and CI must run them")
        pytest.skip(message)
    return found


@pytest.fixture
def opened(chromium: str, server: str) -> Opener:

    @contextmanager
    def open_notebook(name: str) -> Iterator[NotebookPage]:
        with browser_page(chromium) as notebook:
            notebook.open(server.format(notebook=name))
            notebook.run_all()
            yield notebook
            assert notebook.errors == []
            notebook.shut_down_kernel()

    return open_notebook


@pytest.fixture(scope="module")
def page_of_controls(chromium: str) -> Iterator[NotebookPage]:
    with browser_page(chromium, 1116, 700) as opened:
        yield opened
        assert opened.errors == []


@pytest.fixture
def controls(page_of_controls: NotebookPage) -> Controls:
    page_of_controls.page.mouse.move(0, 0)
    shown = Controls(page_of_controls.page)
    shown.show()
    return shown
