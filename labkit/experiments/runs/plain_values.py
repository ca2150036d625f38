"""Values that survive the way from a notebook's parameters to files and tables unchanged."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from labkit.session import ParameterError, message_on

EXPECTED = "must be a number, text, true or false, None, or a list or dict of these"


def plain_values(values: Mapping[str, object]) -> dict[str, Any]:
    """Parameters as JSON can hold them, or an error before anything is run.

    What JSON has no form for would reach the notebook, but not `parameters.json`, tables and
    comparisons: a tuple would come back as a list, a set not at all.

    Args:
        values: Name → value.

    Raises:
        ParameterError: One line for each value with a tuple, a set, bytes, a dict whose keys are
            no text, or another object in it.

    Example:
        >>> plain_values({"alpha": 0.5, "events": [[5, "beta", np.float64(0.1)]]})
        {'alpha': 0.5, 'events': [[5, 'beta', 0.1]]}
    """
    lines, plain = [], {}
    for name, value in values.items():
        try:
            plain[name] = _plain(value)
        except TypeError as error:
            lines.append(message_on(name, value, f"{EXPECTED}; {error}"))
    if lines:
        raise ParameterError("\n".join(lines))
    return plain


def python_number(value: object) -> Any:
    """A number of numpy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _plain(value: object) -> Any:
    value = python_number(value)
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_plain(entry) for entry in value]
        case dict():
            for key in value:
                if not isinstance(key, str):
                    raise TypeError(f"the key {key!r} is no text: write {str(key)!r}")
            return {key: _plain(entry) for key, entry in value.items()}
        case tuple() | set() | frozenset():
            raise TypeError(f"write the {type(value).__name__} as a list")
        case bytes() | bytearray():
            raise TypeError("write bytes as text, such as value.hex()")
        case _:
            raise TypeError(f"got {type(value).__name__}")


def table_value(value: object) -> object:
    """A value that a table can hold, group and sort: lists and dicts become JSON.

    Example:
        >>> table_value({"b": 1, "a": [2]}), table_value(0.5)
        ('{"a": [2], "b": 1}', 0.5)
    """
    if not isinstance(value, list | dict):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
