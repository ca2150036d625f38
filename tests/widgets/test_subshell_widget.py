"""A lab hears its pages whatever becomes of their subshells; in a real kernel."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.widgets.real_kernel import evaluated, started

pytestmark = pytest.mark.kernel

PATIENCE = 30.0

_BEGIN = """
import threading
import plotly.graph_objects as go
from labkit.widgets.dashboard import PANELS, Dashboard

dashboard = Dashboard([], {name: go.Figure(go.Scatter()) for name in PANELS})
heard = []
thread = lambda: threading.current_thread().name
dashboard.on_message(lambda message: heard.append((message["name"], thread())))
"""
_SAY = "threading.Thread(target=dashboard.copy, args=['a text']).start()"


class Kernel:
    """A kernel with a dashboard, and what a page would send to it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        client.execute_interactive(_BEGIN, timeout=60)
        self.model = evaluated(client, "dashboard.model_id")

    def subshell(self) -> str:
        """Begin a subshell; its name."""
        self._control("create_subshell_request", {})
        return str(self.client.get_control_msg(timeout=PATIENCE)["content"]["subshell_id"])

    def end(self, subshell: str) -> None:
        self._control("delete_subshell_request", {"subshell_id": subshell})
        self.client.get_control_msg(timeout=PATIENCE)

    def _control(self, kind: str, content: dict[str, str]) -> None:
        self.client.control_channel.send(self.client.session.msg(kind, content))

    def press(self, button: str, on: str | None) -> None:
        """Send word of a press to a subshell, or to the kernel itself."""
        said = {"kind": "press", "name": button, "view": "1"}
        content = {"comm_id": self.model, "data": {"method": "custom", "content": said}}
        message = self.client.session.msg("comm_msg", content)
        message["header"]["subshell_id"] = on
        self.client.shell_channel.send(message)

    def thread_of(self, button: str) -> str:
        """Name of the thread that heard of a press, once one has."""
        deadline = time.monotonic() + PATIENCE
        while button not in (heard := dict(evaluated(self.client, "heard"))):
            assert time.monotonic() < deadline, f"nobody heard {button}"
            time.sleep(0.05)
        return str(heard[button])


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with started() as client:
        yield Kernel(client)


def test_a_page_is_heard_after_another_pages_subshell_has_ended(kernel: Kernel) -> None:
    old, new = kernel.subshell(), kernel.subshell()
    kernel.client.execute_interactive(f"dashboard.on_message(lambda message: {_SAY})", timeout=60)
    kernel.press("play", on=old)
    assert old in kernel.thread_of("play")
    kernel.end(old)
    kernel.press("pause", on=new)
    assert new in kernel.thread_of("pause")
    kernel.press("reset", on=None)
    assert kernel.thread_of("reset") == "MainThread"


def test_a_subshell_hears_while_a_cell_runs_in_which_the_lab_spoke(kernel: Kernel) -> None:
    own = kernel.subshell()
    kernel.client.execute(f"{_SAY}; import time\nwhile not heard: time.sleep(0.05)")
    time.sleep(0.5)
    kernel.press("play", on=own)
    kernel.client.get_shell_msg(timeout=PATIENCE)  # the cell has ended, for the press was heard
    assert own in kernel.thread_of("play")
