"""The cost meter: what is timed, how memory is counted, and the widget."""

import statistics
from collections.abc import Callable
from typing import Any

import pytest
import torch

from labkit import (
    MAML,
    Cost,
    CostMeter,
    MetaLearner,
    StepCost,
    cost_figure,
    measure_costs,
    measure_step,
    parameter_vector,
    two_rails,
)
from labkit.figures import cost_words
from labkit.training.engine import RECORDED_AFTER, peak_memory
from tests.session.test_gradient_monitor import toy_session
from tests.widgets.page import until


@pytest.mark.parametrize(
    ("compute", "numbers"),
    [
        (lambda: torch.ones(100) + 1, 200),
        (lambda: (torch.ones(100) + 1) * 2, 200),
        (lambda: [torch.ones(100), torch.ones(100), torch.ones(50)], 250),
        (lambda: torch.ones(100).view(10, 10).T, 100),  # a view is no memory
        (lambda: torch.ones(100).add_(1), 100),
        (lambda: [torch.ones(100).sum() for _ in range(5)], 105),
    ],
)
def test_memory_is_that_of_the_tensors_held_at_a_time(
    compute: Callable[[], object], numbers: int
) -> None:
    assert peak_memory(compute) == 4 * numbers


def rails_learner(inner_steps: int = 1, order: Any = 2) -> MetaLearner:
    algorithm = MAML(alpha=0.2, inner_steps=inner_steps, order=order)
    return MetaLearner(parameter_vector, two_rails(), algorithm, meta_batch=2)


def test_memory_of_the_exact_gradient_grows_by_as_much_with_each_inner_step() -> None:
    exact = [peak_memory(rails_learner(k).meta_gradient) for k in (2, 4, 6)]
    first = [peak_memory(rails_learner(k, 1).meta_gradient) for k in (2, 4, 6)]
    assert exact[2] - exact[1] == exact[1] - exact[0] > 0
    assert all(a > b for a, b in zip(exact, first, strict=True))


def test_time_is_the_median_of_the_steps_that_are_replayed() -> None:
    now, reads = [0.0], [0]

    def clock() -> float:
        reads[0] += 1
        # each step reads the clock twice, and once more for patience
        step = (reads[0] - 2) // 3
        now[0] += 0.0 if reads[0] % 3 else (1.0 if step < RECORDED_AFTER + 2 else 0.25)
        return now[0]

    cost = measure_step(rails_learner(), patience=1e9, clock=clock)
    assert (cost.seconds, cost.replayed, cost.meta_steps) == (0.25, True, 12)
    now[0], reads[0] = 0.0, 0
    slow = measure_step(rails_learner(), patience=4.5, clock=clock)
    assert (slow.seconds, slow.replayed) == (1.0, False)
    assert slow.meta_steps < RECORDED_AFTER
    for patience in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="patience must be a finite number > 0"):
            measure_step(rails_learner(), patience=patience)


def test_an_algorithm_that_ignores_the_order_is_measured_once_for_each_k() -> None:
    session = toy_session("Two rails", algorithm="reptile")
    costs = measure_costs(session.source, session.settings, inner_steps=[2], patience=0.01)
    assert [(cost.order, cost.inner_steps) for cost in costs] == [(2, 1), (2, 2)]
    with pytest.raises(ValueError, match="inner_steps = -1"):
        list(measure_costs(session.source, session.settings, inner_steps=[-1]))


COSTS = tuple(
    Cost(order, k, StepCost(0.001 * order * k, 12, True, 1_000_000 * order * k))
    for k in (1, 3)
    for order in (1, 2)
)


def test_the_figure_has_milliseconds_and_megabytes() -> None:
    figure = cost_figure(COSTS)
    values = {(t.name, t.yaxis): [*t.y] for t in figure.data}
    assert values == {
        ("first-order", "y"): pytest.approx([1, 3]),
        ("first-order", "y2"): pytest.approx([1, 3]),
        ("exact", "y"): pytest.approx([2, 6]),
        ("exact", "y2"): pytest.approx([2, 6]),
    }
    assert cost_words(COSTS) == [
        "K = 3: exact takes 2 × the time and 2 × the memory of first-order",
        "median of 12 meta-steps, replayed",
    ]
    assert cost_words(()) == []
    assert [*cost_figure(()).data[0].x] == []


def test_the_button_measures_while_the_session_rests() -> None:
    session = toy_session("Two rails", inner_steps=3)
    meter = CostMeter(session, patience=0.01)
    assert meter.board.state["status"]["value"] == ["not measured yet"]
    session.play()
    meter.board._handle_custom_msg({"view": "v", "kind": "press", "name": "measure"}, [])
    until(lambda: "waiting for a pause" in meter.board.state["message"]["value"])
    assert not meter.costs
    session.pause()
    until(lambda: len(meter.costs) == 8)
    until(lambda: "the memory of first-order" in meter.board.state["status"]["value"][0])
    costs: tuple[Cost, ...] = meter.costs  # by now others
    assert [cost.inner_steps for cost in costs] == [1, 1, 2, 2, 3, 3, 5, 5]
    assert statistics.mean(cost.step.seconds for cost in costs) > 0
    names = {trace.name for trace in meter.figure().data}
    assert names == {"first-order", "exact"}
    meter.close()
    session.close()
