"""The Python in the documentation runs, page by page, in an empty folder.

Pages with commands run in `test_commands`. The blocks of a page build on one another.
`<!-- not run: reason -->` on the line before a block leaves it out.
"""

import re
from pathlib import Path

import pytest
import torch

from tests.docs.test_commands import PAGES as WITH_COMMANDS
from tests.test_docs import ROOT, SITE

BLOCK = re.compile(r"(<!-- not run: .+ -->\n)?```python\n(.*?)```", re.DOTALL)


def python_blocks(text: str) -> list[str]:
    return [code for left_out, code in BLOCK.findall(text) if not left_out]


ELSEWHERE = [*WITH_COMMANDS, ROOT / "docs" / "library.md"]
"""Pages that other tests run: those with commands, and with trackers that may be missing."""
PAGES = [page for page in SITE if page not in ELSEWHERE and python_blocks(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block without an exception; `# prints …` behind a print is what it prints."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    with torch.random.fork_rng():  # an example may draw a module's parameters
        for code in python_blocks(page.read_text()):
            exec(compile(code, str(page), "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    expected = re.findall(r"print\(.*\)  # prints (.+)", page.read_text())
    assert [line for line in expected if line not in printed] == []


def test_a_block_can_be_left_out() -> None:
    text = "```python\na\n```\n<!-- not run: a GPU -->\n```python\nb\n```\n```sh\nc\n```\n"
    assert python_blocks(text) == ["a\n"]
