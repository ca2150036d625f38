"""What kernel and page say to each other: messages from the page, arrays to the page.

A message from the page is checked before anything uses it. A message to the page is JSON with the
numbers of all its arrays in one binary buffer.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Message = dict[str, Any]

ALIGNMENT = 8
_TYPES = {np.dtype(f"<{code}"): code for code in ("f8", "f4", "i4", "u4", "i2", "u2", "i1", "u1")}


def plain(value: object) -> Any:
    """A value of a plotly figure as arrays of numbers and JSON values, shared with nobody.

    Numbers that JSON does not have (NaN, ±∞) become None outside arrays: a gap for plotly.

    Raises:
        ValueError: The value is none that a figure can hold.

    Example:
        >>> plain({"x": np.arange(2), "text": ("a", float("nan"))})
        {'x': array([0., 1.]), 'text': ['a', None]}
    """
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, Mapping):
        return {str(name): plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    if hasattr(value, "to_plotly_json"):
        return plain(value.to_plotly_json())
    scalar = value.item() if isinstance(value, np.generic) else value
    if scalar is None or isinstance(scalar, bool | int | float | str):
        return None if isinstance(scalar, float) and not math.isfinite(scalar) else scalar
    raise ValueError(f"expected numbers, strings, arrays, lists or dicts of them, got {value!r}")


def same(one: object, other: object) -> bool:
    """Whether two values from `plain` are equal; gaps (NaN) equal each other."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def packed(value: object) -> tuple[Any, list[bytes]]:
    """JSON of a value from `plain`, and at most one buffer with the numbers of all its arrays.

    An array becomes `{"$array": [first byte, entries, type, shape]}`; its first byte is a multiple
    of 8.

    Example:
        >>> packed({"x": np.array([0.5, 1.0])})[0]
        {'x': {'$array': [0, 2, 'f8', [2]]}}
    """
    parts: list[bytes] = []
    json = _pack(value, parts, [0])
    return json, [b"".join(parts)] if parts else []


def _pack(value: object, parts: list[bytes], size: list[int]) -> Any:
    if isinstance(value, dict):
        return {name: _pack(held, parts, size) for name, held in value.items()}
    if isinstance(value, list):
        return [_pack(held, parts, size) for held in value]
    if not isinstance(value, np.ndarray):
        return value
    start = size[0]
    content = value.tobytes() + b"\0" * (-value.nbytes % ALIGNMENT)
    parts.append(content)
    size[0] += len(content)
    return {"$array": [start, value.size, _TYPES[value.dtype], list(value.shape)]}


def _array(values: NDArray[Any]) -> Any:
    if values.dtype.kind not in "fiu":
        return plain(values.tolist())
    little = values.dtype.newbyteorder("<")
    # a copy: whoever gave the array may change it afterwards
    return np.array(values, dtype=little if little in _TYPES else "<f8", order="C")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_set(message: Message) -> bool:
    return (
        isinstance(message.get("name"), str)
        and "value" in message
        and isinstance(message.get("final"), bool)
    )


def _is_press(message: Message) -> bool:
    return isinstance(message.get("name"), str)


def _is_support(message: Message) -> bool:
    action, index = message.get("action"), message.get("index")
    named = index is None if action == "add" else _whole(index)
    placed = all(_number(message.get(axis)) for axis in "xy")
    final = isinstance(message.get("final"), bool)
    return action in ("add", "move", "remove") and named and placed and final


def _is_look(message: Message) -> bool:
    return _whole(message.get("meta_step"))


def _is_pick(message: Message) -> bool:
    return isinstance(message.get("name"), str) and _whole(message.get("index"))


def _is_drawn(message: Message) -> bool:
    return _whole(message.get("number"))


def _is_picture(message: Message) -> bool:
    images = message.get("images")
    return isinstance(images, dict) and all(
        isinstance(image, str) and image.startswith("data:image/svg+xml")
        for image in images.values()
    )


_CHECKS: dict[str, Callable[[Message], bool]] = {
    "set": _is_set,
    "press": _is_press,
    "support": _is_support,
    "look": _is_look,
    "pick": _is_pick,
    "picture": _is_picture,
    "drawn": _is_drawn,
    "ready": lambda _: True,
    "gone": lambda _: True,
    "here": lambda _: True,
    "library": lambda _: True,
}


def is_message(content: object) -> bool:
    """Whether this is a message of the dashboard with all that its kind needs.

    Args:
        content: A dict with "kind" and "view", the name of the page's view that sends it, and
            with "asked", if that view has asked anything: how many questions so far.

    Example:
        >>> is_message({"kind": "look", "meta_step": 200, "view": "1"})
        True
        >>> is_message({"kind": "look", "meta_step": None, "view": "1"})
        False
    """
    if not isinstance(content, dict) or not isinstance(content.get("view"), str):
        return False
    check = _CHECKS.get(str(content.get("kind")))
    return check is not None and check(content) and _whole(content.get("asked", 0))
