"""A lab of policies: the goal of the task that is shown, its paths, and the return."""

import math
from collections.abc import Iterator
from functools import partial

import pytest

from labkit import Lab, Navigation, Session, Settings, gaussian_policy, read_share_code, share_code
from labkit.tasks import best_returns
from tests.widgets.page import Page, until

FAR = (0.5, -0.25)  # exact in float32


@pytest.fixture
def page() -> Iterator[Page]:
    session = Session(
        Settings(alpha=0.1, shots=3, meta_batch=2),
        model=partial(gaussian_policy, width=8),
        tasks=partial(Navigation, queries=3, horizon=5),
        test_tasks=4,
        test_steps=3,
    )
    lab = Lab(session)
    yield Page(lab)
    lab.close()
    session.close()


def goal(page: Page) -> tuple[float, float]:
    trace = page.trace("task", "goal")
    return trace["x"][0], trace["y"][0]


def walked(page: Page, name: str) -> list[float]:
    """Where paths are, along x; without the gaps between them, which equal nothing."""
    traces = page.figures["task"]["data"]
    return [x for t in traces if t["name"] == name for x in t.get("x", ()) if not math.isnan(x)]


def test_the_curve_is_the_return_over_gradient_steps_below_the_best(page: Page) -> None:
    until(lambda: len(page.mean()) == 4)
    assert page.y_title("adaptation") == "return (higher is better)"
    layout = page.figures["adaptation"]["layout"]
    assert layout["xaxis"]["title"]["text"] == "gradient steps (trained: 1)"
    session = page.lab.session
    tasks = session.learner().held_out(4, split="validation")
    best = float(best_returns(Navigation(horizon=5), tasks.info["goal"]).mean())
    assert page.trace("adaptation", "best possible")["y"] == pytest.approx([best] * 4)
    assert all(value < best for value in page.mean())


def test_paths_go_to_the_goal_that_a_person_places(page: Page) -> None:
    own, before = goal(page), walked(page, "before")
    assert page.figures["task"]["layout"]["meta"]["editable"]
    assert page.control("own_points")["label"] == "Reset goal"
    step = walked(page, "step 3")  # also with K = 1
    assert len(step) == len(before)

    page.point("move", 0, *FAR)
    until(lambda: goal(page) == FAR)
    assert page.title("task").count("goal (0.50, −0.25)") == 1
    # the same random numbers: θ walks as before, and adapts to another goal
    assert walked(page, "before") == before
    until(lambda: walked(page, "step 3") != step)
    page.point("remove", 0, 0.0, 0.0)
    page.press("own_points")
    until(lambda: goal(page) == own)
    until(lambda: walked(page, "step 3") == step)

    page.point("add", None, *FAR)  # a click in free space
    until(lambda: goal(page) == FAR)
    page.press("another")  # which has another goal
    until(lambda: goal(page) not in (FAR, own))
    page.lab.set_points([(-0.25, 0.125)])
    until(lambda: goal(page) == (-0.25, 0.125))
    with pytest.raises(ValueError, match="one goal, got 2 points"):
        page.lab.set_points([FAR, FAR])
    with pytest.raises(ValueError, match="finite"):
        page.lab.set_points([(float("nan"), 0.0)])
    assert goal(page) == (-0.25, 0.125)
    session = page.lab.session
    assert session.last_step == 0
    # what is drawn is no part of the session, as with points
    assert read_share_code(share_code(session.recipe())) == session.recipe()


def test_paths_on_a_plot_for_each_step(page: Page) -> None:
    page.lab.set_points([FAR])
    page.set("paths", "by step")
    until(lambda: "xaxis4" in page.figures["task"]["layout"])
    until(lambda: walked(page, "step 2"))
    goals = [trace for trace in page.figures["task"]["data"] if trace["name"] == "goal"]
    assert [trace["x"][0] for trace in goals] == [0.5] * 4
    page.set("paths", "sideways")
    until(lambda: "must be one of overlaid, by step" in page.message())
    page.set("paths", "overlaid")
    until(lambda: "xaxis4" not in page.figures["task"]["layout"])
