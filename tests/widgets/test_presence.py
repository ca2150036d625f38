"""Interrupting a kernel, whether a cell runs or only the training does; in a real kernel."""

import threading
import time
from typing import Any

import pytest

from labkit.widgets import presence as module
from labkit.widgets.presence import Presence, RollCall
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


class OneSession:
    """What a presence knows of a session."""

    def __init__(self) -> None:
        self.pauses = 0

    def pause(self) -> None:
        self.pauses += 1


class OneLab:
    """What a presence knows of a lab."""

    def __init__(self, session: OneSession) -> None:
        self.session: Any = session


def test_the_last_lab_of_a_session_that_no_page_shows_pauses_it() -> None:
    session: Any = OneSession()
    presence = Presence()
    one, other = OneLab(session), OneLab(session)
    presence.enter(one)
    presence.enter(other)
    presence.leave(one)
    assert (session.pauses, presence.sessions()) == (0, [session])
    presence.forget(other)
    assert (session.pauses, presence.sessions()) == (0, []), "who closes it decides"
    presence.enter(other)
    presence.leave(other)
    assert session.pauses == 1


@pytest.mark.parametrize("answered", [True, False])
def test_a_roll_call_that_nobody_answers_is_told(
    monkeypatch: pytest.MonkeyPatch, *, answered: bool
) -> None:
    monkeypatch.setattr(module, "ROLL_SECONDS", 60.0 if answered else 0.01)
    asked, nobody = threading.Event(), threading.Event()
    roll = RollCall(asked.set, nobody.set)
    roll.begin()
    assert asked.is_set()
    if answered:
        roll.hear()
    for thread in threading.enumerate():
        if thread.name == "maml-lab-roll":
            thread.join(20)
    assert nobody.is_set() is not answered
