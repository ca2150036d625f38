"""JupyterLab in a real browser: starts the server and drives one notebook's page."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, ViewportSize, sync_playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

_PANEL = "window.jupyterapp.shell.currentWidget"
_READY = f"""() => {{
  const panel = window.jupyterapp && {_PANEL};
  const kernel = panel && panel.sessionContext && panel.sessionContext.session?.kernel;
  return Boolean(kernel && kernel.status === 'idle');
}}"""
_TRACES = """Object.fromEntries(
  document.querySelector('.maml-lab .js-plotly-plot').data.map((trace) => [trace.name, {
    x: Array.from(trace.x ?? []), y: Array.from(trace.y ?? []), text: Array.from(trace.text ?? []),
  }])
)"""
_EVALUATE = f"""async (code) => {{
  const kernel = {_PANEL}.sessionContext.session.kernel;
  const content = {{code: '', store_history: false, user_expressions: {{value: code}}}};
  const reply = await kernel.requestExecute(content).done;
  const value = reply.content.user_expressions.value;
  if (value.status !== 'ok') throw new Error(value.ename + ': ' + value.evalue);
  return value.data['text/plain'];
}}"""


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


class NotebookPage:
    """One notebook open in JupyterLab.

    Attributes:
        page: Playwright's page.
        errors: What the browser's console has called an error so far.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, url: str) -> None:
        """Go to a notebook and wait until its kernel is idle."""
        self.page.goto(url)
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel is idle."""
        self.page.wait_for_function(_READY, timeout=90_000)

    def command(self, name: str) -> None:
        """Start a JupyterLab command, without waiting for its end."""
        self.page.evaluate("(name) => { window.jupyterapp.commands.execute(name); }", name)

    def kernel(self, expression: str) -> str:
        """The repr of an expression in the notebook's kernel."""
        return str(self.page.evaluate(_EVALUATE, expression))

    def until(self, expression: str, timeout: float = 30.0) -> None:
        """Wait until an expression is true in the kernel."""
        deadline = time.monotonic() + timeout
        while self.kernel(f"bool({expression})") != "True":
            if time.monotonic() > deadline:
                raise TimeoutError(f"not true within {timeout} s: {expression}")
            time.sleep(0.1)

    def run_all(self) -> None:
        """Run all cells and wait until the kernel has run them and the lab shows its figure."""
        self.page.evaluate(
            "() => document.querySelectorAll('.maml-lab').forEach((lab) => lab.remove())"
        )
        self.command("notebook:run-all-cells")
        lab = self.page.locator(".maml-lab")
        lab.wait_for(timeout=90_000)
        # a request in the queue behind the cells
        self.kernel("None")
        # plots are drawn once they are in sight
        lab.evaluate("(lab) => lab.scrollIntoView()")
        self.page.wait_for_selector(".maml-lab .js-plotly-plot .main-svg", timeout=90_000)

    def restart_kernel(self) -> None:
        """Restart the notebook's kernel without asking."""
        self.page.evaluate(f"() => {_PANEL}.sessionContext.session.kernel.restart()")
        self.wait_for_kernel()

    def shut_down_kernel(self) -> None:
        """End the notebook's kernel, so that the next page starts with one of its own."""
        self.page.evaluate(f"() => {_PANEL}.sessionContext.shutdown()")

    def button(self, name: str) -> Locator:
        """A button of the lab by what it says."""
        return self.page.locator(".maml-lab button.jupyter-button").filter(has_text=name)

    def slider(self, index: int) -> Locator:
        """The handle of a slider of the lab."""
        return self.page.locator(".maml-lab .noUi-handle").nth(index)

    def number(self, index: int) -> Locator:
        """A field for typed values of the lab."""
        return self.page.locator(".maml-lab-number input").nth(index)

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
        return self.page.locator(".maml-lab-status").inner_text()

    def traces(self) -> dict[str, Any]:
        """What the browser's plot holds: trace name → x, y and text as lists."""
        found: dict[str, Any] = self.page.evaluate(f"() => {_TRACES}")
        return found

    def wait_for_trace(self, name: str, condition: str) -> None:
        """Wait until a trace in the browser's plot, as `t`, fulfils a condition in JavaScript."""
        self.page.wait_for_function(
            f"(name) => {{ const t = ({_TRACES})[name]; return Boolean(t && {condition}); }}",
            arg=name,
        )


@contextmanager
def jupyterlab(root: Path, config: Path) -> Iterator[str]:
    """A JupyterLab server on a folder, with settings of its own; yields its address and token."""
    token = secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(config)}
    log = config / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for_server(f"{base}/api?token={token}", server, log)
        # reset: without the tabs of earlier pages
        yield f"{base}/lab/tree/{{notebook}}?token={token}&reset"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for_server(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}") from None
            time.sleep(0.2)


@contextmanager
def browser_page(chromium: str, width: int = 1440, height: int = 900) -> Iterator[NotebookPage]:
    """A page in headless Chromium."""
    size = ViewportSize(width=width, height=height)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_ARGS)
        try:
            yield NotebookPage(browser.new_page(viewport=size))
        finally:
            browser.close()
