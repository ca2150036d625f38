"""Numbers and words that the figures of all instruments show alike."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]

FARTHEST = 1e30
"""Plotly draws nothing beyond."""


def numbers_of(values: Tensor) -> Floats:
    """A tensor as an array of float64."""
    return values.detach().to(torch.float64).cpu().numpy()


def with_gaps(values: Any) -> Floats:
    """Numbers with gaps where plotly cannot draw: not finite, or too far.

    Example:
        >>> with_gaps([1.0, float("inf"), 1e99])
        array([ 1., nan, nan])
    """
    numbers = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(numbers) & (np.abs(numbers) < FARTHEST), numbers, np.nan)


def ago(age: int, meta_step: int) -> str:
    """When something was measured, so many meta-steps ago at a meta-step.

    Example:
        >>> ago(0, 7), ago(1200, 7), ago(-3, 7)
        ('now', '1,200 meta-steps ago', 'at 7')
    """
    return "now" if age == 0 else f"{age:,} meta-steps ago" if age > 0 else f"at {meta_step:,}"
