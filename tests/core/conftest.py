"""Proofs for tasks side by side, and for tasks one after another."""

from collections.abc import Callable
from typing import Any

import pytest

from labkit.core import vectorize
from labkit.core.vectorize import Outcome


@pytest.fixture(params=[True, False], ids=["side by side", "one by one"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed for tasks goes this way, and no other."""

    def attempt(compute: Callable[[bool], Any], _: object) -> Outcome[Any]:
        return Outcome(compute(request.param), request.param, None)

    monkeypatch.setattr(vectorize, "attempt", attempt)
