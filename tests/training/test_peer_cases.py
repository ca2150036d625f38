"""Some settings of peers against plain autograd; all of them: tests.peer_cases."""

import pytest

from tests.peer_cases import INNER, anchored, cases, verdict

CASES = cases()
REFUSED = ["outer LBFGS", "outer SparseAdam", "learned alpha of Reptile"]
RIGHT = [name for name in CASES if name not in REFUSED]


@pytest.mark.parametrize("name", RIGHT[::5])
def test_right(name: str) -> None:
    assert verdict(CASES[name]) == ("right", "")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_words(name: str) -> None:
    result, words = verdict(CASES[name])
    assert result == "refused"
    assert len(words) > 40


@pytest.mark.parametrize("inner", [name for name, (_, _, make) in INNER.items() if make])
def test_formulas_of_inner_optimizers_are_those_of_torch(inner: str) -> None:
    anchored(inner)


def test_the_list_is_whole() -> None:
    assert len(CASES) == 137
