"""Cells behind a lab that nobody has trained: what they print is true of the session as it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from labkit.widgets import opening

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

CLAIMS = {
    "01_sinusoid": "adaptation removes more than half of the loss",
    "04_tides": "the session has less than half the error of any other training",
    "05_few_shot_images": "the session beats the nearest neighbour",
    "07_bring_your_own": "one step more than halves the error",
}
"""What only a trained θ bears out."""

FEWER = [("tasks=300", "tasks=8"), ("held_out(300)", "held_out(8)"), ("[:200]", "[:60]")]


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
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    names: dict[str, Any] = {}
    for cell in cells:
        if cell.cell_type != "code":
            continue
        source = cell.source
        for many, few in FEWER:
            source = source.replace(many, few)
        with torch.random.fork_rng(devices=[]):
            exec(compile(source, cell.id, "exec"), names)
        if "parameters" in cell.metadata.get("tags", ()):
            names |= {"meta_steps": 2, "meta_batch": 2}
    said = capsys.readouterr().out
    assert re.search(r"After 0 meta-steps \(θ is untrained: [^)]+\), on \d+ held-out", said)
    assert re.search(rf"^does not hold +{CLAIMS[name]}$", said, re.MULTILINE)
    assert "The lab above shows this session as it is" in said
