"""Takes the README's picture: the lab after some training, with a change on the way.

Run by `make screenshot`.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from tests.browser.jupyterlab import browser_page, find_chromium, jupyterlab

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_sinusoid.ipynb"


def take(target: Path, width: int, height: int) -> None:
    """Train 3,000 meta-steps with α = 0.01, 1,500 with K = 3, and photograph the window."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("the screenshot needs Chromium or Chrome: install one")
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as config:
        shutil.copy(NOTEBOOK, root)
        with (
            jupyterlab(Path(root), Path(config)) as url,
            browser_page(chromium, width, height) as lab,
        ):
            lab.open(url.format(notebook=NOTEBOOK.name))
            lab.command("application:toggle-left-area")
            lab.run_all()
            lab.kernel("session.run(3000)")
            lab.kernel("session.set(inner_steps=3)")
            lab.button("Play").click()
            lab.until("session.snapshot().meta_step >= 4500", timeout=240)
            lab.page.locator(".maml-lab").evaluate("(lab) => lab.scrollIntoView()")
            lab.page.mouse.move(5, height - 5)
            lab.page.wait_for_timeout(1500)
            lab.page.screenshot(path=target)


if __name__ == "__main__":
    take(Path(sys.argv[1]), *(int(size) for size in sys.argv[2:4] or ("1440", "900")))
