"""What tests of engines share."""

from typing import Any

import pytest
from torch import Tensor

from labkit.training.engine.recording import Recording


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every call of a recording."""
    calls: list[Any] = []
    run = Recording.run

    def noted(self: Recording, leaves: list[Tensor]) -> list[Tensor]:
        calls.append(self)
        return run(self, leaves)

    monkeypatch.setattr(Recording, "run", noted)
    return calls
