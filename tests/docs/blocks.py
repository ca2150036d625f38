"""The blocks of code in pages: which the tests run, and which are marked as not run, with why.

`<!-- not run: reason -->` on the line before a block leaves it out.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.test_docs import ROOT, SITE

FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?"
    r"(?P<fence>```+)(?P<kind>[^\n`]*)\n(?P<code>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)
RUN = ("sh", "python", "yaml")
"""Kinds of blocks that run, or are files that commands read."""


@dataclass(frozen=True)
class Block:
    """One block of a page.

    Attributes:
        kind: The word after the fence: `sh`, `python`, `yaml`; others are no code.
        code: Its lines.
        reason: Why the tests leave it out; "" if they run it.
    """

    kind: str
    code: str
    reason: str = ""


def all_blocks(text: str) -> list[Block]:
    """The blocks of a page, in their order."""
    return [Block(m["kind"], m["code"], m["reason"] or "") for m in FENCE.finditer(text)]


def blocks(text: str) -> list[Block]:
    """The blocks that run."""
    return [block for block in all_blocks(text) if block.kind in RUN and not block.reason]


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command; one that ends with a backslash continues."""
    for line in code.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def kinds(text: str) -> set[str]:
    """The kinds of the blocks that run."""
    return {block.kind for block in blocks(text)}


PAGES = (ROOT / "README.md", *SITE)
"""The README and the site's pages."""
WITH_COMMANDS = [page for page in PAGES if "sh" in kinds(page.read_text(encoding="utf-8"))]
"""Pages with commands that run."""
