"""Decimation of long histories."""

import numpy as np
import pytest

from labkit import MetaStep
from labkit.session.history import History


def filled(steps: int) -> History:
    history = History()
    for i in range(steps):
        history.append(MetaStep(loss_before=float(i), loss_after=float(2 * i)), seconds=i / 4)
    return history


def test_empty() -> None:
    curve = History().curve()
    assert curve.meta_step.size == curve.loss_before.size == curve.loss_after.size == 0


def test_short_histories_are_whole() -> None:
    curve = filled(5).curve(most=5)
    assert curve.meta_step.tolist() == [1, 2, 3, 4, 5]
    assert curve.loss_after.tolist() == [0, 2, 4, 6, 8]


def test_long_ones_are_means_of_equal_runs() -> None:
    # 11 steps in at most 5 entries: runs of 4, of which two are complete
    curve = filled(11).curve(most=5)
    assert curve.meta_step.tolist() == [4, 8]
    assert curve.loss_before.tolist() == [1.5, 5.5]
    assert curve.loss_after.tolist() == [3.0, 11.0]
    # the time at the end of each run
    assert curve.seconds.tolist() == [0.75, 1.75]


@pytest.mark.parametrize("steps", [200, 201, 399, 1000, 12345])
def test_bounded_and_unchanged_by_growth(steps: int) -> None:
    curve, later = filled(steps).curve(), filled(steps + 1).curve()
    assert steps / 4 - 1 <= 100 or 99 <= len(curve.meta_step) <= 200
    if len(later.meta_step) >= len(curve.meta_step):
        np.testing.assert_array_equal(later.loss_after[: len(curve.meta_step)], curve.loss_after)
