"""Checked parameters, and the words for what one may be and what is wrong with it.

Every error about a parameter has the form "name = value: what it must be", from `message_on`.
"""

import difflib
from collections.abc import Mapping
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails


class ParameterError(ValueError):
    """A parameter that is unknown or not allowed; the message says its name, value and remedy."""


class CheckedModel(BaseModel):
    """Parameters by name: frozen, strict, without unknown names, NaN and infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """Parameters from values by name; fields that are not named keep their defaults.

        Raises:
            ParameterError: One line for each value that is not allowed and each unknown name.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise parameter_error(cls, error) from None


def parameter_error(kind: type[BaseModel], error: ValidationError) -> ParameterError:
    """The error for values that parameters of a kind do not allow, with one line for each."""
    lines = [_line(kind, entry) for entry in error.errors()]
    return ParameterError("\n".join(dict.fromkeys(lines)))


def message_on(name: str, value: object, words: str) -> str:
    """One line on the value of a parameter.

    Example:
        >>> message_on("order", 3, "must be 1 or 2")
        'order = 3: must be 1 or 2'
    """
    return f"{name} = {value!r}: {words}"


def expected_message(kind: type[BaseModel], name: str, value: object) -> str:
    """What a value would have to be, with a hint where YAML misreads what was written."""
    text = f"must be {allowed_values(name, kind)}"
    choices = get_args(kind.model_fields[name].annotation)
    numeric = _schema(name, kind).get("type") in _NUMBERS
    if isinstance(value, str) and numeric:
        text += ", got text. In YAML write 0.001 or 1.0e-3; 1e-3 and quoted numbers are text"
    if value is False and "no" in choices:
        text += '. In YAML write "no" in quotes; without them it means false'
    return text


def allowed_values(name: str, kind: type[BaseModel]) -> str:
    """What a parameter of these settings may be, in words."""
    schema = _schema(name, kind)
    if "enum" in schema:
        return " or ".join(repr(choice) for choice in schema["enum"])
    if name == "events" and schema["type"] == "array":
        return "a list of [meta_step, name, value], in the order of the meta-steps"
    words = _TYPES.get(schema.get("type", ""), "a value of the type that its cell names")
    floor = f" ≥ {schema['minimum']}" if "minimum" in schema else ""
    ceiling = f" and < {schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else ""
    return f"{words}{floor}{ceiling}"


_NUMBERS = {"number": "a finite number", "integer": "a whole number"}
_TYPES = _NUMBERS | {"string": "text", "boolean": "true or false", "array": "a list"}


def _schema(name: str, kind: type[BaseModel]) -> dict[str, Any]:
    schema: dict[str, Any] = kind.model_json_schema()["properties"][name]
    return schema


def _line(kind: type[BaseModel], entry: ErrorDetails) -> str:
    cause = entry.get("ctx", {}).get("error")
    if isinstance(cause, ParameterError):
        return str(cause)
    name, value = str(entry["loc"][0]), entry["input"]
    if name in kind.model_fields:
        return message_on(name, value, expected_message(kind, name, value))
    close = difflib.get_close_matches(name, kind.model_fields, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    names = ", ".join(kind.model_fields)
    return message_on(name, value, f"there is no parameter of this name{hint} There are: {names}")
