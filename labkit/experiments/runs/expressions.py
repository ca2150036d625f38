"""What a learner was made from as Python expressions, and back; reading them evaluates nothing.

An expression names tasks, models and algorithms of labkit with plain arguments, such as
"MAML(alpha=0.01, inner_steps=1, order=2)", so a file from anywhere is safe to read.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from math import isfinite
from typing import Any

from labkit.core import (
    ANIL,
    IMAML,
    MAML,
    Adam,
    GradientDescent,
    JointTraining,
    LearnedAlpha,
    MetaSGD,
    Momentum,
    ProtoMAML,
    RandomInitialization,
    Reptile,
)
from labkit.session import CUSTOM, NAMED
from labkit.tasks import MiniBatches
from labkit.training import CosineDecay, WarmUp

_NAMED: Mapping[str, Callable[..., Any]] = NAMED | {
    each.__name__: each
    for each in (
        *(MAML, ANIL, MetaSGD, IMAML, ProtoMAML, Reptile, JointTraining, RandomInitialization),
        *(LearnedAlpha, GradientDescent, Momentum, Adam, MiniBatches, CosineDecay, WarmUp),
    )
}


def expression_of(value: object) -> str:
    """The expression of a value; "custom" if a part of it is not labkit's, nor plain.

    Args:
        value: A number, text, list, tuple or dict, an instance of one of labkit's dataclasses, a
            model of labkit or a `functools.partial` of one.

    Example:
        >>> from labkit.tasks import Tides, conv4
        >>> expression_of(Tides(shots=5)), expression_of(partial(conv4, ways=5))
        ("Tides(shots=5, queries=10, hours=24.0, split='train')", 'conv4(ways=5)')
        >>> expression_of(lambda generator: None)
        'custom'
    """
    match value:
        case None | bool() | int() | str():
            return repr(value)
        case float():
            return repr(value) if isfinite(value) else CUSTOM
        case list() | tuple():
            parts = [expression_of(entry) for entry in value]
            inside = ", ".join(parts) + "," * (isinstance(value, tuple) and len(parts) == 1)
            whole = f"[{inside}]" if isinstance(value, list) else f"({inside})"
        case dict():
            parts = [expression_of(part) for pair in value.items() for part in pair]
            pairs = zip(parts[::2], parts[1::2], strict=True)
            whole = "{" + ", ".join(f"{name}: {entry}" for name, entry in pairs) + "}"
        case partial() if not value.args:
            return _call(value.func, value.keywords)
        case _ if is_dataclass(value) and not isinstance(value, type):
            arguments = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
            return _call(type(value), arguments)
        case _:
            return _call(value, {})
    return CUSTOM if CUSTOM in parts else whole


def value_of_expression(text: str) -> Any:
    """What an expression from `expression_of` stands for.

    Raises:
        ValueError: It names nothing of this labkit, or its arguments are not allowed.

    Example:
        >>> value_of_expression("MAML(alpha=LearnedAlpha(initial=0.5), inner_steps=2)").inner_steps
        2
    """
    try:
        return _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"{text!r} names nothing of this labkit ({error}): a newer version may have it"
        ) from None


def _call(function: object, arguments: Mapping[str, object]) -> str:
    name = next((name for name, named in _NAMED.items() if named is function), None)
    written = {argument: expression_of(value) for argument, value in arguments.items()}
    if name is None or CUSTOM in written.values():
        return CUSTOM
    inside = ", ".join(f"{argument}={text}" for argument, text in written.items())
    return f"{name}({inside})" if written else name


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name) if name in _NAMED:
            return _NAMED[name]
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords) if name in _NAMED:
            arguments = {str(k.arg): _value(k.value) for k in keywords}
            named = _NAMED[name]
            return named(**arguments) if isinstance(named, type) else partial(named, **arguments)
        case ast.List(elts=entries):
            return [_value(entry) for entry in entries]
        case ast.Tuple(elts=entries):
            return tuple(_value(entry) for entry in entries)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_value(key): _value(value) for key, value in pairs if key is not None}
        case _:
            return ast.literal_eval(node)
