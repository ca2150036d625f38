"""The lab's controls through messages as a browser sends them, and what its page then shows."""

import threading
import time
from collections.abc import Iterator
from json import dumps
from typing import Any

import ipywidgets as w
import pytest

from labkit import Lab, Session, Settings, Sinusoid, Snapshot, Tides, sinusoid_mlp, tide_mlp
from labkit.widgets import presence, renderer
from labkit.widgets.lab import ANSWER_SECONDS, ANSWERED_SECONDS
from labkit.widgets.lab_context import MAXIMUM
from labkit.widgets.plotly_bundle import plotly_bundle
from labkit.widgets.renderer import QUICK_TASKS, SETTLE_SECONDS, OvertakenError
from tests.widgets.page import Page, new_session, shown, until

BUTTONS = {
    *("play", "inner_step", "task", "meta_step", "reset", "reseed", "undo", "redo", "live"),
    *("try_alpha", "try_order", "try_inner_steps"),
    *("fork", "pin", "unpin", "large", "more", "loading", "all_steps", "another", "own_points"),
}
CHOICES = "alpha beta inner_steps order algorithm alpha_learned meta_optimizer meta_batch shots"
OTHERS = "look export load preset tasks model measure paths shown_step by status banner message"


@pytest.fixture
def page() -> Iterator[Page]:
    with shown(new_session()) as page:
        yield page


def trained(page: Page, meta_steps: int = 1) -> None:
    for _ in range(meta_steps):
        page.press("meta_step")
        page.lab.session.wait()


def now(page: Page) -> list[float]:
    session = page.lab.session
    mean: list[float] = session.adaptation_curve(session.snapshot()).mean.tolist()
    return mean


def test_these_are_the_controls(page: Page) -> None:
    specs = [spec for group in page.lab.dashboard.controls for spec in group["controls"]]
    assert {spec["name"] for spec in specs} == {*BUTTONS, *CHOICES.split(), *OTHERS.split()}
    alpha = next(spec for spec in specs if spec["name"] == "alpha")
    assert alpha["tooltip"] == Settings.model_fields["alpha"].description


def test_nothing_trains_before_play(page: Page) -> None:
    until(lambda: page.mean() == pytest.approx(now(page)))
    assert page.lab.session.last_step == 0
    assert page.status().startswith("meta-step 0 · paused\nseed 0 · 3 shots")
    assert len(page.mean()) == 11


def test_play_and_pause(page: Page) -> None:
    page.press("play")
    until(lambda: page.control("play") == {"label": "Pause", "icon": "pause"})
    walks = ("inner_step", "task", "meta_step")
    assert {page.control(name)["reason"] for name in walks} == {"pause first"}
    until(lambda: len(page.trace("training", "after adaptation")["y"]) > 3)
    first = page.mean()
    until(lambda: page.mean() != first)
    until(lambda: "meta-steps/s" in page.status())
    page.press("play")
    page.lab.session.wait()
    until(lambda: page.control("play") == {})
    assert not any(page.control(name)["disabled"] for name in walks)
    reached = page.lab.session.last_step
    until(lambda: f"meta-step {reached:,} · paused" in page.status())
    # the last state is drawn, although curves are measured only now and then while it plays
    until(lambda: page.mean() == pytest.approx(now(page)))


def test_an_untouched_lab_measures_all_held_out_tasks_in_the_end() -> None:
    session = Session(Settings(shots=3), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=150)
    with shown(session) as page:
        until(lambda: "interval of 150" in page.title("adaptation"))
        page.set("alpha", 0.02)
        until(lambda: f"150, estimated from {QUICK_TASKS}" in page.title("adaptation"))
        until(lambda: page.title("adaptation").endswith("interval of 150"))


def test_what_is_asked_ends_the_measuring_on_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(Settings(shots=3), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=150)
    with shown(session) as page:
        until(lambda: "interval of 150" in page.title("adaptation"))
        drawing, begun, ended = page.lab._renderer, threading.Event(), threading.Event()
        end = drawing._end_if_overtaken

        def at_length() -> None:
            if begun.is_set():
                return
            begun.set()
            until(drawing._overtaken)
            try:
                end()
            except OvertakenError:
                ended.set()
                raise

        monkeypatch.setattr(drawing, "_end_if_overtaken", at_length)
        page.set("alpha", 0.02)
        assert begun.wait(20)
        page.set("alpha", 0.03)
        until(lambda: page.figures["adaptation"]["layout"]["meta"]["alpha"] == 0.03)
        assert ended.is_set()
        until(lambda: page.title("adaptation").endswith("interval of 150"))


def test_while_a_hand_moves_the_training_asks_for_no_curves(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[float] = []
    drawing = page.lab._renderer
    measure = drawing._measure_panel

    def noted(*args: Any) -> None:
        measured.append(time.monotonic())
        measure(*args)

    monkeypatch.setattr(drawing, "_measure_panel", noted)
    monkeypatch.setattr(renderer, "BY_HAND_SECONDS", 60.0)
    monkeypatch.setattr(renderer, "EVALUATION_SHARE", 1.0)
    page.press("play")
    page.set("alpha", 0.02)
    until(lambda: page.figures["adaptation"]["layout"]["meta"]["alpha"] == 0.02)
    measured.clear()
    completed_at = drawing._pace._completed_at
    until(lambda: drawing._pace._completed_at > completed_at + 2 * SETTLE_SECONDS)
    assert not measured
    monkeypatch.setattr(renderer, "BY_HAND_SECONDS", 0.0)
    until(lambda: len(measured) > 1)


def test_what_is_drawn_for_its_own_sake_gives_way_to_what_is_asked(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unit() -> Any:
        return page.figures["training"]["layout"]["meta"]["x"]

    trained(page)
    drawing = page.lab._renderer
    until(lambda: time.monotonic() - drawing._pace._completed_at > 0.5)  # all is drawn
    drawing._pace._completed_at = time.monotonic()
    monkeypatch.setattr(renderer, "MAX_LAG_SECONDS", 60.0)
    monkeypatch.setattr(drawing, "_overtaken", lambda: True)
    page.set("by", "seconds")
    until(lambda: drawing.behind)
    assert unit() == "meta_step"
    monkeypatch.setattr(drawing, "_overtaken", lambda: False)
    until(lambda: unit() == "seconds")


def test_steps_of_three_sizes(page: Page) -> None:
    session = page.lab.session
    page.set("inner_steps", 2)
    page.press("inner_step")
    until(lambda: "task 1 of 2, inner step 1" in page.status())
    until(lambda: "Training task 1 of 2" in page.title("task"))
    assert page.lab.dashboard.inner_step == 1
    page.press("task")
    until(lambda: "task 1 of 2, inner step 2" in page.status())
    page.press("task")
    until(lambda: "Training task 2 of 2" in page.title("task"))
    page.point("add", None, 0.0, 0.0)  # the support points of training are the training's own
    assert session.last_step == 0
    page.press("meta_step")
    until(lambda: "meta-step 1 · paused" in page.status())
    until(lambda: "One held-out task" in page.title("task"))
    assert page.control("own_points")["disabled"]
    assert session.last_step == 1


def test_a_reset_brings_what_was_prescribed_again_and_says_so() -> None:
    with shown(new_session(events=[[2, "alpha", 0.5], [900, "beta", 0.1]])) as page:
        trained(page, 3)
        assert page.lab.session.settings.alpha == 0.5
        for button in ("reset", "reseed"):
            page.press(button)
            assert page.lab.session.settings.alpha == 0.01
            until(
                lambda: (
                    page.message()
                    == "Scheduled changes will be re-applied, the first at meta-step 2"
                )
            )
            page.press("meta_step")
            until(lambda: page.message() == "")
        page.set("model", "100-100 ReLU")
        assert [change[0] for change in page.lab.session.ahead] == [2, 900]


def test_reset_and_new_seed(page: Page) -> None:
    session = page.lab.session
    page.set("alpha", 0.05)
    trained(page, 2)
    theta = session.snapshot().observer.initial["0.weight"]
    page.press("reset")
    until(lambda: page.status().startswith("meta-step 0"))
    until(lambda: len(page.trace("training", "after adaptation")["y"]) == 0)
    assert (session.settings.seed, session.settings.alpha) == (0, 0.05)
    page.press("reseed")
    until(lambda: "seed 1" in page.status())
    assert session.settings.seed == 1
    assert not session.snapshot().params["0.weight"].equal(theta)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0.1),
        ("beta", 0.02),
        ("inner_steps", 4),
        ("order", 1),
        ("algorithm", "anil"),
        ("algorithm", "imaml"),
        ("alpha_learned", "element"),
        ("meta_optimizer", "sgd"),
        ("meta_batch", 5),
        ("shots", 4),
    ],
)
def test_settings_are_set_shown_trained_with_and_undone(page: Page, name: str, value: Any) -> None:
    session = page.lab.session
    old = getattr(session.settings, name)
    page.set(name, value)
    until(lambda: page.control(name)["value"] == value)
    trained(page)
    assert [(e.name, e.value) for e in session.snapshot().events] == [(name, value)]
    until(lambda: any(page.trace("training", "changes")["text"]))
    page.press("undo")
    until(lambda: page.control(name)["value"] == old)
    assert session.last_step == 0
    page.press("redo")
    until(lambda: page.control(name)["value"] == value)
    assert session.last_step == 1


def test_curves_answer_while_paused(page: Page) -> None:
    trained(page)
    until(lambda: page.mean() == pytest.approx(now(page)))
    before = page.mean()
    page.set("alpha", 0.1)
    until(lambda: page.mean() != before)
    until(lambda: page.mean() == pytest.approx(now(page)))
    assert page.lab.session.last_step == 1
    page.set("inner_steps", 12)
    until(lambda: len(page.mean()) == 13)
    until(lambda: page.control("inner_steps") == {"value": 12, "high": 12})


def test_controls_follow_the_session(page: Page) -> None:
    page.lab.session.set(alpha=5.0, beta=0.02, order=1)
    until(lambda: [page.control(n)["value"] for n in ("alpha", "beta", "order")] == [5.0, 0.02, 1])


def test_a_drag_is_undone_at_once(page: Page) -> None:
    session = page.lab.session
    page.set("beta", 0.002)
    for value in (0.02, 0.03, 0.04):
        page.set("alpha", value, final=False)
    page.set("alpha", 0.05)
    page.set("alpha", 0.06)  # a separate drag
    seen = []
    while session.can_undo:
        page.press("undo")
        seen.append((session.settings.alpha, session.settings.beta))
    assert seen == [(0.05, 0.002), (0.01, 0.002), (0.01, 0.001)]
    until(lambda: page.control("undo")["disabled"])
    assert page.control("undo")["reason"] == "nothing to undo"


def test_a_slow_drag_while_it_plays_leaves_one_mark_and_is_undone_as_a_whole(page: Page) -> None:
    session = page.lab.session
    session.run(100)
    page.set("beta", 0.002)
    for alpha in (0.02, 0.03, 0.04, 0.05):
        session.run(session.last_step + 50)
        page.set("alpha", alpha, final=False)
    page.set("alpha", 0.05)
    session.run(400)
    assert len(session.snapshot().events) == 5, "the log is exact"
    until(lambda: page.marks() == ["β 0.002", "α 0.05"])
    page.press("undo")
    session.run(300)
    until(lambda: page.marks() == ["β 0.002"])


def test_in_a_drag_the_curve_comes_first_and_the_task_follows(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predicted() -> Any:
        return [t["y"] for t in page.figures["task"]["data"] if "inner_step" in t.get("meta", {})]

    trained(page)
    until(lambda: time.monotonic() - page.lab._renderer._pace._completed_at > 0.5)  # all is drawn
    page.lab._renderer._pace._completed_at = time.monotonic()
    monkeypatch.setattr(renderer, "MAX_LAG_SECONDS", 60.0)
    monkeypatch.setattr(page.lab._renderer, "_overtaken", lambda: True)
    task = predicted()
    page.set("alpha", 0.3, final=False)
    until(lambda: page.figures["adaptation"]["layout"]["meta"]["alpha"] == 0.3)
    assert predicted() == task
    # nothing else has been asked: what was left is drawn, without another move
    monkeypatch.setattr(page.lab._renderer, "_overtaken", lambda: False)
    until(lambda: predicted() != task)


def test_the_end_of_a_drag_that_stands_already_is_not_drawn_again(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried: list[int] = []
    monkeypatch.setattr(page.lab._loop, "hurry", lambda: hurried.append(1))

    def hurries(value: float, *, final: bool) -> bool:
        hurried.clear()
        page.set("alpha", value, final=final)
        return bool(hurried)

    assert hurries(0.02, final=False)
    assert not hurries(0.02, final=True)
    assert hurries(0.02, final=True), "it ends no drag"
    assert hurries(0.03, final=False)
    assert hurries(0.04, final=True), "another value"
    assert hurries(-1.0, final=False)
    assert hurries(-1.0, final=True), "refused, which has to be said"
    monkeypatch.undo()
    page.set("alpha", -2.0)
    until(lambda: "α = -2.0" in page.message())


def holds(page: Page, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Rests of the training that are asked for from now on."""
    held: list[float] = []
    monkeypatch.setattr(page.lab.session, "hold", held.append)
    return held


def test_the_training_rests_for_who_asks_until_the_answer_is_drawn(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = holds(page, monkeypatch)
    page.set("alpha", 0.02)
    page.press("play")
    assert ANSWER_SECONDS not in held, "it rested already"
    page.set("alpha", 0.03)
    assert ANSWER_SECONDS in held
    until(lambda: ANSWERED_SECONDS in held[held.index(ANSWER_SECONDS) :])
    until(lambda: held[-1] == 0)


def test_a_rest_is_not_ended_by_a_drawing_that_began_before_it(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, asked = page.lab, threading.Event()
    draw, idle = lab._renderer.draw, lab.dashboard.idle
    held = holds(page, monkeypatch)
    said: list[list[float]] = []

    def overtaken(snapshot: Snapshot) -> bool:
        more = draw(snapshot)
        if not asked.is_set() and snapshot.playing:
            asked.set()
            lab.choose("alpha", 0.05)
        return more

    def noted(**options: Any) -> bool:
        if asked.is_set():
            said.append(list(held))
        return idle(**options)

    monkeypatch.setattr(lab._renderer, "draw", overtaken)
    monkeypatch.setattr(lab.dashboard, "idle", noted)
    page.press("play")
    until(lambda: said)
    assert said[0][-1] == ANSWER_SECONDS


def test_a_drag_that_begins_with_what_is_refused_is_undone_alone(page: Page) -> None:
    session = page.lab.session
    page.set("beta", 0.002)
    page.set("alpha", -1.0, final=False)
    page.set("alpha", 0.01, final=False)  # as it is
    page.set("alpha", 0.02, final=False)
    page.set("alpha", 0.03)
    page.press("undo")
    assert (session.settings.alpha, session.settings.beta) == (0.01, 0.002)


def test_controls_that_do_not_count_say_why(page: Page) -> None:
    page.set("algorithm", "reptile")
    until(lambda: page.control("order").get("disabled"))
    assert page.control("order")["reason"] == "not used by Reptile"
    assert page.control("alpha_learned")["reason"] == "Reptile has no gradient in α"
    page.set("algorithm", "maml")
    page.set("alpha_learned", "scalar")
    reason = "α is being learned; its start value is fixed"
    until(lambda: page.control("alpha").get("reason") == reason)
    assert "disabled" not in page.control("order")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("alpha", -1.0, "α = -1.0: must be a finite number ≥ 0"),
        ("alpha", "x", "α = 'x': must be a finite number ≥ 0"),
        ("inner_steps", 1.5, "K = 1.5: must be a whole number ≥ 0"),
        ("meta_batch", 0, "meta-batch = 0: must be a whole number ≥ 1"),
        ("inner_steps", 101, "K = 101: the lab takes at most 100"),
        ("meta_batch", 1001, "meta-batch = 1,001: the lab takes at most 1,000"),
        ("shots", 1001, "shots = 1,001: the lab takes at most 1,000"),
        ("order", True, "meta-gradient = True: must be 1 or 2"),
        ("algorithm", "magic", "algorithm = 'magic': must be"),
        ("tasks", "Nothing", "tasks = 'Nothing': must be one of Sinusoid, Tides, Emoji"),
        ("model", "GPT", "model = 'GPT': must be one of 40-40 ReLU, 100-100 ReLU"),
        ("measure", "beauty", "measure = 'beauty': must be one of loss"),
        ("by", "hours", "by = 'hours': must be one of meta_step, seconds"),
        ("shown_step", None, "shown_step = None: must be a whole number"),
        ("look", "then", "look = 'then': must be a whole number"),
        ("load", "maml1.no", "this share code is cut short"),
        ("load", "hello", "'hello' does not begin a share code"),
        ("export", "pdf", "there is no export 'pdf'"),
    ],
)
def test_what_is_refused_is_told_put_back_and_forgotten(
    page: Page, name: str, value: Any, words: str
) -> None:
    before, settings = page.control(name).get("value"), page.lab.session.settings
    page.set(name, value)
    until(lambda: words in page.message())
    assert page.lab.session.settings == settings
    assert page.control(name).get("value") == before
    page.set("beta", 0.005)
    until(lambda: not page.message())


@pytest.mark.parametrize("most", MAXIMUM.items(), ids=str)
def test_whole_numbers_may_lie_ten_times_beyond_the_slider(
    page: Page, most: tuple[str, int]
) -> None:
    name, value = most
    specs = [spec for group in page.lab.dashboard.controls for spec in group["controls"]]
    assert value == 10 * next(spec["high"] for spec in specs if spec["name"] == name)
    page.set(name, value)
    until(lambda: page.control(name)["value"] == value)


def test_messages_of_no_control_change_nothing(page: Page) -> None:
    before = page.lab.session.settings
    page.set("nonsense", 1)
    page.press("nonsense")
    page.set("seed", 3)
    page.set("events", [[0, "alpha", 1.0]])
    assert page.lab.session.settings == before
    page.set("alpha", 0.03)
    assert page.lab.session.settings.alpha == 0.03


def test_look_back_return_and_fork(page: Page) -> None:
    session = page.lab.session
    trained(page, 2)
    page.set("alpha", 0.05)
    trained(page, 2)
    last = now(page)
    until(lambda: page.mean() == pytest.approx(last))
    page.say(kind="look", meta_step=1)
    until(lambda: "Viewing meta-step 1 of 4" in page.banner())
    assert page.control("alpha") == {
        "value": 0.01,
        "disabled": True,
        "reason": "viewing history: branch to change this",
    }
    assert page.control("look")["value"] == 1
    until(lambda: page.mean() == pytest.approx(now(page)))
    assert page.mean() != pytest.approx(last)
    until(lambda: page.trace("training", "cursor")["x"] == [1.0, 1.0])
    page.set("by", "seconds")
    until(lambda: 0 < page.trace("training", "cursor")["x"][0] < 1)
    page.set("by", "meta_step")
    page.press("live")
    until(lambda: "meta-step 4 · paused" in page.status())
    assert not page.banner()
    until(lambda: page.mean() == pytest.approx(last))
    page.set("look", 99)
    assert session.looking is None
    page.set("look", 1)
    page.press("fork")
    until(lambda: "meta-step 1 · paused" in page.status())
    assert (session.last_step, session.settings.alpha) == (1, 0.01)
    until(lambda: page.ghosts("adaptation") == ["MAML · 4"])
    page.press("undo")
    until(lambda: "meta-step 4 · paused" in page.status())


def test_ghosts_stay_while_the_training_goes_on(page: Page) -> None:
    assert page.control("unpin")["reason"] == "no curves are kept"
    assert page.control("unpin")["disabled"]
    page.press("pin")
    until(lambda: page.ghosts("adaptation") == ["MAML · 0"])
    pinned = page.trace("adaptation", "MAML · 0")["y"]
    assert pinned == pytest.approx(now(page))
    page.set("order", 1)
    trained(page, 3)
    until(lambda: len(page.trace("training", "after adaptation")["y"]) == 3)
    page.press("pin")
    both = ["MAML · 0", "first-order MAML · 3"]
    until(lambda: page.ghosts("adaptation") == both)
    until(lambda: page.mean() == pytest.approx(now(page)))
    assert page.trace("adaptation", "MAML · 0")["y"] == pytest.approx(pinned)
    assert page.trace("training", both[1])["y"] == page.trace("training", "after adaptation")["y"]
    assert not page.control("unpin")["disabled"]
    page.press("unpin")
    until(lambda: page.ghosts("adaptation") == [])


def test_more_ghosts_than_there_is_room_for_push_out_the_first(page: Page) -> None:
    for alpha in range(1, 8):
        page.set("alpha", alpha / 100)
        page.press("pin")
        until(lambda: page.ghosts("adaptation"))
    trained(page)
    page.press("pin")
    until(lambda: page.ghosts("adaptation") == ["MAML · 0"] * 5 + ["MAML · 1"])


def test_what_is_pinned_already_is_not_pinned_twice(page: Page) -> None:
    session = page.lab.session
    trained(page, 2)
    for _ in range(2):
        page.press("pin")
    first = session.ghosts[0]
    assert session.ghosts == (first,)
    page.press("fork")  # it pins what it leaves
    assert session.ghosts == (first,)
    assert session.pin() is first
    page.set("beta", 0.1)
    assert session.pin() is not first, "other settings"
    page.press("undo")
    page.set("look", 1)
    assert session.pin() is not first, "another meta-step"
    page.press("reset")
    trained(page, 2)
    assert session.pin() is not first, "another run"
    page.press("reset")
    page.press("pin")
    page.set("tasks", "Tides")
    session.set(alpha=0.01, meta_batch=2, shots=3)
    page.press("pin")
    assert len(session.ghosts) == 6, "other tasks"


def test_a_ghost_pinned_anew_is_measured_anew(page: Page) -> None:
    page.press("pin")
    until(lambda: page.ghosts("adaptation") == ["MAML · 0"])
    for alpha in (0.1, 0.2, 0.3):
        page.press("unpin")
        page.set("alpha", alpha)
        page.press("pin")
        until(lambda: page.ghosts("adaptation") == ["MAML · 0"])
        until(lambda: page.trace("adaptation", "MAML · 0")["y"] == pytest.approx(now(page)))


def test_large_type(page: Page) -> None:
    page.press("large")
    until(lambda: page.control("large") == {"pressed": True})
    assert page.lab.dashboard.large
    page.press("large")
    until(lambda: page.control("large") == {"pressed": False})
    assert not page.lab.dashboard.large


def test_controls_that_can_be_folded_away(page: Page) -> None:
    assert page.control("load")["hidden"]
    page.press("loading")
    until(lambda: not page.control("load")["hidden"])
    page.press("loading")
    until(lambda: page.control("load")["hidden"])
    assert page.control("algorithm").get("hidden"), "for who comes first, few are enough"
    page.press("more")
    until(lambda: not page.control("algorithm").get("hidden"))
    assert page.control("more") == {"pressed": True}
    page.press("more")
    until(lambda: page.control("algorithm").get("hidden"))


def test_the_line_for_share_codes_comes_with_the_button_that_opens_it() -> None:
    with shown(new_session(), show=["load"]) as page:
        page.press("loading")
        until(lambda: not page.control("load")["hidden"])


def test_one_inner_step_or_all(page: Page) -> None:
    page.set("inner_steps", 3)
    until(lambda: page.control("shown_step") == {"value": 3, "high": 3})
    assert page.control("all_steps") == {"pressed": True}
    page.set("shown_step", 2)
    until(lambda: page.lab.dashboard.inner_step == 2)
    assert page.control("all_steps") == {"pressed": False}
    page.press("all_steps")
    until(lambda: page.lab.dashboard.inner_step is None)
    page.press("all_steps")
    until(lambda: page.lab.dashboard.inner_step == 3)
    page.set("shown_step", 3)  # a click on the step that is shown
    until(lambda: page.lab.dashboard.inner_step is None)
    for final in (False, True):  # a drag ends with the value that it had
        page.set("shown_step", 1, final=final)
    until(lambda: page.lab.dashboard.inner_step == 1)


def test_another_task_and_support_points_by_hand(page: Page) -> None:
    first = page.trace("task", "support")
    true = page.trace("task", "true")["y"]
    assert page.figures["task"]["layout"]["meta"]["editable"]
    page.press("another")
    until(lambda: page.trace("task", "support")["x"] != first["x"])
    assert page.trace("task", "true")["y"] != true
    own = page.trace("task", "support")
    step = page.trace("task", "step 1")["y"]

    page.point("add", None, 1.5, 4.0)
    until(lambda: len(page.trace("task", "support")["x"]) == 4)
    assert page.trace("task", "support")["x"] == pytest.approx([*own["x"], 1.5], abs=1e-6)
    until(lambda: page.trace("task", "step 1")["y"] != step)
    assert not page.control("own_points")["disabled"]
    page.point("move", 3, -2.0, -4.0)
    until(lambda: page.trace("task", "support")["y"][3] == -4.0)
    page.point("remove", 0, 0.0, 0.0)
    points = [*own["x"][1:], -2.0]
    until(lambda: page.trace("task", "support")["x"] == pytest.approx(points, abs=1e-6))
    page.point("remove", 9, 0.0, 0.0)  # there is none
    page.press("own_points")
    until(lambda: page.trace("task", "support")["x"] == own["x"])
    until(lambda: page.control("own_points")["disabled"])
    page.point("remove", 0, 0.0, 0.0)
    until(lambda: len(page.trace("task", "support")["x"]) == 2)
    page.press("another")  # which has points of its own
    until(lambda: len(page.trace("task", "support")["x"]) == 3)
    assert page.lab.session.last_step == 0


def test_the_last_support_point_stays(page: Page) -> None:
    page.point("remove", 0, 0.0, 0.0)
    page.point("remove", 0, 0.0, 0.0)
    until(lambda: len(page.trace("task", "support")["x"]) == 1)
    page.point("remove", 0, 0.0, 0.0)
    until(lambda: "The last support point stays" in page.message())
    assert len(page.trace("task", "support")["x"]) == 1


def test_what_is_shown_of_the_held_out_tasks_can_be_chosen(page: Page) -> None:
    assert page.control("measure")["hidden"]  # sinusoids have the loss alone
    session = Session(Settings(meta_batch=2), model=tide_mlp, tasks=Tides, test_tasks=5)
    with shown(session) as tides:
        assert [value for value, _ in tides.control("measure")["options"]] == [
            "rmse_ft",
            "mae_ft",
            "loss",
        ]
        assert not tides.control("measure")["hidden"]
        assert tides.y_title("adaptation") == "query rmse ft"
        feet = tides.mean()
        tides.set("measure", "loss")
        until(lambda: tides.y_title("adaptation") == "query loss")
        assert tides.mean() == pytest.approx(now(tides))
        assert tides.mean() != feet


def test_the_losses_over_meta_steps_or_seconds(page: Page) -> None:
    trained(page, 3)
    until(lambda: page.trace("training", "after adaptation")["x"] == [1.0, 2.0, 3.0])
    page.set("by", "seconds")
    until(lambda: page.trace("training", "after adaptation")["x"][-1] < 3)
    assert page.figures["training"]["layout"]["meta"]["x"] == "seconds"


def test_controls_left_out_or_locked() -> None:
    shown_names = ["alpha", "order", "play"]
    with shown(new_session(), show=shown_names, lock=["alpha"]) as page:
        hidden = {n for n, state in page.lab.dashboard.state.items() if state.get("hidden")}
        names = {*BUTTONS, *CHOICES.split(), *OTHERS.split()}
        # banner and message are there, but have nothing to say
        assert hidden == names - {*shown_names, "status"}
        alpha = page.control("alpha")
        assert (alpha["disabled"], alpha["reason"]) == (True, "locked for this lesson")
        page.set("alpha", 0.5)
        page.set("beta", 0.5)
        page.press("meta_step")
        assert page.lab.session.settings == new_session().settings
        assert page.lab.session.last_step == 0
        page.set("order", 3)
        until(lambda: "meta-gradient = 3" in page.message())


@pytest.mark.parametrize("argument", ["show", "lock"])
@pytest.mark.parametrize("value", [["alfa"], "alpha"])
def test_names_of_no_control(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{argument} must be a list of names of controls"):
        Lab(new_session(), **{argument: value})


def test_two_pages_show_one_lab(page: Page) -> None:
    second = Page(page.lab, "w")
    assert second.figures.keys() == {"adaptation", "task", "training"}
    second.set("alpha", 0.2)
    until(lambda: page.control("alpha")["value"] == 0.2)
    until(lambda: second.mean() == pytest.approx(now(page)))


def test_a_page_that_comes_late_gets_the_present_picture() -> None:
    lab = Lab(new_session())
    try:
        lab.press("meta_step")
        lab.session.wait()
        until(lambda: "meta-step 1" in str(lab.dashboard.state["status"]))
        page = Page(lab)
        until(lambda: page.mean() == pytest.approx(now(page)))
    finally:
        lab.close()
        lab.session.close()


def test_calls_do_what_messages_do() -> None:
    lab = Lab(new_session())
    try:
        lab.choose("alpha", 0.02, final=False)
        lab.choose("alpha", 0.03)
        lab.press("undo")
        assert lab.session.settings.alpha == 0.01
        lab.press("play")
        assert lab.session.playing
    finally:
        lab.close()
        lab.session.close()


def test_closing_frees_threads_and_widgets() -> None:
    first = Lab(new_session())  # has made the bundle, which all labs share
    before = set(w.widget._instances)
    with shown(new_session()) as page:
        page.press("play")
        page.lab.close()
        page.lab.close()  # once more is harmless
        assert page.lab.session.playing, "closing a lab ends its own drawing only"
        page.lab.session.close()
        assert not page.lab.session.playing
        page.press("play")  # a message that was under way
        page.lab.session.close()
    assert set(w.widget._instances) <= before
    first.close()
    assert not any(t.name.startswith("maml-lab") for t in threading.enumerate())


def test_a_picture_for_what_is_saved(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    image = {"task": "data:image/svg+xml,%3Csvg%3E"}
    page.say(kind="picture", images=image)  # nothing was shown that it could replace
    page.lab.show_still()
    until(lambda: any(message["kind"] == "snapshot" for message, _ in page.asked))
    page.say(kind="picture", images=image)
    assert image["task"] in page.lab._still.html
    assert "HTML" in capsys.readouterr().out
    still = {"kind": "still", "mark": page.lab._still.mark, "html": page.lab._still.html}
    assert page.asked[-1] == (still, [])
    assert still["mark"] in still["html"]
    assert Page(page.lab).asked == [(still, [])], "a page that has loaded the notebook again"


def test_pages_hear_of_a_lab_and_its_content_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that connects between two parts would wait in vain for the first that it has missed."""
    plotly_bundle()
    before = set(w.widget._instances)
    at_first_picture: list[set[str]] = []
    draw = Lab._draw

    def spy(lab: Lab) -> bool:
        more = draw(lab)
        at_first_picture.append(set(w.widget._instances))
        return more

    monkeypatch.setattr(Lab, "_draw", spy)
    lab = Lab(new_session())
    assert at_first_picture[0] == before
    assert {lab.model_id, lab.dashboard.model_id} < set(w.widget._instances)
    lab.close()


def test_a_lab_that_no_page_shows_any_longer_pauses(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "ROLL_SECONDS", 0.05)
    session = page.lab.session
    page.press("play")
    page.say(kind="gone")  # of two views, and the other one answers
    page.say(kind="here")
    until(lambda: not rolls())
    assert session.playing
    with shown(session) as other:
        page.say(kind="gone")
        until(lambda: not rolls())
        assert session.playing, "another lab shows it"
        other.say(kind="gone")
        until(lambda: not session.playing)
    page.say(kind="ready")
    page.press("play")
    page.say(kind="gone")
    until(lambda: not session.playing)


def rolls() -> bool:
    return any(thread.name == "maml-lab-roll" for thread in threading.enumerate())


def test_a_page_loads_little_state_for_a_lab() -> None:
    """What a busy kernel has to send, and a busy page to read, before any lab is seen."""
    lab = Lab(new_session())
    parts = (lab, lab.layout, lab.dashboard, lab.dashboard.layout, plotly_bundle())
    state = {part.model_id: part.get_state() for part in parts}
    json, _, buffers = w.widget._remove_buffers(state)
    assert len(dumps(json)) + sum(map(len, buffers)) < 160_000
    lab.close()


def test_what_a_lab_is_in_text() -> None:
    lab = Lab(new_session())
    words = {"text/plain": "MAML Lab (live in a notebook with widgets)"}
    live = lab._repr_mimebundle_()
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == lab.model_id
    assert live.items() > words.items()
    assert lab.children == (lab.dashboard,)
    lab.close()
    assert repr(lab) == words["text/plain"]
