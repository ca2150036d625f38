"""The training panel: losses over meta-steps or seconds, ghosts, marks and their labels."""

import itertools
import math
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import Event, TrainingCurve
from labkit.figures.panels.ghosts import GhostCurve
from labkit.figures.panels.marks import (
    MOST_ROWS,
    SYMBOLS,
    Mark,
    axis_end,
    change_marks,
    place_labels,
    steady_end,
)
from labkit.figures.panels.stretches import Stretch
from labkit.figures.panels.training import show_training, training_figure
from labkit.figures.style.curves import MOST_NUMBERS, log_axis
from labkit.figures.style.palette import AFTER, algorithm_color
from tests.figures.examples import losses, trace

EVENTS = (
    Event(10, "alpha", 0.02),
    Event(11, "alpha", 0.03),
    Event(60, "order", 1),
    Event(95, "inner_steps", 5),
    Event(97, "beta", 1e-4),
)


def test_marks_of_changes() -> None:
    marks = change_marks(EVENTS, [float(event.meta_step) for event in EVENTS], 100.0)
    assert marks == [
        Mark(10.0, "α 0.03", 11.0),
        Mark(60.0, "order 1", 60.0),
        Mark(95.0, "K 5, β 0.0001", 97.0),
    ]


def test_a_slow_drag_has_one_mark_where_it_began_and_all_else_its_own() -> None:
    dragged = [Event(at, "alpha", at / 1000, gesture=1) for at in (10, 20, 30, 40)]
    once_more = Event(60, "alpha", 0.5, gesture=2)
    beside = Event(80, "beta", 0.1, gesture=2)
    replayed = [Event(85, "alpha", 0.6), Event(90, "alpha", 0.7)]
    events = [*dragged, once_more, beside, *replayed]
    marks = change_marks(events, [float(event.meta_step) for event in events], 100.0)
    assert marks == [
        Mark(10.0, "α 0.04", 40.0),
        Mark(60.0, "α 0.5", 60.0),
        Mark(80.0, "β 0.1", 80.0),
        Mark(85.0, "α 0.6", 85.0),
        Mark(90.0, "α 0.7", 90.0),
    ]
    figure = training_figure()
    show_training(figure, losses(*np.linspace(4, 1, 10)), events, width=1400)
    texts = trace(figure, "changes").hovertext
    assert texts[:2] == ("α 0.04, changed from 10 to 40", "α 0.5, from 60 on")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("algorithm", "reptile", "→ Reptile"),
        ("alpha_learned", "element", "learned α: element"),
        ("meta_optimizer", "sgd", "optimiser sgd"),
        ("meta_batch", 10, "meta-batch 10"),
        ("shots", 5, "shots 5"),
    ],
)
def test_every_setting_that_may_change_has_words(name: str, value: float | str, words: str) -> None:
    assert name in SYMBOLS
    assert change_marks([Event(3, name, value)], [3.0], 10.0) == [Mark(3.0, words, 3.0)]


@given(last=st.floats(1e-9, 1e12))
def test_an_axis_ends_little_behind_its_last_point(last: float) -> None:
    end = steady_end(last)
    assert last <= end <= 1.3 * last
    assert steady_end(end) == end


def test_axes_move_now_and_then_and_not_with_every_step() -> None:
    figure = training_figure()
    ranges: set[object] = set()
    heights: set[object] = set()
    for points in range(100, 200):
        show_training(figure, losses(*[0.5] * points), EVENTS)
        ranges.add(figure.layout.xaxis.range)
    for high in np.linspace(1.0, 1.1, 100):
        heights.add(str(log_axis([np.array([0.3, high])], free=0.0)["range"]))
    assert ranges == {(0, end) for end in (1000, 1250, 1600, 2000)}
    ranges.clear()
    for points in range(100, 200):  # α is moved all the time, and its label has its room
        show_training(figure, losses(*[0.5] * points), [Event(10 * points, "alpha", 0.012)])
        ranges.add(figure.layout.xaxis.range)
    assert ranges == {(0, end) for end in (1250, 1600, 2000, 2500)}
    assert len(heights) <= 3


@given(
    xs=st.lists(st.floats(0, 1000), max_size=20, unique=True),
    texts=st.lists(st.text(string.ascii_letters, min_size=1, max_size=40), min_size=20),
    letters=st.integers(20, 150),
)
def test_labels_never_overlap_nor_leave_the_axis(
    xs: list[float], texts: list[str], letters: int
) -> None:
    xs = [x for i, x in enumerate(sorted(xs)) if not i or x - sorted(xs)[i - 1] > 30]
    marks = [Mark(x, text, x) for x, text in zip(xs, texts, strict=False)]
    end = axis_end(marks, 1000.0, letters)
    assert 1000 <= end <= 1250
    labels = place_labels(marks, end, letters)
    assert [label.x for label in labels] == xs
    letter = end / letters
    for one, other in itertools.combinations(labels, 2):
        apart = other.x >= one.x + len(one.text) * letter or len(one.text) <= 1
        assert one.row != other.row or apart
    for mark, label in zip(marks, labels, strict=True):
        assert label.row < MOST_ROWS
        assert mark.text.startswith(label.text.rstrip("…"))
        assert label.x + len(label.text) * letter <= end + letter


def test_labels_are_whole_where_there_is_room() -> None:
    texts = {0.0: "one", 1.0: "two", 2.0: "three", 50.0: "four"}
    marks = [Mark(x, text, x) for x, text in texts.items()]
    labels = place_labels(marks, 100.0, letters=50)
    assert [(label.row, label.text) for label in labels] == [
        (0, "one"),
        (1, "two"),
        (2, "three"),
        (0, "four"),
    ]
    sgd = [Mark(x, "optimiser sgd", x) for x in (0.0, 8.0, 16.0, 24.0)]
    tight = place_labels(sgd, 100.0, 50)
    # 24 % of the axis are 12 letters, two of which stay free
    assert tight[0].text == "optimiser…"
    assert [label.row for label in tight] == [0, 1, 2, 0]


def test_marks_stand_below_their_labels_and_tell_all_under_the_pointer() -> None:
    figure = training_figure()
    curve = losses(*np.linspace(4, 1, 10))
    events = [Event(50, "meta_optimizer", "sgd"), Event(54, "alpha_learned", "element")]
    show_training(figure, curve, events, width=430)
    changes, marks, leaders = (trace(figure, name) for name in ("changes", "marks", "leaders"))
    assert changes.x.tolist() == [50.0, 54.0]
    assert all(changes.text), "plotly drops texts when other points have none"
    upper, lower = changes.y
    assert upper == 1 > lower
    lines = marks.y[[1, 4]]
    assert marks.x[[0, 1, 3, 4]].tolist() == [50.0, 50.0, 54.0, 54.0]
    assert (lines < lower).all()
    assert leaders.y.tolist()[:2] == [lines[0], 1]
    assert leaders.y.tolist()[3:5] == [lines[1], lower]
    assert changes.hovertext[1] == marks.hovertext[3] == "learned α: element, from 54 on"
    # the losses end below the labels
    low, high = figure.layout.yaxis.range
    assert (math.log10(8) - low) / (high - low) < lines[0]


def test_losses_over_seconds() -> None:
    figure = training_figure()
    curve = losses(4.0, 3.0, 2.0, 1.0)
    show_training(figure, curve, [Event(25, "alpha", 0.1)])
    assert figure.layout.meta["x"] == "meta_step"
    assert trace(figure, "after adaptation").x.tolist() == [10, 20, 30, 40]
    assert trace(figure, "changes").x[0] == 25
    show_training(figure, curve, [Event(25, "alpha", 0.1)], by="seconds")
    assert figure.layout.meta["x"] == "seconds"
    assert figure.layout.xaxis.title.text == "seconds of training"
    assert trace(figure, "after adaptation").x.tolist() == curve.seconds.tolist()
    # halfway from 0.4 s at meta-step 20 to 0.9 s at 30
    assert trace(figure, "changes").x[0] == pytest.approx(0.65)
    with pytest.raises(ValueError, match="by must be one of 'meta_step', 'seconds', got 'hours'"):
        show_training(figure, curve, [], by="hours")  # type: ignore[arg-type]


def test_ghosts_and_the_colour_of_the_algorithm() -> None:
    figure = training_figure()
    color = algorithm_color("anil")
    assert trace(figure, "after adaptation").line.color == AFTER
    ghost = GhostCurve("before", color, losses(*[0.5] * 9))
    show_training(
        figure,
        losses(4.0, 2.0),
        [],
        stretches=[Stretch(0, algorithm_color("reptile"))],
        ghosts=[ghost],
    )
    assert trace(figure, "after adaptation").line.color == algorithm_color("reptile")
    before = trace(figure, "before")
    assert (before.line.color, before.visible, before.showlegend) == (color, True, False)
    assert before.y.tolist() == [0.5] * 9
    assert figure.layout.xaxis.range == (0, 100)
    low, high = figure.layout.yaxis.range
    assert low < math.log10(0.5) < math.log10(8) < high
    with pytest.raises(ValueError, match="at most 6 kept runs, got 7"):
        show_training(figure, losses(1.0), [], ghosts=[ghost] * 7)


MAML, REPTILE = algorithm_color("maml"), algorithm_color("reptile")


def test_each_stretch_of_a_kept_run_keeps_its_colour_and_the_run_its_dashes() -> None:
    figure = training_figure()
    stretches = Stretch(0, MAML, "MAML"), Stretch(25, REPTILE, "Reptile")
    kept = GhostCurve("kept", REPTILE, losses(4.0, 3.0, 2.0, 1.0), stretches)
    other = GhostCurve("other", MAML, losses(5.0, 5.0))
    show_training(figure, losses(4.0, 2.0), [], ghosts=[kept, other])
    late, early = (trace for trace in figure.data if trace.name == "kept")
    assert (early.line.color, late.line.color) == (MAML, REPTILE)
    assert early.y.tolist() == [4.0, 3.0]
    np.testing.assert_array_equal(late.y, [np.nan, 3.0, 2.0, 1.0])  # joined
    assert early.visible
    assert late.visible
    # both runs have something of MAML's colour
    assert early.line.dash == late.line.dash != trace(figure, "other").line.dash
    show_training(figure, losses(4.0, 2.0), [], ghosts=[other])
    assert not [trace for trace in figure.data if trace.name == "kept"]
    assert sum(trace.visible is not False and trace.name == "" for trace in figure.data) == 0


def test_each_stretch_keeps_the_colour_of_the_algorithm_that_made_it() -> None:
    figure = training_figure()
    curve = losses(4.0, 3.0, 2.0, 1.5, 1.2, 1.0)  # after 10, 20, … meta-steps
    stretches = [
        Stretch(0, MAML, "MAML"),
        Stretch(25, REPTILE, "Reptile"),
        Stretch(40, MAML, "MAML"),
    ]
    show_training(figure, curve, [], stretches=stretches)
    now, earlier = trace(figure, "after adaptation"), trace(figure, "earlier: Reptile")
    assert (now.line.color, earlier.line.color, earlier.visible) == (MAML, REPTILE, True)
    # each begins where the one before ends
    np.testing.assert_array_equal(now.y, [4.0, 3.0, math.nan, 1.5, 1.2, 1.0])
    np.testing.assert_array_equal(earlier.y, [math.nan, 3.0, 2.0, 1.5])
    assert earlier.x.tolist() == [10, 20, 30, 40]
    show_training(figure, curve, [], stretches=[Stretch(0, MAML), Stretch(60, REPTILE, "Reptile")])
    now, earlier = trace(figure, "after adaptation"), trace(figure, "earlier: ")
    assert (now.line.color, len(now.y)) == (REPTILE, 0), "chosen, and not trained yet"
    assert earlier.line.color == MAML
    assert earlier.y.tolist() == [4.0, 3.0, 2.0, 1.5, 1.2, 1.0]
    show_training(figure, curve, [], stretches=[Stretch(0, REPTILE)])
    assert not any(each.visible for each in figure.data if each.name == "")


@pytest.mark.parametrize("spike", [1e18, 1e32])
def test_a_spike_leaves_the_axis_as_it_was_and_an_arrow_tells_of_it(spike: float) -> None:
    figure, calm = training_figure(), np.geomspace(4, 0.5, 60)
    show_training(figure, losses(*calm), [])
    before = figure.layout.yaxis.range
    wild = calm.copy()
    wild[[20, 21, 40]] = 0.01 * spike, spike, spike
    show_training(figure, losses(*wild), [])
    low, high = figure.layout.yaxis.range
    assert before[1] - 0.1 <= high <= before[1] + 2.5
    assert low == pytest.approx(before[0], abs=0.3)
    arrows = trace(figure, "off the scale")
    assert arrows.x.tolist() == [220, 410], "one for losses in succession, at the largest"
    assert arrows.hovertext[0].startswith(f"off the scale: a loss of {2 * spike:.0e}"[:25])
    assert (arrows.y < 1).all()
    show_training(figure, losses(*calm), [])
    assert len(trace(figure, "off the scale").x) == 0
    assert figure.layout.yaxis.range == before


def test_where_training_began_stays_on_the_axis_after_most_of_it_has_diverged() -> None:
    figure = training_figure()
    show_training(figure, losses(*[2.0] * 20, *[1e26] * 100), [])
    low, high = figure.layout.yaxis.range
    assert low <= math.log10(2.0)
    assert high >= 26


def test_what_training_began_with_is_no_spike() -> None:
    figure = training_figure()
    show_training(figure, losses(4e3, *[1e-3] * 50), [])
    assert figure.layout.yaxis.range[1] > math.log10(8e3)
    assert len(trace(figure, "off the scale").x) == 0


def test_nothing_yet_and_losses_that_are_no_numbers() -> None:
    figure = training_figure()
    nothing = np.empty(0)
    show_training(figure, TrainingCurve(nothing, nothing, nothing, nothing), [])
    assert figure.layout.xaxis.range == (0, 1)
    assert np.isfinite(figure.layout.yaxis.range).all()
    show_training(figure, losses(math.nan, 0.0, math.inf), [Event(0, "alpha", 1.0)])
    assert np.isfinite(figure.layout.yaxis.range).all()


@pytest.mark.parametrize("high", [1.0001, 1.5, 3, 20, 1e3, 1e9, 1e30])
def test_the_axis_has_some_round_numbers(high: float) -> None:
    axis = log_axis([np.array([1.0, high])], free=0.3)
    ends, numbers = axis["range"], axis["tickvals"]
    assert isinstance(ends, list)
    assert isinstance(numbers, list)
    low, top = ends
    assert 1 <= len(numbers) <= MOST_NUMBERS
    assert low < 0
    assert top > math.log10(high)
    assert all(low <= math.log10(number) <= top for number in numbers)
