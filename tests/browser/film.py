"""Takes the README's moving picture: Play, α moved during training, the curves answer.

Run by `make film`. Each frame is a picture of the lab, and the film shows them at an even pace:
on a busy machine it takes longer, and looks the same.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator

from tests.browser.jupyterlab import NotebookPage
from tests.browser.screenshot import open_lab

WIDTH, HEIGHT = 1180, 860
SCALE = 0.8
"""Pixels of the film for one of the page."""
PACE = 125
"""Milliseconds that a frame lasts; the last one lasts for two seconds."""
LIMIT = 2_000_000
"""Bytes of the film at most."""

POINTER = """() => {
  const arrow = document.createElement('div');
  arrow.innerHTML = `<svg width="26" height="30" viewBox="0 0 26 30">
    <path d="M2 2 L2 24 L8 19 L12 28 L16 26 L12 17 L20 17 Z" fill="black" stroke="white"
      stroke-width="2"/></svg>`;
  arrow.style.cssText = 'position: fixed; z-index: 10000; pointer-events: none; left: -40px;';
  document.body.append(arrow);
  window.addEventListener('pointermove', (event) => {
    arrow.style.left = `${event.clientX}px`;
    arrow.style.top = `${event.clientY}px`;
  }, true);
}"""
"""A browser without a screen draws no pointer."""


class Camera:
    """Takes frames of the lab while a hand moves the pointer or waits."""

    def __init__(self, lab: NotebookPage) -> None:
        lab.page.evaluate(POINTER)
        self.lab = lab
        self.frames: list[bytes] = []
        self._at = (WIDTH * 0.6, HEIGHT * 0.55)
        lab.page.mouse.move(*self._at)

    def wait(self, frames: int) -> None:
        """Take frames without a move."""
        for _ in range(frames):
            # the lab draws ten times a second
            self.lab.page.wait_for_timeout(100)
            self.frames.append(self.lab.lab().screenshot())

    def move(self, to: tuple[float, float], frames: int) -> None:
        """Move the pointer in a straight line."""
        x, y = self._at
        for frame in range(1, frames + 1):
            share = frame / frames
            self.lab.page.mouse.move(x + (to[0] - x) * share, y + (to[1] - y) * share)
            self.wait(1)
        self._at = to


def centre(element: Locator) -> tuple[float, float]:
    """The middle of an element, on the page."""
    box = element.bounding_box()
    if box is None:
        raise RuntimeError("the element is not visible")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def record() -> list[bytes]:
    """The frames."""
    with open_lab(WIDTH, HEIGHT) as lab:
        lab.kernel("session.run(1000)")
        lab.button("Play").wait_for()
        lab.lab().evaluate("(lab) => lab.scrollIntoView()")
        mouse = lab.page.mouse
        camera = Camera(lab)
        camera.move(centre(lab.button("Play")), 6)
        mouse.down()
        mouse.up()
        camera.wait(20)
        x, y = centre(lab.slider("α"))
        camera.move((x, y), 5)
        mouse.down()
        camera.move((x + 30, y), 10)
        camera.wait(6)
        camera.move((x + 15, y), 7)
        mouse.up()
        camera.wait(16)
        lab.button("Pause").click()
    return camera.frames


def write(frames: list[bytes], target: Path) -> None:
    """Write the film.

    Raises:
        SystemExit: It is larger than a README's picture should be.
    """
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    size = round(pictures[0].width * SCALE), round(pictures[0].height * SCALE)
    first, *rest = (picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures)
    durations = [PACE] * len(rest) + [2000]
    first.save(
        target, save_all=True, append_images=rest, duration=durations, loop=0, quality=70, method=4
    )
    if (bytes_written := target.stat().st_size) > LIMIT:
        sys.exit(f"{target} has {bytes_written:,} bytes, more than {LIMIT:,}: take fewer frames")


if __name__ == "__main__":
    write(record(), Path(sys.argv[1]))
