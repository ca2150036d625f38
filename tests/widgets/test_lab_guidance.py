"""What helps a newcomer: clicks to try, words for what diverges, numbers that do not jump."""

from collections.abc import Iterator

import numpy as np
import pytest

from labkit import Session, Settings, Sinusoid, sinusoid_mlp
from labkit.figures.style.palette import algorithm_color
from labkit.widgets.lab_words import in_words_of_the_lab
from labkit.widgets.renderer import QUICK_TASKS
from tests.widgets.page import Page, new_session, shown, until


@pytest.fixture
def page() -> Iterator[Page]:
    with shown(new_session()) as page:
        yield page


def trained(page: Page, meta_steps: int) -> None:
    page.lab.session.run(meta_steps)
    until(lambda: page.status().startswith(f"meta-step {meta_steps:,} "))


@pytest.mark.parametrize(
    ("button", "name", "value"),
    [("try_alpha", "alpha", 0.5), ("try_order", "order", 1), ("try_inner_steps", "inner_steps", 5)],
)
def test_what_is_tried_is_undone_by_one_press(
    page: Page, button: str, name: str, value: float
) -> None:
    session = page.lab.session
    trained(page, 3)
    theta = session.snapshot().params
    page.press(button)
    until(lambda: page.control(button) == {"pressed": True})
    assert getattr(session.settings, name) == value
    session.run(5)
    page.press(button)
    until(lambda: page.control(button) == {"pressed": False})
    assert session.settings == session.specification.changed(alpha=0.01)
    back = session.snapshot()
    assert back.meta_step == 3
    assert all(back.params[key].equal(tensor) for key, tensor in theta.items())


def test_other_changes_stay_when_what_was_tried_goes_back(page: Page) -> None:
    settings = page.lab.session.settings
    page.press("try_alpha")
    page.set("beta", 0.01)
    page.press("try_alpha")
    assert page.lab.session.settings == settings.changed(beta=0.01)
    page.set("order", 1)
    until(lambda: page.control("try_order").get("disabled"))
    page.set("algorithm", "reptile")
    until(lambda: page.control("try_order").get("reason") == "not used by Reptile")


def test_a_step_that_the_task_does_not_have_is_its_last(page: Page) -> None:
    page.set("shown_step", 3)  # a click in the curve, which has ten
    until(lambda: page.lab.dashboard.inner_step == 1)
    assert page.control("shown_step") == {"value": 1, "high": 1}
    assert "adapted in 1 step (K): it is shown after the last" in page.message()
    page.set("shown_step", 1)
    page.set("inner_steps", 3)
    until(lambda: page.control("shown_step").get("high") == 3)
    page.set("shown_step", 3)
    until(lambda: page.lab.dashboard.inner_step == 3)
    page.set("inner_steps", 2)
    until(lambda: page.lab.dashboard.inner_step == 2)
    assert page.control("shown_step") == {"value": 2, "high": 2}


def test_branching_keeps_the_end_of_the_run_that_is_left(page: Page) -> None:
    trained(page, 6)
    page.set("look", 2)
    until(lambda: page.status().startswith("meta-step 2 "))
    page.press("fork")
    until(lambda: page.ghosts("training") == ["MAML · 6"])
    assert page.lab.session.last_step == 2


def test_each_stretch_keeps_its_colour_when_the_algorithm_changes(page: Page) -> None:
    trained(page, 4)
    page.set("algorithm", "reptile")
    until(lambda: "earlier: MAML" in [t["name"] for t in page.figures["training"]["data"]])
    page.lab.session.run(8)
    until(lambda: len(page.trace("training", "after adaptation")["y"]) == 8)
    earlier, now = (page.trace("training", n) for n in ("earlier: MAML", "after adaptation"))
    assert earlier["line"]["color"] == algorithm_color("maml")
    assert now["line"]["color"] == algorithm_color("reptile")
    assert np.isnan(now["y"]).tolist() == [True] * 3 + [False] * 5
    assert len(earlier["y"]) == 4


def test_divergence_is_said_at_once_in_words(page: Page) -> None:
    trained(page, 3)
    assert not page.message()
    page.set("beta", 3.0)
    page.lab.session.run(8)
    until(lambda: "Meta-training diverges: the query loss before adaptation is" in page.message())
    assert "take a lower β" in page.message()
    page.press("undo")
    until(lambda: not page.message())
    page.set("alpha", 10.0)
    page.lab.session.run(8)
    until(lambda: "Adaptation diverges: the query loss after" in page.message())
    assert "lower α or K" in page.message()


def test_errors_have_the_words_of_the_controls(page: Page) -> None:
    page.set("inner_steps", 1.5)
    until(lambda: page.message() == "K = 1.5: must be a whole number ≥ 0")
    page.set("alpha", 0.0)
    page.set("alpha_learned", "scalar")
    until(lambda: "inner step size" in page.message())
    assert "alpha" not in page.message()
    # what is no name of a setting stays
    assert in_words_of_the_lab("the order of alphabets") == "the order of alphabets"


def test_one_shot_and_a_pace_that_is_not_zero() -> None:
    with shown(new_session(shots=1)) as page:
        assert page.status().endswith("seed 0 · 1 shot")
        page.press("play")
        until(lambda: "meta-steps/s" in page.status() or "training" in page.status())
        assert "0.0 meta-steps/s" not in page.status()


def test_the_title_of_a_task_tells_the_wave_and_what_adaptation_does(page: Page) -> None:
    page.set("alpha", 0.1)
    until(lambda: "→" in page.title("task"))
    first = page.title("task")
    assert first.startswith("<b>One held-out task</b> · A ")
    assert ", φ " in first
    before, after = first.partition(" · loss ")[2].split(" → ")
    assert float(before) > 0
    assert float(after) != float(before)
    page.press("another")
    until(lambda: page.title("task") != first)


def test_a_pause_does_not_make_the_result_jump() -> None:
    """From the picture of few tasks to that of all, within the interval that was drawn."""
    session = Session(Settings(meta_batch=8), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=200)
    with shown(session) as page:
        until(lambda: "interval of 200" in page.title("adaptation"))
        session.run(60)
        page.set("alpha", 0.012)
        until(lambda: f"200, estimated from {QUICK_TASKS}" in page.title("adaptation"))
        estimate = page.mean()
        band = page.trace("adaptation", "95 % interval")["y"]
        steps = len(estimate)
        upper, lower = np.array(band[:steps]), np.array(band[steps:][::-1])
        until(lambda: page.title("adaptation").endswith("interval of 200"))
        settled = np.array(page.mean())
        assert (settled != estimate).any()
        assert ((lower <= settled) & (settled <= upper)).all()
