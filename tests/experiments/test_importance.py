"""Which parameters matter: what is known to matter comes out first, and the method is said."""

import numpy as np
import pytest

from labkit.experiments.compare import importance
from labkit.experiments.compare.importance import importance_of

RUNS = 40
NOISE = np.random.default_rng(0)
ALPHA = NOISE.permutation(np.geomspace(0.001, 1, RUNS)).tolist()
KIND = NOISE.choice(["maml", "anil"], RUNS).tolist()
COLUMNS = {"alpha": ALPHA, "kind": KIND, "other": NOISE.random(RUNS).tolist()}


@pytest.mark.parametrize("installed", [True, False])
def test_what_decides_the_metric_is_the_most_important(
    installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed:
        monkeypatch.setattr(importance, "find_spec", lambda _: None)
    decided = {
        "alpha": [abs(np.log10(value)) for value in ALPHA],
        "kind": [float(kind == "maml") + 0.01 * n for n, kind in enumerate(KIND)],
    }
    for name, metric in decided.items():
        result = importance_of(COLUMNS, [*metric[:-1], metric[-1]])
        assert result is not None
        assert result.method.startswith("PED-ANOVA" if installed else "rank correlation")
        assert max(result.shares, key=lambda n: result.shares[n]) == name
        assert all(0 <= share <= 1 for share in result.shares.values())


def test_ranks_are_those_of_spearman() -> None:
    metric = [3.0, 1.0, 2.0, 5.0, 5.0]
    shares = importance._by_ranks([1, 1, 2, 3, 4], np.array(metric))
    # ranks 0.5 0.5 2 3 4 and 2 0 1 3.5 3.5: computed by hand
    assert shares == pytest.approx(abs(np.corrcoef([0.5, 0.5, 2, 3, 4], [2, 0, 1, 3.5, 3.5])[0, 1]))


@pytest.mark.parametrize(
    ("columns", "metric"),
    [
        ({"alpha": [1, 2, 3]}, [1.0, 2.0, 3.0]),
        ({"alpha": [1, 2, 3, 4]}, [1.0, 1.0, 1.0, 1.0]),
        ({"alpha": [1, 1, 1, 2]}, [1.0, 2.0, 3.0, np.nan]),
        ({}, [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_too_little_says_nothing(columns: dict[str, list[int]], metric: list[float]) -> None:
    assert importance_of(columns, metric) is None
