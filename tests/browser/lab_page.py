"""The lab in a browser's page, wherever the page comes from: all that its DOM is asked is here."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    sync_playwright,
)

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# anywidget says so of a module that takes more than 2 s to load, as on a machine under load; the
# model then hears nothing more of the kernel, which the tests notice where it matters
_SLOW_MODULE = "[anywidget] Failed to initialize model."

# milliseconds: a page behind another has no animation frames to wait for
_POLLING = 100

_LAB = ".maml-lab"
_PLOT = f"{_LAB} .js-plotly-plot"
_STATUS = ".maml-lab-status"
_TRACES = f"""Object.fromEntries(
  document.querySelector('{_PLOT}').data.map((trace) => [trace.name, {{
    x: Array.from(trace.x ?? []), y: Array.from(trace.y ?? []), text: Array.from(trace.text ?? []),
  }}])
)"""


class LabPage:
    """A page that holds a lab.

    Attributes:
        page: Playwright's page.
        errors: What the browser's console has called an error so far.
        own_errors: Parts of messages that do not count, for they come without a lab too.
    """

    def __init__(self, page: Page, own_errors: tuple[str, ...] = ()) -> None:
        self.page = page
        self.errors: list[str] = []
        self.own_errors = own_errors
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self._note(str(error)))

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"{message.text} {message.location.get('url', '')}".strip())

    def _note(self, error: str) -> None:
        if not any(part in error for part in (*self.own_errors, _SLOW_MODULE)):
            self.errors.append(error)

    def wait_for_lab(self) -> None:
        """Wait until the lab shows its figure."""
        self.page.wait_for_selector(f"{_PLOT} .main-svg", timeout=90_000)
        self.lab().scroll_into_view_if_needed()

    def lab(self) -> Locator:
        """The whole lab."""
        return self.page.locator(_LAB)

    def plots(self) -> Locator:
        """The lab's figures."""
        return self.page.locator(_PLOT)

    def button(self, name: str) -> Locator:
        """A button of the lab by what it says."""
        return self.page.locator(f"{_LAB} button.jupyter-button").filter(has_text=name)

    def slider(self, index: int) -> Locator:
        """The handle of a slider of the lab."""
        return self.page.locator(f"{_LAB} .noUi-handle").nth(index)

    def number(self, index: int) -> Locator:
        """A field for typed values of the lab."""
        return self.page.locator(f"{_LAB}-number input").nth(index)

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
        return self.page.locator(_STATUS).inner_text()

    def wait_for_status(self, pattern: str) -> None:
        """Wait until the lab's read-out matches a regular expression of JavaScript."""
        self.page.wait_for_function(
            f"(pattern) => RegExp(pattern).test(document.querySelector('{_STATUS}')?.innerText)",
            arg=pattern,
            polling=_POLLING,
        )

    def traces(self) -> dict[str, Any]:
        """What the browser's plot holds: trace name → x, y and text as lists."""
        found: dict[str, Any] = self.page.evaluate(f"() => {_TRACES}")
        return found

    def wait_for_trace(self, name: str, condition: str) -> None:
        """Wait until a trace in the browser's plot, as `t`, fulfils a condition in JavaScript."""
        self.page.wait_for_function(
            f"(name) => {{ const t = ({_TRACES})[name]; return Boolean(t && {condition}); }}",
            arg=name,
            polling=_POLLING,
        )


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextmanager
def browser(chromium: str, width: int = 1440, height: int = 900) -> Iterator[BrowserContext]:
    """A headless Chromium without history."""
    size = ViewportSize(width=width, height=height)
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_ARGS)
        try:
            yield program.new_context(viewport=size)
        finally:
            program.close()
