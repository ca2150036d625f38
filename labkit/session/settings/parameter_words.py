"""What is said of a parameter: what it may be, and what is wrong with one that is not."""

import difflib
from typing import get_args

from pydantic import BaseModel


class ParameterError(ValueError):
    """A parameter that is unknown or not allowed; the message names it, its value and what is."""


def allowed_values(name: str, kind: type[BaseModel]) -> str:
    """What a parameter of these settings may be, in words."""
    schema = kind.model_json_schema()["properties"][name]
    if "enum" in schema:
        return " or ".join(repr(choice) for choice in schema["enum"])
    if schema["type"] == "array":
        return "a list of [meta_step, name, value], in the order of the meta-steps"
    words = {"number": "a finite number", "integer": "a whole number"}[schema["type"]]
    ceiling = f" and < {schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else ""
    return f"{words} ≥ {schema['minimum']}{ceiling}"


def complaint(kind: type[BaseModel], name: str, value: object) -> str:
    """One line on a name that these settings do not have, or a value that they do not allow."""
    if name not in kind.model_fields:
        close = difflib.get_close_matches(name, kind.model_fields, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        known = ", ".join(kind.model_fields)
        return f"{name} = {value!r}: there is no parameter of this name{hint} There are: {known}"
    return f"{name} = {value!r}: {demand(kind, name, value)}"


def demand(kind: type[BaseModel], name: str, value: object) -> str:
    """What a value would have to be, with a hint where YAML has misread what was written."""
    text = f"must be {allowed_values(name, kind)}"
    choices = get_args(kind.model_fields[name].annotation)
    if isinstance(value, str) and not choices:
        text += ", got text. In YAML write 0.001 or 1.0e-3; 1e-3 and quoted numbers are text"
    if value is False and "no" in choices:
        text += '. In YAML write "no" in quotes; without them it means false'
    return text
