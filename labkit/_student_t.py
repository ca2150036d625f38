"""Student's t, exact for whole degrees of freedom; needs neither torch nor numpy."""

import math
from functools import cache

LEVEL = 0.95


@cache
def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """The t for which P(|T| ≤ t) = level.

    Args:
        freedom: Degrees of freedom, a whole number ≥ 1.
        level: Probability, 0 … 1.

    Example:
        >>> round(t_quantile(2), 3), round(t_quantile(9), 3)
        (4.303, 2.262)
    """
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return math.sqrt(freedom) * math.tan(high)


def _within(angle: float, freedom: int) -> float:
    """P(|T| ≤ √ν tan(angle)): a finite sum (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
