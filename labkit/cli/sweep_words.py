"""A sweep's design as it is written on the command line and in files."""

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit.cli.values import assignments, parameters_in, value_of
from labkit.experiments import SearchDesign, SweepDesign
from labkit.session import ParameterError


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
    minimise: str | None,
    together: int | None,
    file: Path | None,
) -> SweepDesign | SearchDesign:
    """The design that the options of `labkit sweep` mean; one with `search` is a search.

    Raises:
        ParameterError: An option cannot be read, or the design is not allowed.
    """
    given = {
        "notebook": notebook,
        "parameters": assignments(parameters),
        "grid": dict(_grid(words) for words in _once(grid, "--grid")),
        "random": dict(_range(words) for words in _once(random, "--random")),
        "samples": samples,
        "sample_seed": sample_seed,
        "seeds": None if seeds is None else _seeds(seeds),
        "search": search,
        "minimise": minimise,
        "together": together,
    }
    named = {name: value for name, value in given.items() if value not in (None, {})}
    if file is None:
        return _checked(named)
    if named:
        raise ParameterError(
            f"--file has the whole sweep: write {', '.join(named)} into {file}, or leave --file out"
        )
    return _checked(parameters_in(file))


def _checked(values: Mapping[str, Any]) -> SweepDesign | SearchDesign:
    """A sweep, or a search if there is anything of one."""
    if {"search", "minimise", "together"} & values.keys():
        return SearchDesign.checked(values)
    return SweepDesign.checked(values)


def _once(options: Sequence[str], flag: str) -> list[tuple[str, str]]:
    """Name and text of each option."""
    found: dict[str, str] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not name.isidentifier():
            example = "alpha=0.001,0.01" if flag == "--grid" else "alpha=log:0.001..0.1"
            raise ParameterError(f"{flag} {option}: write {flag} {example}")
        if name in found:
            raise ParameterError(f"{flag} {name} stands twice: give all values in one")
        found[name] = text
    return list(found.items())


def _grid(option: tuple[str, str]) -> tuple[str, list[Any]]:
    """Values between commas; those of a list or text are not parted.

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
    """A range, with words before it.

    Example:
        >>> _range(("alpha", "log:0.001..0.1"))
        ('alpha', {'low': 0.001, 'high': 0.1, 'scale': 'log'})
    """
    name, text = option
    *words, ends = text.split(":")
    low, dots, high = ends.partition("..")
    if not dots or not {"linear", "log", "whole"} >= set(words):
        raise ParameterError(
            f"--random {name}={text}: write {name}=0.1..0.5, {name}=log:0.001..0.1 or "
            f"{name}=whole:1..10"
        )
    found = {"low": value_of(low), "high": value_of(high)}
    for word in words:
        found |= {"whole": True} if word == "whole" else {"scale": word}
    return name, found


def _seeds(text: str) -> Any:
    """A number of seeds, or a list of them.

    Example:
        >>> _seeds("5"), _seeds("3,7")
        (5, [3, 7])
    """
    return [value_of(word) for word in text.split(",")] if "," in text else value_of(text)
