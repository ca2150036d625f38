"""A page without a browser: it says what a view of the lab says, and keeps the picture."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from labkit import Lab, Session, Settings, Sinusoid, sinusoid_mlp

Json = dict[str, Any]


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def unpacked(value: Any, buffers: list[bytes]) -> Any:
    """As the browser reads it."""
    if isinstance(value, list):
        return [unpacked(held, buffers) for held in value]
    if not isinstance(value, dict):
        return value
    if "$array" not in value:
        return {name: unpacked(held, buffers) for name, held in value.items()}
    start, count, kind, shape = value["$array"]
    assert start % 8 == 0
    numbers = np.frombuffer(buffers[0], f"<{kind}", count, start)
    return numbers.reshape(shape).tolist()


class Page:
    """A view of a lab.

    Attributes:
        lab: Whose view it is.
        figures: Panel → data and layout, as a browser would draw them.
        asked: Messages that are no pictures: texts to copy, files, pictures to be taken.
    """

    def __init__(self, lab: Lab, view: str = "v") -> None:
        self.lab, self.view = lab, view
        self.figures: dict[str, Json] = {}
        self.asked: list[tuple[Json, list[bytes]]] = []
        lab.dashboard.send = self._hear
        self.say(kind="ready")

    def say(self, **message: Any) -> None:
        """Send a message to the kernel."""
        self.lab.dashboard._handle_custom_msg({"view": self.view, **message}, [])

    def set(self, name: str, value: Any, *, final: bool = True) -> None:
        """Move a control."""
        self.say(kind="set", name=name, value=value, final=final)

    def press(self, name: str) -> None:
        """Press a button."""
        self.say(kind="press", name=name)

    def point(self, action: str, index: int | None, x: float, y: float) -> None:
        """Add, move or remove a support point."""
        self.say(kind="support", action=action, index=index, x=x, y=y, final=True)

    def control(self, name: str) -> Json:
        """How a control stands."""
        state: Json = self.lab.dashboard.state.get(name, {})
        return state

    def message(self) -> str:
        """What the lab says."""
        state = self.control("message")
        return "" if state["hidden"] else str(state["value"])

    def banner(self) -> str:
        """What the lab says while it shows an earlier meta-step."""
        state = self.control("banner")
        return "" if state.get("hidden") else str(state["value"])

    def status(self) -> str:
        """The read-out."""
        return "\n".join(self.control("status")["value"])

    def trace(self, panel: str, name: str) -> Json:
        """A trace of a panel, with empty lists for what it has not."""
        traces = self.figures[panel]["data"]
        match: Json = next(trace for trace in traces if trace["name"] == name)
        return {"x": [], "y": [], "text": [], **match}

    def mean(self) -> list[float]:
        """The adaptation curve that is shown: the last trace of its panel."""
        heights: list[float] = self.figures["adaptation"]["data"][-1]["y"]
        return heights

    def title(self, panel: str) -> str:
        """The title of a panel's figure."""
        return str(self.figures[panel]["layout"]["title"]["text"])

    def y_title(self, panel: str) -> str:
        """What a panel's y axis shows."""
        return str(self.figures[panel]["layout"]["yaxis"]["title"]["text"])

    def ghosts(self, panel: str) -> list[str]:
        """Names of the ghosts that a panel shows."""
        traces = self.figures[panel]["data"]
        kept = [t for t in traces if t.get("visible") is True and " · " in t["name"]]
        return [trace["name"] for trace in kept]

    def marks(self) -> list[str]:
        """Labels of the marks of changes."""
        return [
            text.strip(" \N{NO-BREAK SPACE}")
            for text in self.trace("training", "changes")["text"]
            if text
        ]

    def copied(self) -> str:
        """The text that was last put on the clipboard."""
        return next(str(m["text"]) for m, _ in reversed(self.asked) if m["kind"] == "copy")

    def files(self) -> dict[str, bytes]:
        """What was downloaded, name → content."""
        return {m["filename"]: data[0] for m, data in self.asked if m["kind"] == "file"}

    def _hear(self, content: Json, buffers: list[bytes] | None = None) -> None:
        kind = content["kind"]
        if kind not in ("whole", "changes"):
            self.asked.append((content, buffers or []))
            return
        for panel, news in unpacked(content["figures"], buffers or []).items():
            if kind == "whole":
                self.figures[panel] = news
                continue
            figure = self.figures[panel]
            for index, paths in news["traces"]:
                for path, value in paths.items():
                    _put(figure["data"][index], path, value)
            for path, value in news["layout"].items():
                _put(figure["layout"], path, value)
        self.say(kind="drawn", number=content["number"])


def _put(holder: Any, path: str, value: Any) -> None:
    *keys, last = (int(key) if key.isdecimal() else key for key in re.findall(r"[^.\[\]]+", path))
    for key in keys:
        holder = holder.setdefault(key, {}) if isinstance(holder, dict) else holder[key]
    holder[last] = value


def new_session(**settings: Any) -> Session:
    """Sinusoids, few of them."""
    start = Settings(meta_batch=2, shots=3).changed(**settings)
    return Session(start, model=sinusoid_mlp, tasks=Sinusoid, test_tasks=20)


@contextmanager
def shown(session: Session, **options: Any) -> Iterator[Page]:
    """A lab with a page that shows it; in the end it is closed, and the training with it."""
    lab = Lab(session, **options)
    try:
        yield Page(lab)
    finally:
        lab.close()
        session.close()
