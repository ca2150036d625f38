"""The first notebook's lab wherever a person may open it: JupyterLab, Notebook, Voilà."""

import ast
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, WebSocketRoute, expect

from labkit.widgets.static_copy import CLASS
from tests.browser.conftest import Opener, Served
from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import TIMEOUT, LabPage, without_history
from tests.browser.servers import (
    JUPYTERLAB,
    NOTEBOOK,
    VOILA,
    VOILA_CULLING_SOON,
    WITHOUT_SUBSHELLS,
    Place,
)
from tests.browser.voila import AppPage

FIRST = "01_sinusoid.ipynb"

KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
COMPUTES = """
from pathlib import Path
while not Path("computed").exists():
    sum(range(1000))
"""
WATCH_CHOICE = """(name) => {
  const rows = [...document.querySelectorAll(".maml-lab [role=radiogroup]")];
  const chosen = rows.find((one) => one.parentElement.innerText.includes(name));
  window.seen = [];
  const look = () => {
    const value = chosen.querySelector("[aria-checked=true]")?.innerText;
    const now = [value, chosen.parentElement.classList.contains("maml-lab-pending")];
    if (JSON.stringify(seen.at(-1)) !== JSON.stringify(now)) seen.push(now);
    requestAnimationFrame(look);
  };
  look();
}"""
"""Notes in `seen` what a row of choices shows, and if it looks pending, whenever that changes."""

AppOpener = Callable[[str, Place], AbstractContextManager[AppPage]]


@pytest.fixture(params=[JUPYTERLAB, WITHOUT_SUBSHELLS, NOTEBOOK, VOILA], ids=str)
def lab(request: pytest.FixtureRequest, opened: Opener, opened_app: AppOpener) -> Iterator[LabPage]:
    place: Place = request.param
    with opened_app(FIRST, place) if place is VOILA else opened(FIRST, place) as page:
        yield page


def test_a_lab_trains_and_answers_to_the_keyboard(lab: LabPage) -> None:
    assert lab.status().startswith("meta-step 0 · paused")
    assert len(lab.traces()["MAML"]["y"]) == 11
    lab.button("Play").click()
    lab.wait_for_status("meta-step [1-9].* meta-steps/s")
    lab.wait_for_trace("after adaptation", "t.y.length > 10")
    lab.type("α", "0.02")
    # the mark is drawn by the kernel: the change has been there and back
    lab.wait_for_trace("changes", "t.text.some((text) => text.includes('α'))")
    lab.pass_double_click()
    lab.button("Pause").click()
    lab.wait_for_status("paused")


@pytest.mark.parametrize("place", [JUPYTERLAB, NOTEBOOK], ids=str)
def test_keys_pressed_in_the_lab_do_not_reach_the_notebook(place: Place, opened: Opener) -> None:
    """`b` inserts a cell, and in Notebook an arrow leaves the lab, unless the control forbids it.

    What forbids it is the attribute `data-lm-suppress-shortcuts` on the element that has the focus
    (on one around it, it does nothing).
    """
    with opened(FIRST, place) as lab:
        cells = lab.page.locator(".jp-Cell").count()
        lab.slider("α").focus()
        lab.page.keyboard.press("ArrowRight")
        expect(lab.typed("α")).not_to_have_value("0.01")
        expect(lab.slider("α")).to_be_focused()
        lab.page.keyboard.press("b")
        lab.button("Step: meta").focus()
        lab.page.keyboard.press("b")
        lab.page.mouse.click(*lab.place("training", 0.5, 0.5))
        lab.page.keyboard.press("x")
        lab.plot("training").locator(".modebar-btn").first.focus()
        lab.page.keyboard.press("b")
        lab.kernel("None")
        assert lab.page.locator(".jp-Cell").count() == cells


@pytest.mark.parametrize(
    ("place", "subshells"), [(JUPYTERLAB, True), (WITHOUT_SUBSHELLS, False)], ids=str
)
def test_widget_messages_go_where_the_settings_say(
    place: Place, subshells: bool, opened: Opener, served: Served
) -> None:
    """The two servers of the test above really differ. A choice is held while a cell computes."""
    with opened(FIRST, place) as lab:
        lab.button("Step: meta").click()
        lab.wait_for_status("meta-step 1 ")
        manager = "get_ipython().kernel.shell_channel_thread.manager"
        assert lab.kernel(f"bool({manager}.list_subshell())") == str(subshells)

        lab.run_cell(COMPUTES)
        lab.page.wait_for_function(f"{KERNEL}.status === 'busy'")
        lab.page.evaluate(WATCH_CHOICE, "meta-gradient")
        lab.segment("first-order").click()
        if not subshells:  # nobody answers before the cell has ended
            lab.page.wait_for_function(
                "seen.some(([v, pending]) => v === 'first-order' && pending)"
            )
        (served(place).root / "computed").touch()
        lab.page.wait_for_function(f"{KERNEL}.status === 'idle'")
        assert lab.kernel("session.settings.order") == "1"
        lab.page.wait_for_function("!seen.at(-1)[1]")
        seen = lab.page.evaluate("seen")
        values = [value for value, _ in seen]
        assert "exact" not in values[values.index("first-order") :], "it has flipped back"


@pytest.mark.parametrize("place", [JUPYTERLAB, NOTEBOOK], ids=str)
def test_a_saved_notebook_finds_its_lab_after_a_reload_and_in_a_second_page(
    place: Place, opened: Opener, served: Served
) -> None:
    """The second page's widget comes too late for JupyterLab, which is done with looking."""
    with opened(FIRST, place) as lab:
        lab.button("Play").click()
        lab.wait_for_status("meta-step [1-9]")
        lab.save()

        second = NotebookPage(lab.page.context.new_page(), lab.own_errors)
        second.open_too_late(served(place).url(FIRST))
        second.wait_for_lab()
        second.wait_for_status("meta-step [1-9].* meta-steps/s")
        second.pass_double_click()
        second.button("Pause").click()
        second.wait_for_status("paused")
        lab.wait_for_status("paused")
        lab.type("α", "0.02")
        expect(second.typed("α")).to_have_value("0.02")
        assert second.errors == []
        second.page.close()

        lab.page.reload()
        lab.wait_for_kernel()
        lab.wait_for_lab()
        expect(lab.typed("α")).to_have_value("0.02")
        lab.button("Play").click()
        lab.wait_for_status("meta-steps/s")
        lab.pass_double_click()
        lab.button("Pause").click()
        lab.wait_for_status("paused")
        # the picture of what is shown now is part of the notebook, though another page has made it
        kernels = "next(reversed(__import__('labkit').widgets.opening._open.values()))._still.html"
        path = served(place).root / FIRST
        before = picture_in(path)

        def saved() -> bool:
            lab.save()
            return before != picture_in(path) == str(ast.literal_eval(lab.kernel(kernels)))

        wait_until(saved, "what is saved shows an earlier meta-step")


def picture_in(path: Path) -> str:
    """The HTML of the still picture in a saved notebook."""
    outputs = [
        "".join(output["data"].get("text/html", ""))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    return next(html for html in outputs if CLASS in html)


def test_a_reload_without_the_lab_in_the_file_needs_run_all_and_its_export_no_network(
    opened: Opener, served: Served, chromium: Browser, tmp_path: Path
) -> None:
    with opened(FIRST) as lab:
        lab.kernel("globals().__setitem__('old', session)")
        lab.page.reload()
        lab.wait_for_kernel()
        assert lab.lab().count() == 0
        lab.run_all()
        lab.button("Play").click()
        lab.wait_for_status("meta-step [1-9]")
        assert lab.kernel("session is old") == "False"
        lab.pass_double_click()
        lab.button("Pause").click()
        lab.wait_for_status("paused")
        lab.run_cell("figure")
        path = served(JUPYTERLAB).root / FIRST
        # a second after the training has come to rest
        wait_until(lambda: saved_pictures(lab, path) == 4, "the lab's three plots, and the figure")
        check_offline(chromium, path, tmp_path)


def saved_pictures(lab: NotebookPage, path: Path) -> int:
    lab.save()
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [out.get("data", {}) for cell in cells for out in cell.get("outputs", ())]
    pages = "".join(
        "".join(data.get("text/html", "")) for data in outputs if "image/png" not in data
    )
    return pages.count("<img") + sum("image/png" in data for data in outputs)


def check_offline(chromium: Browser, notebook: Path, folder: Path) -> None:
    """Export a notebook to HTML as JupyterLab does, and look at it without a network."""
    html, _ = HTMLExporter().from_filename(str(notebook))
    (folder / "export.html").write_text(html, encoding="utf-8")
    with without_history(chromium) as context:
        context.set_offline(True)
        page = context.new_page()
        page.goto((folder / "export.html").as_uri())
        words = page.locator("main").inner_text()
        assert "θ′ᵢ = θ − α ∇" in words
        assert "$" not in words, "a formula needs MathJax"
        widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
        assert len(widths) == 4, "the lab's three plots, and the figure"
        assert min(widths) > 300


def test_an_application_shows_no_code_and_ends_with_its_page(
    opened_app: AppOpener, served: Served
) -> None:
    with opened_app(FIRST, VOILA) as app:
        words = app.page.locator("body").inner_text()
        assert "MAML on the sinusoid" in words
        assert "The lab" in words
        assert "open_lab" not in words, "code is shown"
        assert "Run All" not in words, "a cell tagged app-skip is shown"
        assert not re.search("adaptation leaves|query_loss", words), "the untrained was measured"
        kernel = app.kernel_id()
        assert served(VOILA).kernel_runs(kernel)
        app.button("Play").click()
        app.wait_for_status("meta-step [1-9]")
        app.stay()  # Voilà would end the kernel though its reader stays
        app.pass_double_click()
        app.button("Pause").click()
        app.wait_for_status("meta-step [1-9].* paused")
        app.page.goto("about:blank")
        wait_until(lambda: not served(VOILA).kernel_runs(kernel), "the kernel outlives its page")


def test_a_lab_says_that_its_kernel_is_out_of_reach_or_has_died_and_goes_on_when_it_is_back(
    opened_app: AppOpener, served: Served
) -> None:
    """As where a computer sleeps, or a network fails; Play would do nothing and say nothing."""
    with opened_app(FIRST, VOILA) as app:
        wires: list[WebSocketRoute] = []
        broken = threading.Event()

        def connect(wire: WebSocketRoute) -> None:
            wires.append(wire)
            if broken.is_set():
                wire.close()
            else:
                wire.connect_to_server()

        app.page.route_web_socket(re.compile("/channels"), connect)
        app.page.reload()
        app.wait_for_lab()
        place = app.lab().locator(".maml-lab-plots").bounding_box()
        broken.set()
        wires[-1].close()
        app.wait_for_message("The kernel is out of reach. If it stays so, load the page again.")
        assert app.lab().locator(".maml-lab-plots").bounding_box() == place
        broken.clear()
        expect(app.page.get_by_text("The kernel is out of reach")).to_be_hidden()
        app.button("Play").click()
        app.wait_for_status("meta-step [1-9]")
        served(VOILA).kill(app.kernel_id())
        app.wait_for_message("The kernel has restarted: load the page again.")


def test_a_page_that_vanishes_ends_its_kernel_and_one_that_is_hidden_does_not(
    opened_app: AppOpener, served: Served
) -> None:
    """A page that crashes tells its kernel nothing, and the kernel keeps training for nobody.

    The server ends a kernel that it hears nothing of and no page is connected to: the lab must be
    silent where nobody sees it, though it plays.
    """
    with opened_app(FIRST, VOILA_CULLING_SOON) as app:
        server, kernel = served(VOILA_CULLING_SOON), app.kernel_id()
        app.button("Play").click()
        app.wait_for_status("meta-step [1-9].* meta-steps/s")
        # as where a tab is hidden: nothing is drawn any more
        app.page.evaluate("window.requestAnimationFrame = () => 1")
        wait_until(lambda: server.idle_seconds(kernel) > 20, "the lab talks to a hidden page")
        app.crash()
        wait_until(lambda: not server.kernel_runs(kernel), "it trains for nobody")


def wait_until(reached: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + TIMEOUT / 1000
    while not reached():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)
