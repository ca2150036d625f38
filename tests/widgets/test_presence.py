"""Interrupting a kernel, whether a cell runs or only the training does; in a real kernel."""

import time
from typing import Any

import pytest

from tests.widgets.real_kernel import evaluated, started

pytestmark = pytest.mark.kernel

_BEGIN = """
from labkit import Lab, Session, Settings, Sinusoid, sinusoid_mlp

session = Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid)
lab = Lab(session)
session.play()
"""


def test_an_interrupt_pauses_the_training() -> None:
    with started() as client:
        client.execute_interactive(_BEGIN, timeout=60)
        assert evaluated(client, "session.playing")
        interrupt(client)
        wait_for(client, "not session.playing")

        client.execute_interactive("session.play()", timeout=60)
        cell = "print('begun', flush=True); import time; time.sleep(600)"
        client.execute(cell, stop_on_error=False)
        while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
            pass
        interrupt(client)
        wait_for(client, "not session.playing")

        client.execute_interactive("lab.close()", timeout=60)
        assert evaluated(client, "__import__('labkit').widgets.presence.labs.sessions()") == []


def interrupt(client: Any) -> None:
    client.parent.interrupt_kernel()


def wait_for(client: Any, condition: str) -> None:
    deadline = time.monotonic() + 30
    while not evaluated(client, condition):
        assert time.monotonic() < deadline, f"it does not come to {condition}"
