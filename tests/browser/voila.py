"""A notebook that Voilà serves as an application."""

from contextlib import suppress

from playwright.sync_api import Dialog
from playwright.sync_api import Error as PlaywrightError

from tests.browser.lab_page import LabPage

_KERNEL = "JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"


class AppPage(LabPage):
    """The page of an application: no code, and its own kernel."""

    def open(self, url: str) -> None:
        """Go to an application and wait until its lab is there."""
        self.page.goto(url)  # it loads until all cells have run
        self.wait_for_lab()

    def kernel_id(self) -> str:
        """Which kernel of the server has run the page's cells."""
        return str(self.page.evaluate(f"() => {_KERNEL}"))

    def stay(self) -> None:
        """Load the page again, and stay when the browser asks."""
        with self.page.expect_event("dialog") as asked:
            self.page.evaluate("() => { setTimeout(() => location.reload()); }")
        dialog: Dialog = asked.value
        assert dialog.type == "beforeunload"
        dialog.dismiss()

    def crash(self) -> None:
        """End the page without a word to anybody."""
        with self.page.expect_event("crash"), suppress(PlaywrightError):
            self.page.goto("chrome://crash")
