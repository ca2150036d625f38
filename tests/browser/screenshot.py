"""Takes the README's picture: the lab after some training, with a change on the way.

Run by `make screenshot`.
"""

import sys
import tempfile
from pathlib import Path

from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import find_chromium, running_browser, without_history
from tests.browser.servers import JUPYTERLAB, serving


def take(target: Path, width: int, height: int) -> None:
    """Train 3,000 meta-steps with α = 0.01, 1,500 with K = 3, and photograph the window."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("the screenshot needs Chromium or Chrome: install one")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(JUPYTERLAB, Path(folder)) as server,
        running_browser(chromium) as browser,
        without_history(browser, width, height) as context,
    ):
        lab = NotebookPage(context.new_page())
        server.fresh("01_sinusoid.ipynb")
        lab.open(server.url("01_sinusoid.ipynb"))
        lab.command("application:toggle-left-area")
        lab.run_all()
        lab.kernel("session.run(3000)")
        lab.kernel("session.set(inner_steps=3)")
        lab.button("Play").click()
        lab.until("session.snapshot().meta_step >= 4500", timeout=240)
        lab.lab().evaluate("(lab) => lab.scrollIntoView()")
        lab.page.mouse.move(5, height - 5)
        lab.page.wait_for_timeout(1500)
        lab.page.screenshot(path=target)


if __name__ == "__main__":
    take(Path(sys.argv[1]), *(int(size) for size in sys.argv[2:4] or ("1440", "900")))
