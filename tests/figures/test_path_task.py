"""The panel of a navigation task: paths before and after each inner step, and the goal."""

import numpy as np
import torch

from labkit.figures.panels.curve_task import MOST_STEPS
from labkit.figures.panels.task_figure import show_task, task_figure
from labkit.tasks import PathPortrait


def portrait(steps: int, losses: torch.Tensor | None = None) -> PathPortrait:
    paths = torch.zeros(steps + 1, 2, 4, 2)
    paths[..., 0] = torch.arange(steps + 1)[:, None, None] / 100
    paths[:, 0, 2:] = torch.nan  # the first episode ends after its first step
    return PathPortrait(
        paths,
        torch.tensor([0.25, -0.5]),
        torch.tensor([[0.3, 0.4, 0.1]]),
        "goal at …",
        losses=losses,
    )


def test_paths_of_each_inner_step() -> None:
    figure = task_figure(portrait(3))
    show_task(figure, portrait(3, losses=torch.tensor([40.0, 12.0, 4.0, 3.0])), color="#123456")
    before, *steps, goal = figure.data
    assert (goal.x[0], goal.y[0]) == (0.25, -0.5)
    assert np.nansum(before.x) == 0
    assert len(before.x) == 2 * 5  # a gap after each path
    assert np.isnan(before.x).sum() == 2 + 2
    assert [trace.name for trace in steps if trace.visible] == ["step 1", "step 2", "step 3"]
    assert [trace.meta["inner_step"] for trace in steps[:3]] == [1, 2, 3]
    assert [round(float(np.nanmax(trace.x)), 2) for trace in steps[:3]] == [0.01, 0.02, 0.03]
    assert steps[2].line.color == "#123456"
    assert len(steps) == MOST_STEPS
    assert "return −40.0 → −3.00" in figure.layout.title.text
    (obstacle,) = figure.layout.shapes
    assert np.isclose(obstacle.x1 - obstacle.x0, 0.2)
    assert figure.layout.yaxis.scaleanchor == "x"


def test_the_last_of_many_steps_is_drawn() -> None:
    figure = task_figure(portrait(25))
    show_task(figure, portrait(25))
    assert figure.data[MOST_STEPS].name == "step 25"


def test_a_plot_for_each_step_has_the_goal_and_its_own_paths() -> None:
    figure = task_figure(portrait(3), editable=True, arrangement="by step")
    show_task(figure, portrait(3), color="#123456", arrangement="by step")
    *lines, a, b, c, d = figure.data
    assert [trace.name for trace in lines] == ["before", "step 1", "step 2", "step 3"]
    assert [trace.meta["inner_step"] for trace in lines] == [0, 1, 2, 3]
    assert [round(float(np.nanmax(trace.x)), 2) for trace in lines] == [0.0, 0.01, 0.02, 0.03]
    assert [goal.xaxis for goal in (a, b, c, d)] == ["x", "x2", "x3", "x4"]
    assert all((goal.x[0], goal.y[0]) == (0.25, -0.5) for goal in (a, b, c, d))
    assert all(goal.meta["support"] for goal in (a, b, c, d))
    assert [shape.xref for shape in figure.layout.shapes] == ["x", "x2", "x3", "x4"]
    assert figure.layout.xaxis3.title.text == "step 2"
    assert figure.layout.xaxis2.matches == "x"
    many = task_figure(portrait(25), arrangement="by step")
    show_task(many, portrait(25), arrangement="by step")
    assert [trace.name for trace in many.data[:4]] == ["before", "step 8", "step 17", "step 25"]
