"""The lab with other tasks and models, and with ones that fail."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labkit import (
    PRESETS,
    Emoji,
    Lab,
    Session,
    Settings,
    Sinusoid,
    Tides,
    image_mlp,
    sinusoid_mlp,
    tide_mlp,
)
from labkit.session import ClassificationSettings
from labkit.session.catalog import PROBLEMS
from labkit.session.sharing.recipe import Recipe
from labkit.session.sharing.share import share_code
from tests.widgets.page import Page, new_session, shown, until


class Fragile(nn.Module):
    """The network of the sinusoids, which breaks on request."""

    broken = False

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.inner = sinusoid_mlp(generator)

    def forward(self, x: Tensor) -> Tensor:
        if Fragile.broken:
            raise RuntimeError("out of order")
        y: Tensor = self.inner(x)
        return y


class Moody:
    """Sinusoids whose picture, measure or data may fail."""

    fails = ""

    def __init__(self, shots: int) -> None:
        self._family = Sinusoid(shots=shots)
        self.loss = self._family.loss

    def sample(self, *arguments: Any) -> Any:
        self._may_fail("sample")
        return self._family.sample(*arguments)

    def portrait(self, task: Any, predictors: Any) -> Any:
        self._may_fail("portrait")
        return self._family.portrait(task, predictors)

    def metrics(self, predict: Any, batch: Any) -> dict[str, Tensor]:
        self._may_fail("metrics")
        return {"off": (predict(batch[0]) - batch[1]).abs().mean()}

    @classmethod
    def _may_fail(cls, what: str) -> None:
        if cls.fails == what:
            raise ZeroDivisionError(f"no {what} today")


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(Moody, "fails", "")
    return Session(Settings(meta_batch=2, shots=3), model=sinusoid_mlp, tasks=Moody, test_tasks=10)


def kinds(page: Page, panel: str) -> set[str]:
    return {trace["type"] for trace in page.figures[panel]["data"]}


def test_from_ones_own_tasks_to_others_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROBLEMS["Emoji"].options, "test_tasks", 2)
    session = Session(
        Settings(meta_batch=2, alpha=0.03, seed=4, events=((9, "order", 1),)),
        model=sinusoid_mlp,
        tasks=lambda shots: Sinusoid(shots=shots, amplitude=(1.0, 2.0)),
        test_tasks=10,
    )
    home = session.source
    with shown(session) as page:
        assert page.control("tasks")["value"] == "custom"
        assert page.control("model")["reason"] == "these tasks came with their model"
        page.press("pin")
        page.press("meta_step")
        session.wait()

        page.set("tasks", "Emoji")
        until(lambda: page.control("tasks")["value"] == "Emoji")
        until(lambda: "image" in kinds(page, "task"))
        assert page.control("model") == {
            "value": "conv4",
            "options": [["conv4", "conv4"], ["dense", "dense"]],
            "hidden": True,
        }
        until(lambda: page.y_title("adaptation") == "query accuracy")
        assert (session.settings.seed, session.last_step) == (4, 0)
        until(lambda: page.ghosts("adaptation") == page.ghosts("training") == [])
        assert ["proto_maml", "Proto-MAML"] in map(list, page.control("algorithm")["options"])
        until(lambda: not page.figures["task"]["layout"]["meta"]["editable"])
        page.point("add", None, 0.0, 0.0)

        page.set("model", "dense")
        until(lambda: page.control("model")["value"] == "dense")
        page.set("shots", 2)
        page.set("algorithm", "proto_maml")
        page.press("meta_step")
        session.wait(60)
        until(lambda: page.status().startswith("meta-step 1"))
        assert not page.message()

        page.set("tasks", "Tides")
        until(lambda: page.control("tasks")["value"] == "Tides")
        until(lambda: page.y_title("adaptation") == "query rmse ft")
        assert ["proto_maml", "Proto-MAML"] not in map(list, page.control("algorithm")["options"])
        page.set("measure", "mae_ft")
        until(lambda: page.y_title("adaptation") == "query mae ft")

        page.set("tasks", "custom")
        until(lambda: page.control("tasks")["value"] == "custom")
        until(lambda: page.ghosts("adaptation") == ["MAML · 0"])
        until(lambda: page.y_title("adaptation") == "query loss")
        until(lambda: page.figures["task"]["layout"]["meta"]["editable"])
        assert session.source is home
        assert (session.settings.alpha, session.settings.seed) == (0.03, 4)
        assert session.ahead == ((9, "order", 1),)

        page.press("undo")
        until(lambda: page.control("tasks")["value"] == "Tides")
        until(lambda: page.y_title("adaptation") == "query rmse ft")


def test_the_usual_tasks_and_models_have_their_names() -> None:
    with shown(new_session()) as page:
        assert page.control("tasks") == {"value": "Sinusoid", "hidden": True}
        assert page.control("model")["value"] == "40-40 ReLU"
        page.set("model", "100-100 ReLU")
        until(lambda: page.control("model")["value"] == "100-100 ReLU")
        assert page.lab.session.snapshot().params["0.weight"].shape == (100, 1)


def test_what_a_share_code_brings() -> None:
    code = share_code(
        Recipe(
            Settings(alpha=0.07, meta_batch=2, events=((2, "order", 1),)),
            3,
            tasks="Tides",
            model="tide_mlp",
        )
    )
    with shown(new_session()) as page:
        session = page.lab.session
        page.set("load", f"  {code}\n")
        session.wait(60)
        until(lambda: "meta-step 3 · paused" in page.status())
        assert page.control("tasks")["value"] == "Tides"
        assert page.control("alpha")["value"] == 0.07
        assert page.control("order")["value"] == 1
        other = Session(session.recipe().settings, model=tide_mlp, tasks=Tides)
        other.run(3)
        for name, tensor in other.snapshot().params.items():
            assert tensor.equal(session.snapshot().params[name])


@pytest.mark.parametrize("asked", [{"inner_steps": 10**9}, {"events": ((2, "meta_batch", 10**9),)}])
def test_a_share_code_that_asks_for_all_memory_is_refused(asked: dict[str, Any]) -> None:
    code = share_code(Recipe(Settings(**asked), 3, tasks="Sinusoid", model="sinusoid_mlp"))
    with shown(new_session()) as page:
        page.set("load", code)
        until(lambda: "1,000,000,000: the lab takes at most" in page.message())
        assert page.lab.session.last_step == 0
        page.press("meta_step")
        until(lambda: "meta-step 1 · paused" in page.status())


def test_a_trainers_exception_is_told_and_the_training_can_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = Settings(meta_batch=2, shots=3)
    session = Session(start, model=Fragile, tasks=Sinusoid, test_tasks=5)
    with shown(session) as page:
        page.press("play")
        until(lambda: session.last_step > 2)
        monkeypatch.setattr(Fragile, "broken", True)
        until(lambda: "out of order" in page.message() and not session.playing)
        stopped = session.snapshot()
        monkeypatch.setattr(Fragile, "broken", False)
        page.set("beta", 0.002)
        # that is drawn: what was being drawn before has failed by now, and said so
        until(lambda: page.control("beta")["value"] == 0.002)
        page.set("beta", 0.003)  # what was said of the drawing is forgotten
        until(lambda: page.message() == "Training stopped: RuntimeError: out of order")
        assert page.control("play") == {}
        assert all(tensor.isfinite().all() for tensor in stopped.params.values())
        page.press("meta_step")
        session.wait()
        until(lambda: page.status().startswith(f"meta-step {stopped.meta_step + 1:,} "))
        until(lambda: not page.message())


def test_numbers_that_are_none_stop_the_training_at_the_last_good_state() -> None:
    with shown(new_session()) as page:
        session = page.lab.session
        page.press("meta_step")
        session.wait()
        good = session.snapshot().params
        page.set("alpha", 1e30)
        page.set("inner_steps", 3)
        page.press("play")
        until(lambda: "Training stopped: meta-step 2 has a" in page.message())
        assert page.control("play") == {}
        stopped = session.snapshot()
        assert stopped.meta_step == 1
        assert all(tensor.equal(good[name]) for name, tensor in stopped.params.items())
        assert not any(value > 1e300 for value in page.mean())
        page.set("alpha", 0.01)
        page.press("play")
        until(lambda: session.last_step > 1)
        until(lambda: not page.message())


@pytest.mark.parametrize("what", ["portrait", "metrics"])
def test_what_cannot_be_drawn_is_named_and_the_lab_goes_on(
    moody: Session, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shown(moody) as page:
        first = page.trace("task", "true")["y"], page.mean()
        monkeypatch.setattr(Moody, "fails", what)
        page.press("another")
        page.set("alpha", 0.02)
        words = f"Drawing failed. ZeroDivisionError: no {what} today"
        until(lambda: page.message() == words)
        page.press("play")
        until(lambda: len(page.trace("training", "after adaptation")["y"]) > 3)
        page.press("play")
        monkeypatch.setattr(Moody, "fails", "")
        page.press("another")
        until(lambda: page.trace("task", "true")["y"] != first[0])
        until(lambda: page.mean() != first[1])
        until(lambda: not page.message())


def test_a_first_task_that_cannot_be_drawn(moody: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Moody, "fails", "portrait")
    with shown(moody) as page:
        until(lambda: "no portrait today" in page.message())
        page.point("add", None, 0.0, 0.0)
        until(lambda: page.message() == "ZeroDivisionError: no portrait today")
        monkeypatch.setattr(Moody, "fails", "")
        page.press("another")
        until(lambda: any(trace["name"] == "support" for trace in page.figures["task"]["data"]))
        assert page.figures["task"]["layout"]["meta"]["editable"]
        until(lambda: not page.message())


def test_tasks_that_fail_while_looking_back(
    moody: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shown(moody) as page:
        for _ in range(3):
            page.press("meta_step")
            moody.wait()
        monkeypatch.setattr(Moody, "fails", "sample")
        page.say(kind="look", meta_step=2)
        until(
            lambda: (
                "Viewing that meta-step failed. ZeroDivisionError: no sample today"
                in page.message()
            )
        )
        until(lambda: moody.looking is None)
        monkeypatch.setattr(Moody, "fails", "")
        page.say(kind="look", meta_step=1)
        until(lambda: "Viewing meta-step 1 of 3" in page.banner())


def test_settings_that_tasks_do_not_serve_are_refused() -> None:
    session = Session(
        ClassificationSettings(ways=2, meta_batch=1),
        model=lambda generator: image_mlp(generator, ways=2, inputs=3 * 32 * 32),
        tasks=Emoji,
        batch_norm="transductive",
        test_tasks=2,
        test_steps=1,
    )
    with shown(session) as page:
        page.set("shots", 1000)
        until(page.message)
        assert session.settings.shots == 1
        assert page.control("shots")["value"] == 1


def test_tasks_without_a_picture_can_be_left_for_ones_with() -> None:
    family = Sinusoid(shots=3)

    class Plain:
        sample, loss = family.sample, family.loss

    session = Session(
        Settings(meta_batch=2, shots=3), model=sinusoid_mlp, tasks=lambda **_: Plain(), test_tasks=5
    )
    with shown(session) as page:
        assert [trace["name"] for trace in page.figures["task"]["data"]] == ["nothing"]
        page.set("tasks", "Sinusoid")
        until(lambda: len(page.figures["task"]["data"]) > 1)
        page.set("tasks", "custom")
        until(lambda: len(page.figures["task"]["data"]) == 1)


def test_a_lab_of_a_session_that_has_trained() -> None:
    session = new_session()
    session.run(3)
    lab = Lab(session)
    try:
        page = Page(lab)
        assert len(page.trace("training", "after adaptation")["y"]) == 3
    finally:
        lab.close()


def test_a_prepared_session_is_opened_from_the_menu_and_says_what_to_watch() -> None:
    with shown(new_session(seed=7)) as page:
        session = page.lab.session
        page.set("preset", "first-order-bias")
        until(lambda: page.message() == PRESETS["first-order-bias"].watch)
        assert page.control("tasks")["value"] == "Two rails"
        assert (session.settings, session.last_step) == (
            PRESETS["first-order-bias"].recipe.settings,
            0,
        )
        page.set("order", 2)
        until(lambda: page.control("order")["value"] == 2)
        assert page.message() == PRESETS["first-order-bias"].watch
        for _ in range(2):
            page.press("undo")
        until(lambda: page.control("tasks")["value"] == "Sinusoid")
        until(lambda: not page.message())
        assert session.settings.seed == 7
        page.set("preset", "nothing")
        until(lambda: "must be one of first-order-bias" in page.message())
