"""Whether a page that is loaded again finds its lab, while other work keeps the cores busy.

Prints what each loading came to and how many labs were lost; needs Chromium or Chrome, and Linux:
python -m benchmarks.reloads --reloads 50
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from benchmarks.lab_in_browser import NOTEBOOK
from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import find_chromium, running_browser, without_history
from tests.browser.servers import JUPYTERLAB, serving

PATIENCE_MS = 60_000
"""A lab that has not come by then does not come."""

_CAME_TO = """() => {
  const broken = [...document.querySelectorAll('.jupyter-widgets, .jp-OutputArea-output')].find(
    (output) => /Error displaying widget|model not found/.test(output.innerText));
  if (broken) return broken.innerText.slice(0, 80).replaceAll('\\n', ' ');
  document.querySelector('.maml-lab')?.scrollIntoView();
  const plots = [...document.querySelectorAll('.maml-lab-plot')];
  return plots.length === 3 && plots.every((plot) => plot.querySelector('.main-svg')) && 'lab';
}"""


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep so many cores busy with other work."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def reload(notebook: NotebookPage, *, run_all: bool) -> str:
    """Load the page again, and see what becomes of its lab.

    Args:
        notebook: The page, with a saved lab whose kernel lives.
        run_all: Run all cells as soon as the page has its kernel, while it asks for its widgets.

    Returns:
        "lab" if it draws and answers; otherwise what is wrong with it.
    """
    page = notebook.page
    page.reload()
    if run_all:
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
        )
        notebook.command("notebook:run-all-cells")
    try:
        came_to = str(page.wait_for_function(_CAME_TO, timeout=PATIENCE_MS).json_value())
        if run_all:  # the old lab may be what was seen
            notebook.kernel("None")
            came_to = str(page.wait_for_function(_CAME_TO, timeout=PATIENCE_MS).json_value())
        if came_to == "lab":
            before = notebook.status()
            notebook.button("Step: meta").click(timeout=PATIENCE_MS)
            expect(notebook._status()).not_to_have_text(before, timeout=PATIENCE_MS)
    except (PlaywrightTimeout, AssertionError) as error:
        return str(error).splitlines()[0][:80]
    return came_to


def measure(reloads: int, cores: int, *, run_all: bool) -> int:
    """Print what each loading came to; how many labs were lost."""
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium or Chrome found")
    outcomes: Counter[str] = Counter()
    waits = []
    with (
        TemporaryDirectory() as folder,
        serving(JUPYTERLAB, Path(folder)) as server,
        running_browser(chromium) as browser,
        without_history(browser) as context,
    ):
        server.fresh(NOTEBOOK, whole=False)
        notebook = NotebookPage(context.new_page())
        notebook.open(server.url(NOTEBOOK))
        notebook.run_all()
        notebook.save()
        with busy(cores):
            for number in range(reloads):
                notebook.errors.clear()
                began = time.monotonic()
                outcome = reload(notebook, run_all=run_all)
                waits.append(time.monotonic() - began)
                outcomes[outcome] += 1
                errors = " ".join(notebook.errors)
                _write(f"{number + 1}: {waits[-1]:.1f} s, {outcome} {errors}")
        notebook.shut_down_kernel()
    lost = reloads - outcomes["lab"]
    _write(f"lost: {lost} of {reloads}; seconds of a loading, median: {median(waits):.1f}")
    return lost


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Count the labs that are lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=50, help="how often the page is loaded")
    parser.add_argument("--busy", type=int, default=2, help="cores that other work keeps busy")
    parser.add_argument(
        "--run-all", action="store_true", help="run all cells while the page is loading"
    )
    args = parser.parse_args()
    raise SystemExit(int(measure(args.reloads, args.busy, run_all=args.run_all) > 0))


if __name__ == "__main__":
    main()
