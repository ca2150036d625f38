"""One finger on the plots, in a page without a kernel that is longer than its window."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Page
from plotly.offline import get_plotlyjs

from tests.browser.lab_page import without_history
from tests.browser.plot_page import prepare
from tests.browser.test_host_in_browser import HOST

FIGURES = """
document.body.style.marginBottom = "3000px";
const axes = { xaxis: { range: [0, 2] }, yaxis: { range: [0, 2] } };
const margin = { l: 40, r: 10, t: 10, b: 30 };
const points = { type: "scatter", mode: "markers", x: [1], y: [1], meta: { support: true } };
figures.task = {
  data: [points], layout: { margin, ...axes, dragmode: false, meta: { editable: true } } };
figures.training = { data: [line], layout: { margin, ...axes } };
show([]);
hear({});
"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with without_history(chromium, 1000, 900) as context:
        page = context.new_page()
        prepare(page, get_plotlyjs(), HOST, FIGURES)
        page.wait_for_function("() => document.querySelectorAll('.nsewdrag').length === 3")
        yield page


class Finger:
    """A finger on a touch screen, and where it begins: the middle of a panel."""

    def __init__(self, page: Page, panel: str) -> None:
        self.page = page
        self.devtools: CDPSession = page.context.new_cdp_session(page)
        self.devtools.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        place = page.locator(f".maml-lab-{panel} .nsewdrag")
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        assert box is not None
        self.x, self.y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, dx: float, dy: float, sideways: float = 0) -> None:
        """Move in small steps, as a hand does."""
        self._touch("touchStart", sideways, 0)
        for part in range(1, 11):
            self._touch("touchMove", sideways + dx * part / 10, dy * part / 10)
            self.page.evaluate("new Promise(requestAnimationFrame)")
        self.devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def _touch(self, kind: str, dx: float, dy: float) -> None:
        point = {"x": self.x + dx, "y": self.y + dy}
        self.devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})


def test_a_finger_moves_a_support_point_and_the_page_stays(page: Page) -> None:
    scrolled = page.evaluate("scrollY")
    Finger(page, "task").drag(60, -80)
    page.wait_for_function("() => sent.some(({ final }) => final)")
    moves = page.evaluate("sent.filter(({ kind }) => kind === 'support')")
    assert {move["action"] for move in moves} == {"move"}
    assert moves[-1]["x"] > 1.1
    assert moves[-1]["y"] > 1.3
    assert page.evaluate("scrollY") == scrolled


@pytest.mark.parametrize(("panel", "sideways"), [("task", 80), ("training", 0)])
def test_a_finger_on_free_space_scrolls_the_page(page: Page, panel: str, sideways: float) -> None:
    finger = Finger(page, panel)
    scrolled = page.evaluate("scrollY")
    finger.drag(0, -200, sideways)
    page.wait_for_function("(before) => scrollY > before + 100", arg=scrolled)
    assert page.evaluate("sent.filter(({ kind }) => kind === 'support')") == []
    layout = "document.querySelector('.maml-lab-training .maml-lab-plot').layout"
    assert page.evaluate(f"{layout}.yaxis.range") == [0, 2]
