"""The lab in a browser's page, wherever the page comes from: all that its DOM is asked is here."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as PlaywrightTimeout

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

WIDTH, HEIGHT = 1440, 900
"""Of a window, in pixels."""

TIMEOUT = 90_000
"""Milliseconds until a wait for a state fails: the cores may be busy with other work."""
expect.set_options(timeout=TIMEOUT)

DOUBLE_CLICK = 400
"""Milliseconds; the lab waits for 350, and plotly for 300."""

_LAB = ".maml-lab"
_PLOTS = f"{_LAB} .maml-lab-plot"
_TRACES = f"""Object.fromEntries(
  [...document.querySelectorAll('{_PLOTS}')].flatMap((plot) => plot.data ?? []).map(
    (trace) => [trace.name, {{
      x: Array.from(trace.x ?? []), y: Array.from(trace.y ?? []),
      text: Array.from(trace.text ?? []), visible: trace.visible ?? true,
    }}])
)"""
_DRAWN = f"""() => {{
  document.querySelector('{_LAB}')?.scrollIntoView();  // plots are drawn once they are in sight
  const plots = [...document.querySelectorAll('{_PLOTS}')];
  return plots.length >= 3 && plots.every((plot) => plot.querySelector('.main-svg'));
}}"""

_SLOW = "[anywidget] Failed to initialize model."
"""Anywidget says so after 2 s, and then keeps waiting: a page with much to do takes longer."""


class LabPage:
    """A page that holds a lab.

    Attributes:
        page: Playwright's page.
        errors: What the browser's console has called an error so far, and each warning of the lab.
        own_errors: Parts of messages that do not count, for they come without a lab too.
    """

    def __init__(self, page: Page, own_errors: tuple[str, ...] = ()) -> None:
        self.page = page
        self.errors: list[str] = []
        self.own_errors = own_errors
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self._note(str(error)))

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error" or message.text.startswith("MAML Lab:"):
            self._note(f"{message.text} {message.location.get('url', '')}".strip())

    def _note(self, error: str) -> None:
        if not any(part in error for part in (_SLOW, *self.own_errors)):
            self.errors.append(error)

    def wait_for_lab(self) -> None:
        """Wait until the lab shows its three figures.

        Raises:
            TimeoutError: It does not; with what the page shows instead.
        """
        try:
            self.page.wait_for_function(_DRAWN, polling=200)
        except PlaywrightTimeout as error:
            text = self.page.locator("body").inner_text()[:3000]
            labs, plots = self.lab().count(), self.plots().count()
            raise TimeoutError(
                f"no lab after {TIMEOUT / 1000} s, {labs} begun, {plots} figures; "
                f"errors: {self.errors}; {text}"
            ) from error
        self.lab().scroll_into_view_if_needed()

    def lab(self) -> Locator:
        """The whole lab."""
        return self.page.locator(_LAB)

    def plots(self) -> Locator:
        """The lab's figures."""
        return self.page.locator(_PLOTS)

    def plot(self, panel: str) -> Locator:
        """The figure of a panel: "adaptation", "task" or "training"."""
        return self.page.locator(f"{_LAB}-{panel} .maml-lab-plot")

    def button(self, name: str) -> Locator:
        """A button of the lab by its name."""
        return self.lab().get_by_role("button", name=name, exact=True)

    def slider(self, name: str) -> Locator:
        """A slider of the lab."""
        return self.lab().get_by_role("slider", name=name, exact=True)

    def typed(self, name: str) -> Locator:
        """The field for a slider's typed values."""
        return self.lab().get_by_role("textbox", name=f"{name}, typed value", exact=True)

    def choice(self, name: str) -> Locator:
        """A list to choose from."""
        return self.lab().get_by_role("combobox", name=name, exact=True)

    def segment(self, name: str) -> Locator:
        """One of a few choices that stand side by side."""
        return self.lab().get_by_role("radio", name=name, exact=True)

    def type(self, name: str, value: str) -> None:
        """Type a value for a slider."""
        self.typed(name).fill(value)
        self.typed(name).press("Enter")

    def unfold(self) -> None:
        """Show tasks, model and algorithm, which are folded at first."""
        more = self.button("More")
        if more.get_attribute("aria-pressed") == "false":
            more.click()
        expect(more).to_have_attribute("aria-pressed", "true")

    def press_large_type(self) -> None:
        """Press it, also where a narrow page folds it with other controls."""
        if not self.button("Large type").is_visible():
            self.button("Controls").click()
        self.button("Large type").click()

    def restart(self, name: str, value: str) -> None:
        """Choose what restarts the training, and agree to that."""
        self.unfold()
        self.choice(name).select_option(value)
        self.button("Restart").click()

    def export(self, item: str) -> None:
        """Choose from the Export menu."""
        self.button("Export").click()
        self.lab().get_by_role("menuitem", name=item, exact=True).click()

    def place(self, panel: str, x: float, y: float) -> tuple[float, float]:
        """The place on the page at shares of a plot's width, and of its height from its top."""
        inside = self.page.locator(f"{_LAB}-{panel} .nsewdrag").first
        inside.scroll_into_view_if_needed()
        box = inside.bounding_box()
        if box is None:
            raise RuntimeError(f"the {panel} plot is not visible")
        return box["x"] + box["width"] * x, box["y"] + box["height"] * y

    def point_at(self, panel: str, x: float, y: float) -> None:
        """Move the pointer to a place in a plot."""
        at = self.place(panel, x, y)
        # a pointer that jumps is not one that plotly follows
        self.page.mouse.move(at[0] - 1, at[1])
        self.page.mouse.move(*at)

    def pass_double_click(self) -> None:
        """Let the time pass in which a further click would count as the second of two."""
        pass_double_click(self.page)

    def drag(self, handle: Locator, by: int) -> None:
        """Drag a handle to the right, in small moves as a hand does."""
        box = handle.bounding_box()
        if box is None:
            raise RuntimeError("the handle is not visible")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by, y, steps=12)
        self.page.mouse.up()

    def status(self) -> str:
        """The lab's read-out."""
        return self._status().inner_text()

    def wait_for_status(self, pattern: str) -> None:
        """Wait until the lab's read-out matches a regular expression."""
        expect(self._status()).to_contain_text(re.compile(pattern))

    def wait_for_message(self, text: str) -> None:
        """Wait until the lab says something."""
        said = self.lab().get_by_role("status").get_by_text(text)
        expect(said).to_be_visible()

    def _status(self) -> Locator:
        first = re.compile(r"^meta-step [\d,]+ ·")
        return self.lab().get_by_role("status").filter(has_text=first)

    def traces(self) -> dict[str, Any]:
        """What the browser's plots hold: trace name → lists x, y, text, and if it is seen."""
        by_name: dict[str, Any] = self.page.evaluate(f"() => {_TRACES}")
        return by_name

    def wait_for_trace(self, name: str, condition: str) -> None:
        """Wait until a trace in the browser's plots, as `t`, fulfils a condition in JavaScript."""
        self.page.wait_for_function(
            f"(name) => {{ const t = ({_TRACES})[name]; return Boolean(t && {condition}); }}",
            arg=name,
        )


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def pass_double_click(page: Page) -> None:
    """Let the time pass in which a further click would count as the second of two.

    No state tells that it is over: the page's clock decides, for the lab and for plotly.
    """
    now = page.evaluate("performance.now()")
    page.wait_for_function("(end) => performance.now() > end", arg=now + DOUBLE_CLICK)


@contextmanager
def running_browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium, by the path of its program."""
    with (
        sync_playwright() as playwright,
        # what the browser has compiled it keeps in its profile: only windows of that find it there
        TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        windows = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=_CHROMIUM_ARGS,
            viewport=ViewportSize(width=WIDTH, height=HEIGHT),
        )
        windows.set_default_timeout(TIMEOUT)
        try:
            assert windows.browser is not None
            yield windows.browser
        finally:
            windows.close()


@contextmanager
def with_cache(browser: Browser) -> Iterator[BrowserContext]:
    """Windows for pages of Jupyter, whose scripts are compiled for the first of them alone.

    They share cookies as well. Its windows end here, and what they were permitted.
    """
    windows = browser.contexts[0]
    earlier = list(windows.pages)
    try:
        yield windows
    finally:
        for page in windows.pages:
            if page not in earlier:
                page.close()
        windows.clear_permissions()
        windows.set_offline(False)


@contextmanager
def without_history(
    browser: Browser, width: int = WIDTH, height: int = HEIGHT
) -> Iterator[BrowserContext]:
    """Windows of a browser that share nothing with those opened before."""
    context = browser.new_context(viewport=ViewportSize(width=width, height=height))
    context.set_default_timeout(TIMEOUT)
    try:
        yield context
    finally:
        context.close()
