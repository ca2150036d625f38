"""Which parameters matter to a metric."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_RUNS = 4
"""Fewer runs say nothing of importance."""


@dataclass(frozen=True, slots=True)
class Importance:
    """The importance of each parameter to a metric.

    Attributes:
        shares: Parameter → importance, 0 … 1.
        method: How it was computed, in words.
    """

    shares: Mapping[str, float]
    method: str


def importance_of(
    parameters: Mapping[str, Sequence[object]], metric: Sequence[float]
) -> Importance | None:
    """The importance of parameters, by Optuna where it is installed.

    Args:
        parameters: Parameter → value of each run, None where a run lacks it; those that differ.
        metric: Of each run; those that are not finite are left out.

    Returns:
        PED-ANOVA's shares, which add up to 1; without Optuna, the size of a rank correlation for
        numbers, and of a correlation ratio of ranks for texts. None for fewer than `LEAST_RUNS`
        runs or where the metric does not differ.

    Source:
        PED-ANOVA: Watanabe, Bansal, Hutter 2023, arXiv:2304.10255.

    Example:
        >>> found = importance_of({"a": [1, 2, 3, 4, 5], "b": ["x", "y", "x", "y", "x"]},
        ...                       [1.0, 2.0, 3.0, 4.0, 5.0])
        >>> max(found.shares, key=found.shares.get)
        'a'
    """
    values = np.asarray(metric, dtype=np.float64)
    finite = np.isfinite(values)
    columns = {
        name: [v for v, keep in zip(column, finite, strict=True) if keep]
        for name, column in parameters.items()
    }
    columns = {n: c for n, c in columns.items() if None not in c and len(set(map(repr, c))) > 1}
    values = values[finite]
    if len(values) < LEAST_RUNS or not columns or np.ptp(values) == 0:
        return None
    if find_spec("optuna") is not None:
        return Importance(_by_optuna(columns, values), "PED-ANOVA by Optuna")
    shares = {name: _by_ranks(column, values) for name, column in columns.items()}
    return Importance(shares, "rank correlation, as Optuna is not installed")


def _by_optuna(
    columns: Mapping[str, Sequence[object]], values: NDArray[np.float64]
) -> dict[str, float]:
    import optuna  # noqa: PLC0415  # an extra

    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        distributions = {name: _distribution(optuna, column) for name, column in columns.items()}
        study = optuna.create_study()
        rows = zip(*columns.values(), strict=True)
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: _plain(value) for name, value in zip(columns, row, strict=True)},
                    distributions=distributions,
                    value=float(value),
                )
                for row, value in zip(rows, values, strict=True)
            ]
        )
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    finally:
        logger.setLevel(level)
    return {name: float(shares.get(name, 0.0)) for name in columns}


def _distribution(optuna: Any, column: Sequence[object]) -> Any:
    if _are_numbers(column):
        numbers = [float(value) for value in column]  # type: ignore[arg-type]  # checked
        low, high = min(numbers), max(numbers)
        return optuna.distributions.FloatDistribution(low, high, log=low > 0 and high > 10 * low)
    texts = dict.fromkeys(str(value) for value in column)
    return optuna.distributions.CategoricalDistribution(tuple(texts))


def _plain(value: object) -> object:
    return value if _are_numbers([value]) else str(value)


def _are_numbers(column: Sequence[object]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in column)


def _by_ranks(column: Sequence[object], values: NDArray[np.float64]) -> float:
    ranks = _ranks(values)
    if _are_numbers(column):
        own = _ranks(np.asarray(column, dtype=np.float64))
        return abs(float(np.corrcoef(own, ranks)[0, 1]))
    texts = np.array([str(value) for value in column])
    between = sum(
        (texts == text).sum() * (ranks[texts == text].mean() - ranks.mean()) ** 2
        for text in np.unique(texts)
    )
    return float(np.sqrt(between / ((ranks - ranks.mean()) ** 2).sum()))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[places], dtype=np.float64)
