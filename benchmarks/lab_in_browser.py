"""A lab in a real JupyterLab and a real Chromium, with clocks in the page."""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from playwright.sync_api import BrowserContext, CDPSession, Locator

from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import find_chromium, running_browser, without_history
from tests.browser.servers import JUPYTERLAB, Server, serving

NOTEBOOK = "01_sinusoid.ipynb"

_CLOCK = """() => {
  const clock = window.labClock = {moves: [], curves: [], redraws: 0, replaced: 0};
  const [adaptation, task, training] = ['adaptation', 'task', 'training'].map(
    (name) => document.querySelector(`.maml-lab-${name} .js-plotly-plot`));
  // behind the frame in which it was drawn: a message comes then, or first the next frame
  const channel = new MessageChannel();
  const waiting = [];
  const passed = () => {
    for (const value of waiting.splice(0)) clock.curves.push([performance.now(), value]);
  };
  channel.port1.onmessage = passed;
  const drawn = (plot, note) => plot.addEventListener('maml-lab-drawn', note);
  drawn(adaptation, () => {
    waiting.push(adaptation.layout.meta.alpha);
    channel.port2.postMessage(null);
    requestAnimationFrame(passed);
  });
  drawn(training, () => { clock.redraws += 1; });
  // an element that is removed and added again flickers
  const gone = new MutationObserver((changes) => {
    for (const {removedNodes} of changes) clock.replaced += removedNodes.length;
  });
  for (const plot of [adaptation, task, training])
    gone.observe(plot.querySelector('.svg-container'), {childList: true});
}"""

_ALPHA = """(slider) => {
  // after the control's own listeners, which say the value
  const note = ({timeStamp}) =>
    window.labClock.moves.push([timeStamp, Number(slider.getAttribute('aria-valuetext'))]);
  slider.addEventListener('keydown', note);
  slider.addEventListener('input', note);
}"""

_FIRST_CURVE = """() => new Promise((resolve, reject) => {
  const start = performance.now();
  window.jupyterapp.commands.execute('notebook:run-all-cells');
  const look = () => {
    const plot = document.querySelector('.maml-lab-adaptation .js-plotly-plot');
    const drawn = plot?.data?.at(-1).y.length && plot.querySelector('path.js-line');
    const seconds = (performance.now() - start) / 1000;
    if (drawn) resolve(seconds);
    else if (seconds > 120) reject(new Error('no adaptation curve within 120 s of Run All'));
    else requestAnimationFrame(look);
  };
  look();
})"""

_ROUND_TRIP = """async () => {
  const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const start = performance.now();
  await kernel.requestExecute({code: 'None', silent: true}).done;
  return performance.now() - start;
}"""

_HIDDEN = "(lab, hidden) => { lab.style.display = hidden ? 'none' : ''; }"


@dataclass(frozen=True, slots=True)
class Memory:
    """What browser and kernel hold.

    Attributes:
        heap: JavaScript's heap after a collection, MB.
        nodes: DOM nodes in the page.
        listeners: Event listeners in the page.
        kernel: Resident memory of the kernel, MB.
    """

    heap: float
    nodes: float
    listeners: float
    kernel: float


class LabInBrowser:
    """The lab of the sinusoid notebook, open in a new page.

    Args:
        notebook: The page, with its kernel idle and no cell run.
    """

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook, self.page = notebook, notebook.page
        self._devtools: CDPSession = self.page.context.new_cdp_session(self.page)
        self._devtools.send("Performance.enable")

    def first_curve(self) -> float:
        """Run all cells; seconds until the browser has drawn the first adaptation curve."""
        seconds: float = self.page.evaluate(_FIRST_CURVE)
        return seconds

    def start_clocks(self) -> None:
        """From now on note what is moved and drawn; the lab is in sight."""
        self.notebook.kernel("None")  # behind the cells
        self.notebook.lab().scroll_into_view_if_needed()
        self.notebook.wait_for_lab()
        self.page.evaluate(_CLOCK)
        self.alpha.evaluate(_ALPHA)

    @property
    def alpha(self) -> Locator:
        """The slider of α."""
        return self.page.get_by_role("slider", name="α", exact=True)

    def clock(self, name: str) -> Any:
        """What has been noted: moves, curves, redraws or replaced."""
        return self.page.evaluate("(name) => window.labClock[name]", name)

    def kernel(self, expression: str) -> Any:
        """The value of an expression in the kernel."""
        return ast.literal_eval(self.notebook.kernel(expression))

    def wait(self, seconds: float) -> None:
        """Let time pass in the page."""
        self.page.wait_for_timeout(1000 * seconds)

    def hide(self, *, hidden: bool) -> None:
        """Take the lab out of sight, or show it again."""
        self.notebook.lab().evaluate(_HIDDEN, hidden)

    def press_keys(self, presses: int, pauses: np.random.Generator) -> list[float]:
        """Move α to and fro by arrow keys at irregular intervals; milliseconds to its curve."""
        self._forget()
        self.alpha.focus()
        for press in range(presses):
            # one decade at most, and no value repeats while it may still be drawn
            self.page.keyboard.press("ArrowRight" if press % 100 < 50 else "ArrowLeft")
            self.wait(pauses.uniform(0.15, 0.65))
        return self._until_curves()

    def drag(self, seconds: float) -> list[float]:
        """Drag α to and fro; milliseconds from each move to a curve at least as late as it."""
        self._forget()
        box = self.alpha.bounding_box()
        if box is None:
            raise RuntimeError("the slider of α is not visible")
        left, y = box["x"] + 0.4 * box["width"], box["y"] + box["height"] / 2
        self.page.mouse.move(left, y)
        self.page.mouse.down()
        for move in range(round(50 * seconds)):
            there = abs(move % 100 - 50) / 50
            self.page.mouse.move(left + 0.2 * box["width"] * there, y)
            self.wait(0.016)
        self.page.mouse.up()
        return self._until_curves()

    def nudge(self) -> None:
        """Move α and, a second later, move it back."""
        self._forget()
        for key in ("ArrowRight", "ArrowLeft"):
            self.alpha.press(key)
            self.wait(1)

    def _forget(self) -> None:
        self.page.evaluate("() => { labClock.moves = []; labClock.curves = []; }")

    def _until_curves(self) -> list[float]:
        self.wait(2)
        return delays(self.clock("moves"), self.clock("curves"))

    def round_trip(self) -> float:
        """Milliseconds until the kernel has answered a request to execute nothing."""
        milliseconds: float = self.page.evaluate(_ROUND_TRIP)
        return milliseconds

    def memory(self) -> Memory:
        """What browser and kernel hold, after a collection of the browser's garbage."""
        self._devtools.send("HeapProfiler.collectGarbage")
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        page = {metric["name"]: metric["value"] for metric in metrics}
        process = Path("/proc") / str(self.kernel("__import__('os').getpid()")) / "status"
        resident = next(
            line for line in process.read_text().splitlines() if line.startswith("VmRSS")
        )
        return Memory(
            heap=page["JSHeapUsedSize"] / 1e6,
            nodes=page["Nodes"],
            listeners=page["JSEventListeners"],
            kernel=int(resident.split()[1]) * 1024 / 1e6,
        )


def delays(moves: list[list[float]], curves: list[list[float]]) -> list[float]:
    """Milliseconds from each move until the curve of its value, or of a later move's, was drawn.

    Args:
        moves: Time in ms and value of each.
        curves: Time in ms and value of each curve that was drawn.

    Raises:
        RuntimeError: The last curves never came.

    Example:
        >>> delays([[0, 0.01], [10, 0.02], [20, 0.03]], [[5, 0.0], [60, 0.02], [90, 0.03]])
        [60, 50, 70]
    """
    moves = [move for i, move in enumerate(moves) if i == 0 or move[1] != moves[i - 1][1]]
    waits: list[float] = []
    for drawn_at, value in curves:
        # of equal values the earliest: no wait is underestimated
        first = max(len(waits) - 1, 0)
        answered = (
            i for i, (at, v) in enumerate(moves[first:], first) if v == value and at <= drawn_at
        )
        last = next(answered, -1)
        waits += [drawn_at - at for at, _ in moves[len(waits) : last + 1]]
    if len(waits) < len(moves):
        raise RuntimeError(f"{len(moves) - len(waits)} of {len(moves)} curves were never drawn")
    return waits


@contextmanager
def lab_pages() -> Iterator["Pages"]:
    """A server and a browser whose pages have files cached from the second page on.

    Raises:
        SystemExit: There is no Chromium or Chrome.
    """
    chromium = find_chromium()
    if chromium is None:
        sys.exit("this benchmark drives a browser: install Chromium or Chrome")
    with (
        TemporaryDirectory() as folder,
        serving(JUPYTERLAB, Path(folder)) as server,
        running_browser(chromium) as program,
        without_history(program) as context,
    ):
        yield Pages(server, context)


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages of one server in one browser.

    Attributes:
        server: Where they come from.
        context: The browser's, with one cache for all.
    """

    server: Server
    context: BrowserContext

    @contextmanager
    def lab(self) -> Iterator[LabInBrowser]:
        """A fresh notebook with an idle kernel; nothing has been run."""
        self.server.fresh(NOTEBOOK)
        page = self.context.new_page()
        notebook = NotebookPage(page)
        notebook.open(self.server.url(NOTEBOOK))
        notebook.command("application:toggle-left-area")
        yield LabInBrowser(notebook)
        if notebook.errors:
            raise RuntimeError(f"the browser's console has errors: {notebook.errors[:3]}")
        notebook.shut_down_kernel()
        page.close()
