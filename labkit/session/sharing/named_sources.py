"""Task families and models of labkit as text and back: what a recipe can name.

The text is the Python expression without its module, such as "Sinusoid" or, for a
`functools.partial`, "conv4(ways=5, channels=3)". Reading it evaluates nothing: it names one of the
functions below, with arguments that are numbers, so a recipe from anywhere is safe to read.
"""

import ast
from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

from labkit.session.settings import ParameterError
from labkit.tasks import (
    Emoji,
    Navigation,
    Omniglot,
    Sinusoid,
    Tides,
    bent_valleys,
    conv4,
    conv4_max_pool,
    coupled_quadratics,
    gaussian_policy,
    image_mlp,
    parameter_vector,
    sinusoid_mlp,
    tide_mlp,
    two_curvatures,
    two_rails,
)

CUSTOM = "custom"
"""The name of tasks or a model that a user has written."""

_TOYS: tuple[Callable[..., Any], ...] = (
    two_rails,
    two_curvatures,
    coupled_quadratics,
    bent_valleys,
)
_TASKS: tuple[Callable[..., Any], ...] = (Sinusoid, Tides, Emoji, Omniglot, Navigation, *_TOYS)
_MODELS: tuple[Callable[..., Any], ...] = (
    sinusoid_mlp,
    tide_mlp,
    conv4,
    conv4_max_pool,
    image_mlp,
    gaussian_policy,
    parameter_vector,
)
NAMED = {source.__name__: source for source in _TASKS + _MODELS}
"""Name → task family or model."""
TASKS = tuple(source.__name__ for source in _TASKS)
MODELS = tuple(source.__name__ for source in _MODELS)


def name_of(source: object) -> str:
    """How a recipe names what a session was given as its tasks or its model.

    Args:
        source: Anything.

    Returns:
        Its name if it is one of labkit's, or a `functools.partial` of one with numbers by name;
        else "custom".

    Example:
        >>> name_of(Sinusoid), name_of(partial(conv4, channels=3)), name_of(lambda shots: None)
        ('Sinusoid', 'conv4(channels=3)', 'custom')
    """
    if isinstance(source, partial):
        arguments = source.keywords
        if source.args or not all(_is_plain(value) for value in arguments.values()):
            return CUSTOM
        name = name_of(source.func)
        written = ", ".join(f"{argument}={value!r}" for argument, value in arguments.items())
        return f"{name}({written})" if name in NAMED and written else name
    return next((name for name, named in NAMED.items() if named is source), CUSTOM)


def source_named(text: str) -> Callable[..., Any]:
    """What a text from `name_of` names.

    Raises:
        ParameterError: It is "custom", which only its author has, or names nothing of labkit.

    Example:
        >>> source_named("conv4(channels=3)").keywords
        {'channels': 3}
    """
    if text == CUSTOM:
        raise ParameterError(
            "custom names no tasks or model of labkit: they are its author's and must be "
            "given by hand"
        )
    name, arguments = split_name(text)
    return partial(NAMED[name], **arguments) if arguments else NAMED[name]


def split_name(text: str) -> tuple[str, dict[str, Any]]:
    """The function that a text from `name_of` names, and its arguments.

    Example:
        >>> split_name("Sinusoid(phase=(0.0, 1.5))")
        ('Sinusoid', {'phase': (0.0, 1.5)})
    """
    try:
        node = ast.parse(text, mode="eval").body
        if isinstance(node, ast.Call) and not node.args:
            arguments = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
            node = node.func
        else:
            arguments = {}
        name = node.id if isinstance(node, ast.Name) else ""
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        name, arguments = "", {}
    if name not in NAMED or not all(_is_plain(value) for value in arguments.values()):
        raise ParameterError(
            f"{text!r} names no tasks or model of this labkit, which has {', '.join(NAMED)}, with "
            "numbers as arguments if any: a newer version may have it"
        )
    return name, arguments


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(entry) for entry in value)
    return value is None or type(value) in {bool, int} or (type(value) is float and isfinite(value))
