"""Values that a browser can draw: gaps for what is not finite, nothing too large for a path."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FAR = 100.0


def drawable(values: ArrayLike, limit: float) -> NDArray[np.float64]:
    """Values as float64, with gaps where they are not finite.

    Args:
        values: Numbers of any size.
        limit: The largest magnitude that an axis shows, > 0. What is beyond `FAR` times that is
            cut there, out of sight: plotly.js fails on coordinates of 1e200.

    Example:
        >>> drawable([1.0, float("inf"), -1e200], limit=5.0).tolist()
        [1.0, nan, -500.0]
    """
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.where(np.isfinite(numbers), numbers, np.nan)
    cut: NDArray[np.float64] = np.clip(finite, -FAR * limit, FAR * limit)
    return cut
