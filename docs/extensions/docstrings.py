"""Docstrings are plain text with formulas; this makes of them what Sphinx reads.

A bar is an absolute value, not markup; `L_i` has an index; the first line of a property is a
sentence, though it may have a colon; a signature can be parsed.
"""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the tests read this module without Sphinx
    from sphinx.application import Sphinx

_QUOTED = re.compile(r"(`+.*?`+)")
_INDEX = re.compile(r"(?<![\w'’])([^\W\d_]['′\u0302]?|∇|Σ)_(?:\{([^}]+)\}|([^\W_]))(?![\w])")
_OF_VALUES = {"attribute", "data", "property"}


def marked_up(lines: list[str]) -> list[str]:
    r"""Lines of a docstring with bars that mean themselves, and indices; code stays as it is.

    Example:
        >>> marked_up(["max |λ|, `a | b`", ">>> a | b", "Σ_i L_i, inner_steps, θ_{k+1}"])[:2]
        ['max \\|λ\\|, `a | b`', '>>> a | b']
        >>> print(marked_up(["θ_{k+1} of inner_steps"])[0])
        θ\ :sub:`k+1`\  of inner_steps
    """

    def escaped(line: str) -> str:
        if line.lstrip().startswith((">>>", "...", "|", ".. ")):
            return line
        parts = _QUOTED.split(line)
        parts[::2] = (
            _INDEX.sub(
                lambda match: rf"{match[1]}\ :sub:`{match[2] or match[3]}`\ ",
                part.replace("|", "\\|"),
            )
            for part in parts[::2]
        )
        return "".join(parts)

    return [escaped(line) for line in lines]


def with_defaults(signature: str) -> str:
    """A signature that Sphinx can parse, and so link: a default factory is no expression.

    Example:
        >>> with_defaults("(metrics: dict[str, float] = <factory>)")
        '(metrics: dict[str, float] = ...)'
    """
    return signature.replace("<factory>", "...")


def _before_napoleon(*arguments: Any) -> None:
    # napoleon takes what is before a colon for the type of the value
    what, lines = arguments[1], arguments[-1]
    if what in _OF_VALUES and lines:
        lines[0] = lines[0].replace(": ", ":: ")


def _after_napoleon(*arguments: Any) -> None:
    what, lines = arguments[1], arguments[-1]
    if what in _OF_VALUES and lines:
        lines[0] = lines[0].replace(":: ", ": ")
    lines[:] = marked_up(lines)


def _on_signature(*arguments: Any) -> tuple[str, str | None] | None:
    signature, returned = arguments[-2:]
    return (with_defaults(signature), returned) if signature else None


def setup(app: "Sphinx") -> dict[str, Any]:
    """Change docstrings and signatures so."""
    app.connect("autodoc-process-docstring", _before_napoleon, priority=100)
    app.connect("autodoc-process-docstring", _after_napoleon, priority=900)
    app.connect("autodoc-process-signature", _on_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
