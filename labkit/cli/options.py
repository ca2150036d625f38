"""Options as they are written on the command line and in files."""

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from typer.core import TyperCommand

from labkit.experiments import SearchDesign, SweepDesign
from labkit.session import ParameterError

Folders = Annotated[
    list[Path],
    typer.Argument(metavar="DIR…", help="Folders of sweeps or runs.", show_default=False),
]
"""What the commands that read runs take."""


CheckpointEvery = Annotated[
    float,
    typer.Option(
        "--checkpoint-every",
        metavar="SECONDS",
        min=0,
        help="Seconds between two checkpoints, from which an interrupted run continues; 0: none.",
    ),
]


class ParameterCommand(TyperCommand):
    """A command whose option -p accepts `name=value`, or name and value as two words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two words, then parse as usual."""
        rest: list[str] = super().parse_args(ctx, join_parameters(args))
        return rest


def join_parameters(words: Sequence[str]) -> list[str]:
    """Join name and value after each -p of a command line.

    Example:
        >>> join_parameters(["01_sinusoid", "-p", "alpha", "0.02", "-p", "order=1"])
        ['01_sinusoid', '-p', 'alpha=0.02', '-p', 'order=1']
    """
    result, left = [], list(words)
    while left:
        result.append(left.pop(0))
        if result[-1] == "--":
            return result + left
        if result[-1] in {"-p", "--parameter"} and left:
            name = left.pop(0)
            result.append(f"{name}={left.pop(0)}" if "=" not in name and left else name)
    return result


def value_of(text: str) -> Any:
    """Parse a word of the command line as JSON, as a Python literal, or else as text.

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
    """Parse parameters `name=value`; the last one of a name wins.

    Raises:
        ParameterError: A word is no assignment.
    """
    parameters = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.isidentifier():
            raise ParameterError(f"-p {word}: write -p alpha 0.02, or -p alpha=0.02")
        parameters[name] = value_of(text)
    return parameters


def parameters_in(path: Path) -> dict[str, Any]:
    """Read parameters from a YAML file, as papermill does, or from a JSON file.

    Raises:
        ParameterError: The file cannot be read, or does not map names to values.
    """
    return parameters_from(text_of(path), path)


def parameters_from(text: str, path: Path) -> dict[str, Any]:
    """Parse the text of such a file."""
    try:
        if path.suffix == ".json":
            parameters = json.loads(text, object_pairs_hook=_once)
        else:
            parameters = yaml.load(text, _Loader)  # noqa: S506  # a safe loader
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:  # a tag such as !!bool on another value
        problem = f"{error.args[0]!r}" if isinstance(error, KeyError) else str(error)
        raise ParameterError(
            f"{path} has a value that is not of the type of its tag ({problem}): leave out the tag"
        ) from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise ParameterError(f"{path} is neither YAML nor JSON: {problem}") from None
    if not isinstance(parameters, dict) or not all(isinstance(name, str) for name in parameters):
        raise ParameterError(
            f"{path} must contain parameters by name, each on a line such as alpha: 0.02"
        )
    return parameters


def _once(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """A mapping of pairs with different names."""
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParameterError(f"{twice} is given twice: keep one")
    return mapping


class _Loader(yaml.SafeLoader):
    """Rejects duplicate names."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        _once([(key.value, None) for key, _ in node.value if isinstance(key.value, str)])
        return super().construct_mapping(node, deep)


def text_of(path: Path) -> str:
    """Read a file that is entries on the command line.

    Raises:
        ParameterError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{path} is not text in UTF-8") from None


def design_of(
    notebook: str | None,
    *,
    parameters: Sequence[str],
    grid: Sequence[str],
    random: Sequence[str],
    samples: int | None,
    sample_seed: int | None,
    seeds: str | None,
    search: int | None,
    minimise: Sequence[str],
    maximise: Sequence[str],
    prune: str | None,
    patience: int | None,
    together: int | None,
    file: Path | None,
) -> SweepDesign | SearchDesign:
    """The design that the options of `labkit sweep` mean; one with `search` is a search.

    Raises:
        ParameterError: An option cannot be read, or the design is not allowed.
    """
    options = {
        "notebook": notebook,
        "parameters": assignments(parameters),
        "grid": dict(_grid(words) for words in _pairs(grid, "--grid")),
        "random": dict(_range(words) for words in _pairs(random, "--random")),
        "samples": samples,
        "sample_seed": sample_seed,
        "seeds": None if seeds is None else _seeds(seeds),
        "search": search,
        "minimise": list(minimise),
        "maximise": list(maximise),
        "prune": prune,
        "patience": patience,
        "together": together,
    }
    entries = {name: value for name, value in options.items() if value not in (None, {}, [])}
    if file is None:
        return _design(entries)
    if entries:
        raise ParameterError(
            f"--file describes the whole sweep: write {', '.join(entries)} into {file}, or "
            "omit --file"
        )
    return _design(parameters_in(file))


def _design(values: Mapping[str, Any]) -> SweepDesign | SearchDesign:
    """The design of a sweep, or of a search if an entry belongs to one."""
    if {"search", "minimise", "maximise", "prune", "together"} & values.keys():
        return SearchDesign.checked(values)
    return SweepDesign.checked(values)


def _pairs(options: Sequence[str], flag: str) -> list[tuple[str, str]]:
    """Name and text of each option."""
    pairs: dict[str, str] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not name.isidentifier():
            example = "alpha=log:0.001..0.1" if flag == "--random" else "alpha=0.001,0.01"
            raise ParameterError(f"{flag} {option}: write {flag} {example}")
        if name in pairs:
            raise ParameterError(f"{name} is given twice: give all values in one {flag} {name}=…")
        pairs[name] = text
    return list(pairs.items())


def _grid(option: tuple[str, str]) -> tuple[str, list[Any]]:
    """Values between commas, except commas within a list or text.

    Example:
        >>> _grid(("alpha", "0.001,1e-2")), _grid(("events", "[],[[5, 'alpha', 0.1]]"))
        (('alpha', [0.001, 0.01]), ('events', [[], [[5, 'alpha', 0.1]]]))
    """
    name, text = option
    try:
        return name, list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        return name, [value_of(word) for word in text.split(",")]


def _range(option: tuple[str, str]) -> tuple[str, dict[str, Any]]:
    """A range with its modifiers, or values to choose from; with the condition, if there is one.

    Example:
        >>> _range(("alpha", "log:0.001..0.1"))
        ('alpha', {'low': 0.001, 'high': 0.1, 'scale': 'log'})
        >>> _range(("order", "1,2 if algorithm=maml,anil"))
        ('order', {'values': [1, 2], 'when': {'algorithm': ['maml', 'anil']}})
    """
    name, text = option
    text, condition, others = text.partition(" if ")
    conditions: dict[str, Any] = {}
    if condition:
        pairs = _pairs(others.split(" and "), f"--random {name}={text} if")
        conditions = {"when": dict(map(_grid, pairs))}
    if ".." not in text and len(values := _grid((name, text))[1]) > 1:
        return name, {"values": values, **conditions}
    *words, ends = text.split(":")
    low, dots, high = ends.partition("..")
    if not dots or not {"linear", "log", "whole"} >= set(words):
        raise ParameterError(
            f"--random {name}={text}: write {name}=0.1..0.5, {name}=log:0.001..0.1, "
            f"{name}=whole:1..10, or values as in {name}=1,2,5"
        )
    bounds = {"low": value_of(low), "high": value_of(high)}
    for word in words:
        bounds |= {"whole": True} if word == "whole" else {"scale": word}
    return name, {**bounds, **conditions}


def _seeds(text: str) -> Any:
    """A number of seeds, or a list of them.

    Example:
        >>> _seeds("5"), _seeds("3,7")
        (5, [3, 7])
    """
    return [value_of(word) for word in text.split(",")] if "," in text else value_of(text)
