"""Docstrings are plain text with formulas: a bar in one is an absolute value, not markup."""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the tests read this module without Sphinx
    from sphinx.application import Sphinx

_QUOTED = re.compile(r"(`+.*?`+)")


def without_substitutions(lines: list[str]) -> list[str]:
    r"""Lines of a docstring whose bars mean themselves; code keeps them as they are.

    Example:
        >>> without_substitutions(["max |λ|, `a | b`", ">>> a | b"])
        ['max \\|λ\\|, `a | b`', '>>> a | b']
    """

    def escaped(line: str) -> str:
        if line.lstrip().startswith((">>>", "...", "|")):
            return line
        parts = _QUOTED.split(line)
        parts[::2] = (part.replace("|", "\\|") for part in parts[::2])
        return "".join(parts)

    return [escaped(line) for line in lines]


def _on_docstring(*arguments: Any) -> None:
    lines: list[str] = arguments[-1]
    lines[:] = without_substitutions(lines)


def setup(app: "Sphinx") -> dict[str, Any]:
    """Read docstrings so, after napoleon has read their sections."""
    app.connect("autodoc-process-docstring", _on_docstring, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
