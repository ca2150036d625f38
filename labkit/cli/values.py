"""Parameters as they are written on the command line and in files."""

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from typer.core import TyperCommand

from labkit.session import ParameterError


class ParameterCommand(TyperCommand):
    """A command whose option -p takes `name=value`, or name and value as two words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two words before the options are read."""
        rest: list[str] = super().parse_args(ctx, joined(args))
        return rest


def joined(words: Sequence[str]) -> list[str]:
    """The words of a command line, with name and value behind each -p as one.

    Example:
        >>> joined(["01_sinusoid", "-p", "alpha", "0.02", "-p", "order=1"])
        ['01_sinusoid', '-p', 'alpha=0.02', '-p', 'order=1']
    """
    found, left = [], list(words)
    while left:
        found.append(left.pop(0))
        if found[-1] == "--":
            return found + left
        if found[-1] in {"-p", "--parameter"} and left:
            name = left.pop(0)
            found.append(f"{name}={left.pop(0)}" if "=" not in name and left else name)
    return found


def value_of(text: str) -> Any:
    """What a word of the command line means: a JSON value, a Python literal, or else text.

    Example:
        >>> value_of("1e-3"), value_of("true"), value_of("(1, 2)"), value_of("adam")
        (0.001, True, (1, 2), 'adam')
    """
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def assignments(words: Sequence[str]) -> dict[str, Any]:
    """Parameters from words `name=value`; the last one of a name wins.

    Raises:
        ParameterError: A word is no assignment.
    """
    found = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.isidentifier():
            raise ParameterError(f"-p {word}: write -p alpha 0.02, or -p alpha=0.02")
        found[name] = value_of(text)
    return found


def parameters_in(path: Path) -> dict[str, Any]:
    """Parameters from a YAML file as papermill reads it, or a JSON file.

    Raises:
        ParameterError: The file cannot be read, or is no mapping of names to values.
    """
    return parameters_from(text_of(path), path)


def parameters_from(text: str, path: Path) -> dict[str, Any]:
    """The same from the text of a file."""
    try:
        if path.suffix == ".json":
            found = json.loads(text, object_pairs_hook=_once)
        else:
            found = yaml.load(text, _Loader)  # noqa: S506  # a safe one
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise ParameterError(f"{path} is neither YAML nor JSON: {problem}") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ParameterError(
            f"{path} must hold parameters by name, a line such as alpha: 0.02 for each"
        )
    return found


def _once(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """By name; the last of two would win unseen."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParameterError(f"{twice} stands twice: keep one of them")
    return found


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        _once([(key.value, None) for key, _ in node.value if isinstance(key.value, str)])
        return super().construct_mapping(node, deep)


def text_of(path: Path) -> str:
    """The text of a file that was named on the command line.

    Raises:
        ParameterError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{path} is not text in UTF-8") from None
