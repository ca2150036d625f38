"""Means with 95 % intervals by Student's t."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labkit._student_t import t_quantile
from labkit.experiments.tables import number_text


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its interval.

    Attributes:
        count: Number of values.
        mean: nan if a value is not finite, or there is none.
        ci95: Half the width of the 95 % interval; nan for fewer than two values.
    """

    count: int
    mean: float
    ci95: float

    @property
    def ci95_text(self) -> str:
        """`ci95` with three digits, or a dash if a single value has no interval."""
        return "–" if self.count < 2 else number_text(self.ci95, ".3g")

    @property
    def mean_text(self) -> str:
        """`mean` with four digits, or a dash if there is no value."""
        return number_text(self.mean) if self.count else "–"

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.ci95

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.ci95


def mean_interval(values: ArrayLike) -> Mean:
    """The mean of independent values and its 95 % interval: t · s / √n.

    Args:
        values: Numbers, one for each seed.

    Example:
        >>> mean_interval([1.0, 2.0, 3.0])  # s = 1, t = 4.303
        Mean(count=3, mean=2.0, ci95=2.484137711...)
    """
    numbers = np.asarray(values, dtype=np.float64)
    count = numbers.size
    if not count or not np.isfinite(numbers).all():
        return Mean(count, math.nan, math.nan)
    if count < 2:
        return Mean(count, float(numbers.mean()), math.nan)
    error = float(numbers.std(ddof=1)) / math.sqrt(count)
    return Mean(count, float(numbers.mean()), t_quantile(count - 1) * error)
