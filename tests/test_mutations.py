"""The mutation check (`python -m tests.mutations`) still fits the source."""

import shutil
from pathlib import Path

import pytest

from tests.mutations import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_every_break_fits_the_source(mutation: Mutation, tmp_path: Path) -> None:
    path = tmp_path / "labkit" / mutation.file
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / "labkit" / mutation.file, path)
    mutation.apply(tmp_path)
    compile(path.read_text(), mutation.file, "exec")
    assert path.read_text() != (ROOT / "labkit" / mutation.file).read_text()
    assert all((ROOT / test).exists() for test in mutation.tests)
