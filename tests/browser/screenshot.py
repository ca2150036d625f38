"""Takes the still pictures of the README and of the site: the lab, and the lab with numbers on it.

Run by `make screenshot`.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator

from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import find_chromium, running_browser, without_history
from tests.browser.servers import JUPYTERLAB, serving

MARGIN = 30
"""Pixels to the left of the lab, for numbers."""
ABOVE = 10
"""Pixels above it."""
MARK = """(element, [number, edge]) => {
  const box = element.getBoundingClientRect();
  if (!box.width) return false;
  const atEdge = box.left < edge;
  const isButton = Boolean(element.closest('button'));
  const left = atEdge ? edge - 54 : box.left - (isButton ? 13 : 30);
  const top = isButton && !atEdge ? box.top - 13 : box.top + box.height / 2 - 13;
  const mark = document.createElement('div');
  mark.textContent = number;
  mark.style.cssText = `position: fixed; z-index: 10000; left: ${left}px;
    top: ${top}px; width: 22px; height: 22px; border-radius: 50%; background: #b3261e;
    color: white; font: bold 14px/22px sans-serif; text-align: center; border: 2px solid white;`;
  document.body.append(mark);
  return true;
}"""
"""Puts a number next to an element that is left of `edge`, else on its upper left corner; false if
the element has just been replaced, as titles are while it plays."""


@contextmanager
def open_lab(width: int, height: int) -> Iterator[NotebookPage]:
    """The first notebook in JupyterLab, all its cells run, the lab in sight."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("a picture of the lab needs Chromium or Chrome: install one")
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
        yield lab


def numbered(lab: NotebookPage) -> list[Locator]:
    """What the README explains, in the order of its list."""
    titles = lab.lab().get_by_text
    return [
        lab.button("Pause"),
        lab.button("Undo"),
        lab.slider("α"),
        lab.slider("history"),
        lab.button("Keep curves"),
        lab.button("Export"),
        titles("Held-out tasks"),
        titles("One held-out task"),
        titles("Meta-training"),
    ]


def take(picture: Path, explained: Path, width: int, height: int) -> None:
    """Train 2,000 meta-steps with K = 1, 500 with K = 3, and photograph the window."""
    with open_lab(width, height) as lab:
        lab.kernel("session.run(2000)")
        lab.kernel("session.set(inner_steps=3)")
        lab.button("Play").click()
        lab.until("session.snapshot().meta_step >= 2500", timeout=240)
        lab.lab().evaluate("(lab) => lab.scrollIntoView()")
        lab.page.mouse.move(5, height - 5)
        lab.page.wait_for_timeout(1500)
        lab.page.screenshot(path=picture)
        lab.lab().evaluate(
            "(lab, above) => { lab.style.scrollMarginTop = `${above}px`; lab.scrollIntoView(); }",
            ABOVE,
        )
        box = lab.lab().bounding_box()
        assert box is not None
        for number, element in enumerate(numbered(lab), 1):
            while not element.first.evaluate(MARK, [number, box["x"] + MARGIN]):
                pass
        lab.page.screenshot(
            path=explained,
            clip={
                "x": box["x"] - MARGIN,
                "y": box["y"] - ABOVE,
                "width": box["width"] + MARGIN,
                "height": min(box["height"] + ABOVE, height - box["y"]),
            },
        )


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]), *(int(s) for s in sys.argv[3:5] or ("1440", "900")))
