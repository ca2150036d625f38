"""`make lab` and `make app` serve and say where, in a fresh folder with an installed environment.

That `make` sets the environment up is checked by `.ci/run`, which begins with a clean clone.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.test_docs import ROOT

pytestmark = pytest.mark.kernel

NOTEBOOK = "notebooks/01_sinusoid.ipynb"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that has what the repository has, without its environment."""
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def address_of(clone: Path, target: str, pattern: str) -> tuple[str, str, str]:
    """What make prints until it serves, the address in it, and what a browser was asked to open."""
    opened, output = clone / "opened", clone / "output"
    browser = clone / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o755)
    environment = {**os.environ, "BROWSER": f"{browser} %s", "VENV": sys.prefix}
    # what the environment holds is not looked at: no file of the repository is newer than it
    command = ["make", target, f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed"]
    with output.open("w") as log:
        process = subprocess.Popen(
            command, cwd=clone, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            text = output.read_text(encoding="utf-8")
            address = re.search(pattern, text)
            if address and opened.exists() and opened.read_text():
                with urllib.request.urlopen(address[0], timeout=60) as answer:
                    assert answer.status == 200
                return text, address[0], opened.read_text()
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def test_make_lab_opens_the_first_notebook_and_says_where(clone: Path) -> None:
    text, address, opened = address_of(
        clone, "lab", r"http://127\.0\.0\.1:\d+/lab/tree/\S+token=\S+"
    )
    assert f"/lab/tree/{NOTEBOOK}?" in address
    before, _, after = text.partition(address)
    assert NOTEBOOK in before
    assert "copy the address" in before
    assert not re.search(r"\[[IW] ", before + after), "other messages hide the address"
    assert opened.startswith(("file://", "http://127.0.0.1"))


def test_make_app_serves_the_first_notebook_and_says_where(clone: Path) -> None:
    _, address, opened = address_of(clone, "app", r"http://\S+:\d+/\S*")
    assert opened
    assert address
