"""One server of each kind for all browser tests, and pages of it with one notebook each."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from playwright.sync_api import Browser

from tests.browser.controls_page import Controls
from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import find_chromium, running_browser, with_cache, without_history
from tests.browser.servers import JUPYTERLAB, Place, Server, serving
from tests.browser.voila import AppPage

Served = Callable[[Place], Server]
"""A program that shows notebooks → its server, started when it is first asked for."""

Opener = Callable[..., AbstractContextManager[NotebookPage]]
"""Name of a notebook → its page, after Run All; the console must have stayed without errors."""


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running: dict[str, Server] = {}
    with ExitStack() as stack:

        def start(place: Place) -> Server:
            if place.name not in running:
                folder = tmp_path_factory.mktemp("server")
                running[place.name] = stack.enter_context(serving(place, folder))
            return running[place.name]

        yield start


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser; without one the tests are skipped, and fail in CI.

    It ends with the tests of this folder: while it runs, its thread has an event loop, and no test
    can run another one there.
    """
    path = find_chromium()
    if path is None:
        message = "no Chromium or Chrome found: the browser tests did not run"
        if os.environ.get("CI"):
            pytest.fail(f"{message}, and CI must run them")
        pytest.skip(message)
    with running_browser(path) as program:
        yield program


@pytest.fixture
def opened(served: Served, chromium: Browser) -> Opener:
    @contextmanager
    def open_notebook(
        name: str, place: Place = JUPYTERLAB, *, whole: bool = True
    ) -> Iterator[NotebookPage]:
        server = served(place)
        server.fresh(name, whole=whole)
        with with_cache(chromium) as context:
            notebook = NotebookPage(context.new_page(), place.own_errors)
            notebook.open(server.url(name))
            notebook.run_all()
            yield notebook
            errors = list(notebook.errors)
            # what a kernel says while it ends may be garbled: several threads send it then
            notebook.shut_down_kernel()
            assert errors == []

    return open_notebook


@pytest.fixture
def opened_app(
    served: Served, chromium: Browser
) -> Callable[[str, Place], AbstractContextManager[AppPage]]:
    @contextmanager
    def open_app(name: str, place: Place) -> Iterator[AppPage]:
        server = served(place)
        server.fresh(name)
        with with_cache(chromium) as context:
            app = AppPage(context.new_page(), place.own_errors)
            app.open(server.url(name))
            yield app
            assert app.errors == []

    return open_app


@pytest.fixture(scope="module")
def page_of_controls(chromium: Browser) -> Iterator[NotebookPage]:
    with without_history(chromium, 1116, 700) as context:
        opened = NotebookPage(context.new_page())
        yield opened
        assert opened.errors == []


@pytest.fixture
def controls(page_of_controls: NotebookPage) -> Controls:
    page_of_controls.page.mouse.move(0, 0)
    fresh = Controls(page_of_controls.page)
    fresh.show()
    return fresh
