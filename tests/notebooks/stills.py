"""Pictures of plotly's figures, for viewers that run no scripts: a code host, the site.

plotly.js draws them in a Chromium, as it draws the browser tests' figures.
"""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image
from playwright.sync_api import Page
from plotly.offline import get_plotlyjs

from tests.browser.lab_page import find_chromium, running_browser

PLOTLY = "application/vnd.plotly.v1+json"
MOST_BYTES = 60_000
"""Of a stored picture."""
WIDTH, SCALE = 860, 1.5
"""Pixels of a figure that has no width, and how many of the picture there are for each."""
_COLORS = (128, 64, 32, 16)
_DRAW = """([figure, width, scale]) => {
  const layout = {width, ...figure.layout, paper_bgcolor: 'white', plot_bgcolor: 'white'}
  return Plotly.newPlot('plot', figure.data, layout, {staticPlot: true}).then((plot) =>
    Plotly.toImage(plot, {
      format: 'png', scale, width: plot._fullLayout.width, height: plot._fullLayout.height,
    }))
}"""


class Stills:
    """Draws figures on one page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.set_content("<body><div id='plot'></div></body>")
        page.add_script_tag(content=get_plotlyjs())

    def png(self, figure: dict[str, Any]) -> tuple[bytes, int, int]:
        """A figure as a PNG of at most `MOST_BYTES`, and its width and height on a page.

        Raises:
            ValueError: It is larger even with few colours.
        """
        url: str = self._page.evaluate(_DRAW, [figure, WIDTH, SCALE])
        picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
        width, height = (round(pixels / SCALE) for pixels in picture.size)
        return small_png(picture), width, height

    def replace_figures(self, cell: Any) -> None:
        """Put a picture in the place of each plotly figure among a cell's outputs."""
        for output in cell.get("outputs", ()):
            if PLOTLY not in output.get("data", {}):
                continue
            png, width, height = self.png(output.data[PLOTLY])
            output.data = {"image/png": base64.b64encode(png).decode()}
            output.metadata = {"image/png": {"width": width, "height": height}}


def small_png(picture: Image.Image, most: int = MOST_BYTES) -> bytes:
    """A picture as a PNG of at most `most` bytes, with as many colours as that allows.

    Raises:
        ValueError: It is larger even with few colours.
    """
    for colors in _COLORS:
        buffer = io.BytesIO()
        picture.quantize(colors, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
        if buffer.tell() <= most:
            return buffer.getvalue()
    raise ValueError(f"the picture has {buffer.tell()} bytes, more than {most}: draw less in it")


@contextmanager
def drawing() -> Iterator[Stills]:
    """A browser that draws figures.

    Raises:
        FileNotFoundError: There is neither Chromium nor Chrome.
    """
    chromium = find_chromium()
    if chromium is None:
        raise FileNotFoundError("stored figures are drawn by Chromium or Chrome: install one")
    with running_browser(chromium) as browser:
        yield Stills(browser.new_page())
