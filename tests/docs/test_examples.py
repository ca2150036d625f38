"""The Python in the documentation runs, page by page, in an empty folder.

Pages with commands run in `test_commands`. The blocks of a page build on one another.
`<!-- not run: reason -->` on the line before a block leaves it out.
"""

import re
from pathlib import Path

import pytest
import torch

from tests.docs.blocks import WITH_COMMANDS, all_blocks, blocks, kinds
from tests.test_docs import ROOT, SITE

HOWTO = ROOT / "docs" / "howto"
ELSEWHERE = [*WITH_COMMANDS, HOWTO / "training_in_code.md"]
"""Pages that other tests run: those with commands, and with trackers that may be missing."""
PAGES = [page for page in SITE if page not in ELSEWHERE and "python" in kinds(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block without an exception; `# prints …` behind a print is what it prints."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    with torch.random.fork_rng():  # an example may draw a module's parameters
        for block in blocks(page.read_text()):
            exec(compile(block.code, str(page), "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    expected = re.findall(r"print\(.*\)  # prints (.+)", page.read_text())
    assert [line for line in expected if line not in printed] == []


def test_the_example_of_a_gpu_runs_on_a_cpu() -> None:
    (block,) = (block for block in all_blocks((HOWTO / "gpu.md").read_text()) if block.kind)
    small = block.code.replace('"cuda"', '"cpu"').replace("train(200)", "train(1)")
    assert small.count('"cpu"') == small.count("train(1)") == 1
    with torch.random.fork_rng():
        exec(compile(small, "gpu.md", "exec"), {})
