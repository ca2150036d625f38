"""What a command says while it waits: on a terminal and elsewhere, true and not too often."""

import os
import pty
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from labkit.cli.progress import BETWEEN, FIRST, Display
from labkit.experiments.runs.plan import Plan
from labkit.experiments.runs.run_folder import Status
from labkit.experiments.sweeps.grid import Tally
from labkit.session import RunProgress


class Clock:
    """The time, as it is set."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    return [Plan.of("01_sinusoid", {"seed": seed, "alpha": 0.1}) for seed in (3, 4)]


def training(meta_step: int) -> RunProgress:
    return RunProgress("training", meta_step, 2000)


def test_each_run_has_a_line_with_what_it_does(plans: list[Plan]) -> None:
    clock = Clock()
    display = Display("starting workers", varying=("alpha", "seed"), now=clock)
    assert display.lines() == ["starting workers"]
    display.count(Tally(24, 2, 1))
    assert display.lines() == ["2 of 24 runs done, 1 failed; starting workers"]
    display.running([(plans[0], RunProgress("importing")), (plans[1], training(300))])
    assert display.lines() == [
        "2 of 24 runs done, 1 failed",
        "  alpha=0.1, seed=3: importing",
        "  alpha=0.1, seed=4: at meta-step 300 of 2,000",
    ]


def test_no_estimate_before_there_is_a_basis(plans: list[Plan]) -> None:
    clock = Clock()
    display = Display("starting", now=clock)
    display.running([(plans[0], training(300))])
    clock.seconds += 1
    display.running([(plans[0], training(400))])
    assert display.lines() == ["01_sinusoid: at meta-step 400 of 2,000"]
    clock.seconds += 9
    display.running([(plans[0], training(800))])
    (line,) = display.lines()
    assert line == "01_sinusoid: at meta-step 800 of 2,000, 50 per s, about 24 s left"
    sweep = Display("starting workers", now=clock)
    sweep.count(Tally(24, 10, 0))
    clock.seconds += 60
    assert "left" not in sweep.lines()[0]  # those ten were done before
    sweep.count(Tally(24, 11, 0, 1))
    assert sweep.lines()[0].startswith(
        "11 of 24 runs done, 1 diverged, about 6 min left"  # 30 s each, 12 left
    )


def test_without_a_terminal_a_line_now_and_then(
    plans: list[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    display = Display("starting workers", varying=("seed",), now=clock)
    display.count(Tally(2, 0, 0))
    for _ in range(int(3 * BETWEEN)):
        clock.seconds += 1
        display.running([(plan, training(int(clock.seconds))) for plan in plans])
        display.print_if_due()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    pace = f"at meta-step {100 + FIRST:.0f} of 2,000, 1 per s, about 32 min left"
    assert lines[0] == f"labkit: 0 of 2 runs done; seed=3: {pace}; seed=4: {pace}"
    assert FIRST < 10


def test_a_long_wait_is_said_again_and_on_demand_each_change(
    plans: list[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    waits = Display("reading the runs", now=clock)
    for _ in range(int(FIRST + 2 * BETWEEN)):
        clock.seconds += 1
        waits.print_if_due()
    assert capsys.readouterr().err.splitlines() == ["labkit: reading the runs"] * 3
    changes = Display("starting", enabled=True, now=clock)
    for phase in ("importing", "importing", "starting"):
        changes.running([(plans[0], RunProgress(phase))])
    assert capsys.readouterr().err.splitlines() == [
        "labkit: 01_sinusoid: importing",
        "labkit: 01_sinusoid: starting the notebook",
    ]


def test_failures_are_said_when_they_happen(
    plans: list[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    display = Display("starting workers", varying=("seed",))
    display.ended(plans[0], Status("done", "i", "n", 0.0))
    assert capsys.readouterr().err == ""
    display.ended(plans[0], Status("failed", "i", "n", 0.0, error="ValueError: no\nmore"))
    assert capsys.readouterr().err == "labkit: seed=3 failed: ValueError: no\n"


def test_nothing_is_said_on_demand(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    with Display("starting", enabled=False) as display:
        display.running([(plans[0], training(1))])
        time.sleep(0.01)
    assert capsys.readouterr().err == ""


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What is written to a terminal of 60 columns that is standard error."""
    ours, theirs = pty.openpty()
    written: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                written.append(data)
        except OSError:  # its other end is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(theirs, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        yield written
    reader.join()
    os.close(ours)


def test_on_a_terminal_lines_are_renewed_and_fit_its_width(
    plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("alpha", "seed", "order")
    with terminal(monkeypatch) as written, Display("starting workers", varying=names) as display:
        display.count(Tally(2, 0, 0))
        display.running([(plan, training(300)) for plan in plans])
        display.ended(plans[0], Status("failed", "i", "n", 0.0, error="ValueError: no"))
        display.running([(plans[1], RunProgress("measuring", 2000, 2000))])
    text = b"".join(written).decode()
    assert "labkit: alpha=0.1, seed=3, order=2 failed: ValueError: no" in text
    assert "  alpha=0.1, seed=4, order=2: measuring after 2,000 meta-st…" in text
