"""A plotly figure as a browser shall show it: its whole state, and what is not sent of it yet."""

import itertools
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.widgets.protocol import plain, same

_KEY = re.compile(r"[^.\[\]]+")


class LiveFigure:
    """Takes updates as `go.Figure.plotly_update` does, and keeps those that change something.

    Args:
        figure: The first picture.
        lock: Held while the state is read or changed.

    Example:
        >>> live = LiveFigure(go.Figure(go.Scatter(y=[1.0])), threading.RLock())
        >>> live.plotly_update({"line.color": ["#0072B2"]}, {"xaxis.title.text": "steps"}, [0])
        >>> live.take_changes()
        {'traces': [[0, {'line.color': '#0072B2'}]], 'layout': {'xaxis.title.text': 'steps'}}
        >>> live.take_changes()
        {}
    """

    def __init__(self, figure: go.Figure, lock: "threading.RLock") -> None:
        self._lock = lock
        self.become(figure)

    def become(self, figure: go.Figure) -> None:
        """Start again from another picture; it is not part of any changes."""
        with self._lock:
            self._data: list[dict[str, Any]] = [plain(trace) for trace in figure.data]
            self._layout: dict[str, Any] = plain(figure.layout)
            # plotly.js has its own copy of every template's defaults
            self._layout.pop("template", None)
            self._changed: dict[int, dict[str, Any]] = {}
            self._relaid: dict[str, Any] = {}

    def plotly_update(
        self,
        restyle_data: Mapping[str, Any] | None = None,
        relayout_data: Mapping[str, Any] | None = None,
        trace_indexes: Sequence[int] | int | None = None,
    ) -> None:
        """Set properties of traces and of the layout; what they are already is not sent.

        Args:
            restyle_data: Path of a property, with dots → a list with one value for each trace, or
                one value for all.
            relayout_data: Path of a property of the layout → value.
            trace_indexes: Which traces; None for all.

        Raises:
            ValueError: A list has not one value for each trace, there is no such trace, or a path
                leads through something that holds no properties.
        """
        indexes = self._traces(trace_indexes)
        with self._lock:
            for path, values in (restyle_data or {}).items():
                for index, value in zip(indexes, _for_each(path, values, indexes), strict=True):
                    _change(self._data[index], path, value, self._changed.setdefault(index, {}))
            for path, value in (relayout_data or {}).items():
                _change(self._layout, path, plain(value), self._relaid)

    def __getitem__(self, path: str) -> Any:
        """A property of the layout, such as `layout.yaxis.range`; None if it is not set."""
        first, *keys = path.split(".")
        if first != "layout":
            raise KeyError(f"expected a path that begins with layout, got {path!r}")
        with self._lock:
            held: Any = self._layout
            for key in keys:
                held = (held or {}).get(key)
            return held

    def take_changes(self) -> dict[str, Any]:
        """What has changed since the last call, as paths and values; {} for nothing."""
        with self._lock:
            traces = [[index, paths] for index, paths in sorted(self._changed.items()) if paths]
            changes = {"traces": traces, "layout": self._relaid}
            self._changed, self._relaid = {}, {}
        return changes if traces or changes["layout"] else {}

    def take_whole(self) -> dict[str, Any]:
        """The whole state; no change is left to be sent after it."""
        with self._lock:
            self._changed, self._relaid = {}, {}
            return {"data": self._data, "layout": self._layout}

    def _traces(self, numbers: Sequence[int] | int | None) -> list[int]:
        count = len(self._data)
        if numbers is None:
            return list(range(count))
        indexes = [numbers] if isinstance(numbers, int) else [int(index) for index in numbers]
        for index in indexes:
            if not 0 <= index < count:
                raise ValueError(f"the figure has traces 0 to {count - 1}, got {index}")
        return indexes


def _for_each(path: str, values: object, indexes: list[int]) -> list[Any]:
    """One value for each trace, each its own copy."""
    if not isinstance(values, list | tuple):
        return [plain(values) for _ in indexes]
    if len(values) != len(indexes):
        raise ValueError(f"{path}: expected {len(indexes)} values, one a trace, got {len(values)}")
    return [plain(value) for value in values]


def _change(holder: Any, path: str, value: Any, changes: dict[str, Any]) -> None:
    keys = [int(key) if key.isdecimal() else key for key in _KEY.findall(path)]
    for key, following in itertools.pairwise(keys):
        fresh: Any = [] if isinstance(following, int) else {}
        holder = _slot(holder, key, path, fresh)
    last = keys[-1]
    if same(_slot(holder, last, path, None), value):
        return
    holder[last] = value
    changes[path] = value


def _slot(holder: Any, key: int | str, path: str, fresh: Any) -> Any:
    """The value at a key; made if there is nothing yet."""
    if isinstance(holder, dict) and isinstance(key, str):
        if holder.get(key) is None and fresh is not None:
            holder[key] = fresh
        return holder.get(key)
    if isinstance(holder, list) and isinstance(key, int) and key < len(holder):
        return holder[key]
    raise ValueError(f"{path}: the figure has no place {key!r} there")
