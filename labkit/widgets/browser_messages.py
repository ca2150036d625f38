"""What a browser may say: messages from the page, checked before anything believes them."""

import math
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]


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
    "picture": _is_picture,
    "drawn": _is_drawn,
    "ready": lambda _: True,
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
