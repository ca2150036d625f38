"""β, the meta step size: a number, or a function of the meta-step."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

from labkit.core import check_count, is_number

Beta: TypeAlias = float | Callable[[int], float]
"""β ≥ 0, or a function from the number of meta-steps before this one to it."""


def check_beta(beta: Beta) -> None:
    """Raise ValueError unless this is a meta step size, or a function that may give one."""
    if not callable(beta):
        _check(beta, "")


def beta_at(beta: Beta, meta_step: int) -> float:
    """β of one meta-step.

    Args:
        beta: See `Beta`.
        meta_step: Number of meta-steps before this one.

    Raises:
        ValueError: The function gives no number ≥ 0.
    """
    if not callable(beta):
        return float(beta)
    value = beta(meta_step)
    _check(value, f" from {beta!r} at meta-step {meta_step}")
    return float(value)


@final
@dataclass(frozen=True, slots=True)
class CosineDecay:
    """β falls along half a cosine: β_t = end + (β − end)(1 + cos(πt/T))/2, and stays at `end`.

    Args:
        beta: β at meta-step 0, ≥ 0.
        meta_steps: T ≥ 1.
        end: β from meta-step T on, ≥ 0.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Loshchilov, Hutter 2017, arXiv:1608.03983, eq. 5, without restarts.

    Example:
        >>> beta = CosineDecay(0.01, meta_steps=100)
        >>> beta(0), round(beta(50), 12), beta(100), beta(1000)
        (0.01, 0.005, 0.0, 0.0)
    """

    beta: float
    meta_steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        _check(self.beta, "")
        _check(self.end, " for end")
        check_count("meta_steps", self.meta_steps, 1)

    def __call__(self, meta_step: int) -> float:
        """β after this many meta-steps."""
        done = min(meta_step / self.meta_steps, 1.0)
        return self.end + (self.beta - self.end) * (1 + math.cos(math.pi * done)) / 2


@final
@dataclass(frozen=True, slots=True)
class WarmUp:
    """β rises in a straight line over the first W meta-steps: β_t (t + 1)/W for t < W.

    Args:
        beta: β after it, or a function of the meta-step such as `CosineDecay`.
        meta_steps: W ≥ 1.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Goyal et al. 2017, arXiv:1706.02677, §2.2, gradual warm-up.

    Example:
        >>> beta = WarmUp(CosineDecay(0.01, meta_steps=1000), meta_steps=4)
        >>> [round(beta(t), 4) for t in (0, 1, 3, 500)]
        [0.0025, 0.005, 0.01, 0.005]
    """

    beta: Beta
    meta_steps: int

    def __post_init__(self) -> None:
        check_beta(self.beta)
        check_count("meta_steps", self.meta_steps, 1)

    def __call__(self, meta_step: int) -> float:
        """β after this many meta-steps."""
        return beta_at(self.beta, meta_step) * min((meta_step + 1) / self.meta_steps, 1.0)


def _check(value: object, which: str) -> None:
    if not is_number(value) or not 0 <= value < float("inf"):
        raise ValueError(f"beta must be a finite number ≥ 0, got {value!r}{which}")
