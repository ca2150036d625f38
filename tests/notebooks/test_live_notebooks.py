"""Cells behind a lab that nobody has trained: what they print is true of the session as it is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from labkit.widgets import opening
from tests.notebooks.fewer import with_fewer_tasks

CLAIMS = {
    "01_sinusoid": "adaptation removes more than half of the loss",
    "04_tides": "the session has less than half the error of any other training",
    "05_few_shot_images": "the session beats the nearest neighbour",
    "07_bring_your_own": "one step more than halves the error",
}
"""What only a trained θ bears out."""


@pytest.fixture(autouse=True)
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(opening, "running_cell", lambda: "a cell")
    yield
    for lab in opening._open.values():
        lab.close()
        lab.session.close()
    opening._open.clear()


@pytest.mark.parametrize("name", CLAIMS)
def test_what_an_untrained_session_prints_is_true(name: str, capsys: Any) -> None:
    names: dict[str, Any] = {}
    for cell in with_fewer_tasks(name).cells:
        if cell.cell_type != "code":
            continue
        with torch.random.fork_rng(devices=[]):
            exec(compile(cell.source, cell.id, "exec"), names)
        if "parameters" in cell.metadata.get("tags", ()):
            names |= {"meta_steps": 2, "meta_batch": 2}
    said = capsys.readouterr().out
    assert re.search(r"After 0 meta-steps \(θ is untrained: [^)]+\), on \d+ held-out", said)
    assert re.search(rf"^does not hold +{CLAIMS[name]}$", said, re.MULTILINE)
    assert "The lab above shows this session as it is" in said
