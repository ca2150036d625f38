"""Acting once the cells that were asked for have run."""

import threading
from collections.abc import Callable
from typing import Any

from labkit.widgets.end_of_cells import EndOfCells


class Events:
    """IPython's, as far as they are used."""

    def __init__(self) -> None:
        self.functions: list[tuple[str, Callable[..., Any]]] = []

    def register(self, event: str, function: Callable[..., Any]) -> None:
        self.functions.append((event, function))

    def unregister(self, event: str, function: Callable[..., Any]) -> None:
        self.functions.remove((event, function))

    def run(self, name: str) -> None:
        for event, function in tuple(self.functions):
            if event == name:
                function(None)


def test_it_acts_once_after_the_last_of_several_cells() -> None:
    events, acted = Events(), threading.Event()
    times: list[int] = []

    def act() -> None:
        times.append(1)
        acted.set()

    end = EndOfCells(events, act, quiet=0.05)
    events.run("post_run_cell")
    events.run("pre_run_cell")
    first = end._timer
    assert first is not None
    first.join()
    assert not times, "another cell runs"
    events.run("post_run_cell")
    assert acted.wait(10)
    assert times == [1]
    assert not events.functions
