"""Histories: decimated for display, exact as a whole, on disk and not in memory."""

import errno
import io
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from labkit import Event, MetaStep
from labkit.session import history
from labkit.session.history import History, TrainingCurve

STEP = MetaStep(loss_before=3.0, loss_after=1.0)


def extended(longer: History, steps: int) -> History:
    for i in range(len(longer), len(longer) + steps):
        longer.append(MetaStep(loss_before=1 / (i + 1), loss_after=float(2 * i)), 0.1)
    return longer


def filled(steps: int) -> History:
    return extended(History(), steps)


def same(one: TrainingCurve, two: TrainingCurve) -> bool:
    names = ("meta_step", "loss_before", "loss_after", "seconds")
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in names)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that most of a short history is on disk."""
    monkeypatch.setattr(history, "BLOCK", 8)
    monkeypatch.setattr(history, "MOST_COARSE", 6)


def test_empty() -> None:
    curve = History().curve()
    assert curve.meta_step.size == curve.loss_before.size == curve.loss_after.size == 0


def test_short_histories_are_whole() -> None:
    curve = filled(5).curve(most=5)
    assert curve.meta_step.tolist() == [1, 2, 3, 4, 5]
    assert curve.loss_after.tolist() == [0, 2, 4, 6, 8]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("most", [5, 2])
def test_long_ones_are_means_of_equal_runs(most: int) -> None:
    # 11 steps in at most 5 entries: runs of 4, of which two are complete; in at most 2: of 8
    curve = filled(11).curve(most)
    run = {5: 4, 2: 8}[most]
    assert curve.meta_step.tolist() == [run, 2 * run][: 11 // run]
    assert curve.loss_after.tolist() == {5: [3.0, 11.0], 2: [7.0]}[most]
    before = [1 / i for i in range(1, 12)]
    assert curve.loss_before[0] == pytest.approx(np.mean(before[:run]), rel=1e-14)
    assert curve.seconds[0] == pytest.approx(0.1 * run)


@pytest.mark.parametrize("steps", [200, 201, 399, 1000, 12345])
def test_bounded_and_unchanged_by_growth(steps: int) -> None:
    curve, later = filled(steps).curve(), filled(steps + 1).curve()
    assert steps / 4 - 1 <= 100 or 99 <= len(curve.meta_step) <= 200
    if len(later.meta_step) >= len(curve.meta_step):
        np.testing.assert_array_equal(later.loss_after[: len(curve.meta_step)], curve.loss_after)


MOVES = st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1)), min_size=1, max_size=6)


@pytest.mark.usefixtures("_small")
@settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@example([(100, 1.0)], 3)
@given(MOVES, st.sampled_from([1, 3, 6, 7, 50, None]))
def test_what_was_cut_and_goes_on_is_as_if_it_had_never_been_longer(
    moves: list[tuple[int, float]], most: int | None
) -> None:
    """Of all that a fork and its origin share on disk, neither sees what the other adds."""
    now = History()
    for steps, part in moves:
        left = extended(now, steps)
        kept, at = left.curve(None), round(part * len(left))
        now = left.until(at)
        assert (len(now), now.seconds) == (at, kept.seconds[at - 1] if at else 0)
        extended(now, 9).append(STEP, 1.0)
        now = now.until(at)
        assert same(left.curve(None), kept)
    fresh = filled(len(now))
    assert same(now.curve(most), fresh.curve(most))
    assert now.seconds == fresh.seconds
    curve = fresh.curve(most)
    run = next(2**i for i in range(20) if most is None or len(now) <= most * 2**i)
    assert curve.meta_step.tolist() == list(range(run, len(now) + 1, run))
    # 0, 2, 4, … from meta-step 1 on
    assert curve.loss_after.tolist() == [2 * end - run - 1 for end in curve.meta_step]


def test_a_shorter_history_made_as_coarse_lies_on_the_longer_one() -> None:
    short, long = filled(372).curve(100), filled(733).curve(100)
    assert (short.meta_step[0], long.meta_step[0]) == (4, 8)
    coarse = short.as_coarse_as(long)
    assert len(coarse.meta_step) == 372 // 8
    for name in ("meta_step", "loss_before", "loss_after", "seconds"):
        there = getattr(long, name)[: len(coarse.meta_step)]
        np.testing.assert_allclose(getattr(coarse, name), there, rtol=1e-12)
    assert same(long.as_coarse_as(short), long)
    # what would have no entry left stays, and nothing is no measure
    few, none = filled(3).curve(100), History().curve(100)
    assert same(few.as_coarse_as(long), few)
    assert same(short.as_coarse_as(none), short)
    assert same(none.as_coarse_as(short), none)


def test_events_end_with_the_meta_steps() -> None:
    longer = extended(History([Event(2, "alpha", 0.1), Event(4, "alpha", 0.2)]), 5)
    assert longer.until(4).events == [Event(2, "alpha", 0.1)]


def test_a_long_history_takes_no_more_memory() -> None:
    now = filled(3 * history.BLOCK)
    tracemalloc.start()
    for _ in range(12 * history.BLOCK):
        now.append(STEP, 0.001)
    grown, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(now) == 15 * history.BLOCK
    # twelve blocks of three numbers are 1.2 MB
    assert grown < 200_000
    assert most < 600_000


class FullDisk(io.FileIO):
    """A file that takes only so many bytes."""

    room = 0

    def write(self, data: Any) -> int:
        room = self.room - self.seek(0, io.SEEK_END)
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data[:room])


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("blocks", [0.0, 1.5])
def test_what_a_full_disk_does_not_take_stays_in_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, blocks: float
) -> None:
    expected = filled(50)
    monkeypatch.setattr(FullDisk, "room", int(blocks * 8 * 24))
    monkeypatch.setattr(
        tempfile, "TemporaryFile", lambda **_: FullDisk(tmp_path / "history", "wb+")
    )
    full = filled(50)
    assert same(full.curve(None), expected.curve(None))
    assert same(full.until(30).curve(), expected.until(30).curve())
    assert caplog.text.count("no room on disk") == 1


@pytest.mark.usefixtures("_small")
def test_without_a_folder_for_temporary_files_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = filled(30)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    assert same(filled(30).curve(None), expected.curve(None))
    assert caplog.text.count("no room on disk") == 1
