"""The dashboard's controls in a real browser, by mouse and by keyboard, without Jupyter."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

import labkit.widgets.controls
from labkit.widgets.controls import (
    Button,
    Control,
    Field,
    Group,
    Menu,
    Segments,
    Select,
    Slider,
    Text,
    Toggle,
    specification,
)
from tests.browser.jupyterlab import browser_page

FOLDER = Path(labkit.widgets.controls.__file__).parent

BUTTONS: tuple[Control, ...] = (
    Button(name="play", label="Play", tooltip="Train", icon="play", primary=True, debounce=True),
    Menu(
        name="step",
        label="Step",
        tooltip="One step while paused",
        icon="step",
        items=(("inner", "inner step"), ("task", "task"), ("meta", "meta-step")),
    ),
    Button(name="reset", label="Reset", tooltip="Back to meta-step 0", icon="reset"),
    Button(name="new_seed", label="New seed", tooltip="Other tasks and θ₀", icon="dice"),
    Button(name="undo", label="Undo", tooltip="Take a change back", icon="undo", compact=True),
    Button(name="redo", label="Redo", tooltip="Change it again", icon="redo", compact=True),
    Text(name="status", live=False),
    Button(name="pin", label="Pin", tooltip="Keep these curves in sight", icon="pin"),
    Button(name="fork", label="Fork", tooltip="A second lab from here", icon="fork"),
    Menu(
        name="export",
        label="Export",
        tooltip="Take it with you",
        icon="export",
        items=(("png", "picture (PNG)"), ("parameters", "parameters")),
    ),
    Toggle(name="large", label="Large type", tooltip="For a lecture", icon="type", compact=True),
)
SLIDERS: tuple[Control, ...] = (
    Slider(name="alpha", label="α", tooltip="inner step size α", low=1e-4, high=1.0),
    Slider(name="beta", label="β", tooltip="meta step size β", low=1e-5, high=1e-1),
    Slider(
        name="inner_steps",
        label="inner steps",
        tooltip="gradient steps K",
        low=0,
        high=10,
        scale="linear",
        whole=True,
    ),
    Segments(
        name="order",
        label="order",
        tooltip="2: exact; 1: first-order approximation",
        options=((1, "1 first-order"), (2, "2 exact")),
    ),
)
CHOICES: tuple[Control, ...] = (
    Select(
        name="algorithm",
        label="algorithm",
        tooltip="what is trained",
        options=(("maml", "MAML"), ("anil", "ANIL"), ("reptile", "Reptile"), ("imaml", "iMAML")),
    ),
    Select(
        name="alpha_learned",
        label="α learned",
        tooltip="α is meta-learned",
        options=(("no", "no"), ("scalar", "one for all"), ("element", "per element")),
    ),
    Select(
        name="meta_optimizer",
        label="meta-optimiser",
        tooltip="what moves θ",
        options=(("adam", "Adam"), ("sgd", "SGD")),
    ),
    Slider(name="meta_batch", label="meta-batch", tooltip="tasks", low=1, high=1000, whole=True),
    Slider(
        name="shots", label="shots", tooltip="points", low=1, high=50, scale="linear", whole=True
    ),
    Select(
        name="tasks",
        label="tasks",
        tooltip="p(T)",
        options=(("sinusoid", "Sinusoid"), ("emoji", "Emoji"), ("tides", "Tides")),
        confirm="restarts training",
    ),
    Select(
        name="model",
        label="model",
        tooltip="the network",
        options=(("40", "MLP 40-40"), ("80", "MLP 80-80")),
        confirm="restarts training",
    ),
)
HEADERS = (
    Group(
        "adaptation",
        (Select(name="measure", label="shown", options=((0, "loss"), (1, "hits"))),),
    ),
    Group("task", (Button(name="another", label="New task", icon="shuffle"),)),
    Group(
        "training",
        (
            Segments(name="x", label="x", options=(("m", "meta-steps"), ("s", "seconds"))),
            Toggle(name="live", label="Live", icon="live"),
            Field(name="note", label="note", tooltip="kept with the run"),
        ),
    ),
)
GROUPS = (Group("top", BUTTONS), Group("top", SLIDERS), Group("top", CHOICES), *HEADERS)
STATE: dict[str, dict[str, Any]] = {
    "status": {"value": ["meta-step 1,234 · paused", "seed 0 · 10 shots · 25 tasks · ADAM"]},
    "alpha": {"value": 0.01},
    "beta": {"value": 0.001},
    "inner_steps": {"value": 1},
    "order": {"value": 2},
    "algorithm": {"value": "maml"},
    "alpha_learned": {"value": "no"},
    "meta_optimizer": {"value": "adam"},
    "meta_batch": {"value": 25},
    "shots": {"value": 10},
    "tasks": {"value": "sinusoid"},
    "model": {"value": "40"},
    "measure": {"value": 0},
    "x": {"value": "m"},
    "note": {"value": "first"},
}


class Controls:
    """The controls on a page, with what they have sent."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def show(self, groups: tuple[Group, ...] = GROUPS) -> None:
        script, style = ((FOLDER / f"controls.{kind}").read_text() for kind in ("js", "css"))
        # in a document of its own: the handle of a slider else drags as in the one before
        self.page.goto("about:blank")
        self.page.set_content(
            f"""<style>{style} body {{margin: 8px}} .maml-lab {{display: grid; gap: 12px}}</style>
            <div class="maml-lab"></div><p>elsewhere</p><script>{{
              {script}
              window.sent = [];
              const emit = (message) => sent.push({{...message, at: performance.now()}});
              window.lab = labControls({json.dumps(specification(groups))}, emit);
              document.querySelector(".maml-lab").append(...Object.values(lab.places));
            }}</script>"""
        )
        self.state(**STATE)

    def state(self, **state: dict[str, Any]) -> None:
        self.page.evaluate("(state) => lab.update(state)", state)

    def sent(self) -> list[dict[str, Any]]:
        """What was sent since the last call, without the times."""
        messages = self.page.evaluate("() => sent.splice(0)")
        return [{k: v for k, v in m.items() if k != "at"} for m in messages]

    def values(self) -> list[tuple[object, bool]]:
        return [(message["value"], message["final"]) for message in self.sent()]

    def chosen(self) -> list[object]:
        """The final values that were sent since the last call; how many came before depends."""
        return [value for value, final in self.values() if final]

    def slider(self, name: str) -> Locator:
        return self.page.get_by_role("slider", name=name, exact=True)

    def typed(self, name: str) -> Locator:
        return self.page.get_by_role("textbox", name=f"{name}, typed value", exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def grab(self, name: str) -> tuple[float, float, float]:
        """Press the mouse in the middle of a slider: x, y and the slider's width."""
        box = self.slider(name).bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        return x, y, box["width"]


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    with browser_page(chromium, 1116, 700) as opened:
        yield opened.page
        assert opened.errors == []


@pytest.fixture
def controls(page: Page) -> Controls:
    page.mouse.move(0, 0)
    shown = Controls(page)
    shown.show()
    return shown


def test_all_controls_have_roles_labels_and_tooltips(controls: Controls) -> None:
    page = controls.page
    for name, value in (("α", "0.01"), ("β", "0.001"), ("inner steps", "1"), ("meta-batch", "25")):
        expect(controls.slider(name)).to_have_attribute("aria-valuetext", value)
        expect(controls.typed(name)).to_have_value(value)
    expect(page.get_by_label("algorithm")).to_have_value("MAML")
    order = page.get_by_role("radiogroup", name="order")
    expect(order.get_by_role("radio", name="2 exact")).to_be_checked()
    expect(page.get_by_role("status")).to_contain_text("meta-step 1,234")
    expect(page.get_by_role("status").locator("div")).to_have_count(2)
    expect(controls.button("Undo")).to_have_text("")
    expect(controls.button("Reset")).to_have_text("Reset")
    expect(controls.button("Large type")).to_have_attribute("aria-pressed", "false")
    expect(controls.slider("α")).to_have_attribute("aria-description", "inner step size α")
    assert page.locator("[title='inner step size α']").count() == 1
    assert page.locator("svg").count() == page.locator("[aria-hidden=true] > svg").count() > 10


def test_arrow_keys_move_a_log_slider_by_positions_and_tell_once_when_released(
    controls: Controls,
) -> None:
    alpha = controls.slider("α")
    # 10^(-2 + 0.01) = 0.01023, from there a third of a decade: 10^(-2 + 0.01 + 0.33) = 0.02188
    alpha.press("ArrowRight")
    assert controls.chosen() == [0.0102]
    alpha.press("PageUp")
    assert controls.chosen()[-1] == 0.0219
    alpha.press("PageDown")
    alpha.press("ArrowDown")
    assert controls.chosen()[-1] == 0.01
    expect(alpha).to_have_attribute("aria-valuetext", "0.01")
    alpha.press("End")
    assert controls.chosen()[-1] == 1
    alpha.press("End")
    alpha.press("Tab")
    assert controls.sent() == []


def test_arrow_keys_move_whole_numbers_one_by_one(controls: Controls) -> None:
    controls.slider("inner steps").press("ArrowUp")
    assert controls.sent()[-1] == {
        "kind": "set",
        "name": "inner_steps",
        "value": 2,
        "final": True,
    }
    batch = controls.slider("meta-batch")
    batch.press("Home")
    for _ in range(3):
        batch.press("ArrowRight")
    assert controls.chosen() == [1, 2, 3, 4]


def test_a_held_key_tells_the_last_value_as_final(controls: Controls) -> None:
    alpha = controls.slider("α")
    alpha.focus()
    for _ in range(30):
        controls.page.keyboard.down("ArrowRight")
    controls.page.keyboard.up("ArrowRight")
    values = controls.values()
    assert values[-1] == (0.02, True)  # 10^(-2 + 0.3)
    assert not any(final for _, final in values[:-1])


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("1e-3", 0.001, "0.001"),
        ("0,02", 0.02, "0.02"),
        (" .5 ", 0.5, "0.5"),
        ("5", 5, "5"),
        ("1E-5", 1e-5, "0.00001"),
        ("2e-7", 2e-7, "2e-7"),
        ("0.0123456", 0.0123456, "0.0123456"),
        ("−1", -1, "-1"),
    ],
)
@pytest.mark.parametrize("key", ["Enter", "Tab"])
def test_typed_values_are_taken(
    controls: Controls, text: str, value: float, shown: str, key: str
) -> None:
    alpha = controls.typed("α")
    alpha.fill(text)
    assert controls.sent() == []
    alpha.press(key)
    assert controls.values() == [(value, True)]
    expect(controls.slider("α")).to_have_attribute("aria-valuetext", shown)
    expect(controls.typed("α")).to_have_value(shown)


def test_a_typed_value_may_lie_beyond_the_slider(controls: Controls) -> None:
    controls.typed("α").fill("3")
    controls.typed("α").press("Enter")
    expect(controls.typed("α")).to_have_value("3")
    expect(controls.slider("α")).to_have_value("400")
    controls.slider("α").press("ArrowRight")
    assert controls.chosen() == [3]
    controls.slider("α").press("ArrowLeft")
    assert controls.chosen() == [0.977]  # 10^-0.01


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("α", "abc", "“abc” is not a number"),
        ("α", "1e999", "“1e999” is not a number"),
        ("α", "1,000.5", "“1,000.5” is not a number"),
        ("α", "", "a number is needed"),
        ("inner steps", "2.5", "whole numbers only"),
        ("meta-batch", "1,000", "whole numbers only"),
    ],
)
def test_text_that_is_no_number_is_said_in_place(
    controls: Controls, name: str, text: str, message: str
) -> None:
    field = controls.typed(name)
    before = field.input_value()
    field.fill(text)
    field.press("Enter")
    expect(controls.page.get_by_role("alert").filter(has_text=message)).to_be_visible()
    expect(field).to_have_value(before)
    assert controls.sent() == []
    field.press("1")
    expect(controls.page.get_by_role("alert").filter(has_text=message)).to_have_count(0)


def test_escape_restores_a_typed_value(controls: Controls) -> None:
    controls.typed("α").fill("0.5")
    controls.typed("α").press("Escape")
    controls.typed("α").press("Tab")
    expect(controls.typed("α")).to_have_value("0.01")
    assert controls.sent() == []


def test_the_kernel_does_not_overwrite_what_is_being_typed(controls: Controls) -> None:
    field = controls.typed("α")
    field.focus()
    controls.state(alpha={"value": 0.02})
    expect(field).to_have_value("0.02")
    field.fill("0.3")
    controls.state(alpha={"value": 0.03})
    expect(field).to_have_value("0.3")
    expect(controls.slider("α")).to_have_attribute("aria-valuetext", "0.03")
    field.press("Escape")
    expect(field).to_have_value("0.03")


def test_a_drag_has_one_message_unanswered_and_ends_with_the_final_value(
    controls: Controls,
) -> None:
    x, y, width = controls.grab("α")
    for move in range(1, 40):
        controls.page.mouse.move(x + move, y)
    controls.page.mouse.move(x + width / 4, y)
    controls.page.mouse.up()
    controls.page.wait_for_function("() => sent.at(-1).final")
    messages = controls.page.evaluate("() => sent.splice(0)")
    *dragged, last = messages
    assert dragged
    assert not any(message["final"] for message in dragged)
    assert last["final"]
    assert last["value"] == pytest.approx(
        0.117, rel=0.1
    )  # a quarter of the way that the handle has
    times = [message["at"] for message in dragged]
    assert all(later - earlier >= 99 for earlier, later in itertools.pairwise(times))
    expect(controls.typed("α")).to_have_value(str(last["value"]))


def test_an_echo_answers_a_message_of_a_drag_and_does_not_move_the_slider(
    controls: Controls,
) -> None:
    x, y, _ = controls.grab("α")
    page = controls.page
    page.wait_for_function("() => sent.length === 0")
    page.mouse.move(x + 20, y)
    page.wait_for_function("() => sent.length === 1")
    page.mouse.move(x + 40, y)
    # the echo comes before 100 ms have passed, and brings the next message at once
    times = page.evaluate(
        """async () => {
          lab.update({alpha: {value: sent[0].value}});
          const started = performance.now();
          while (sent.length < 2) await new Promise(requestAnimationFrame);
          return performance.now() - started;
        }"""
    )
    assert times < 90
    first, second = (message["value"] for message in page.evaluate("() => sent"))
    assert first < second
    controls.state(alpha={"value": 0.0005})
    expect(controls.typed("α")).to_have_value(str(second))
    page.mouse.up()
    page.wait_for_function("() => sent.at(-1).final")
    assert controls.values()[-1] == (second, True)
    # an older value that is still on its way does not move it either; the answer frees it
    controls.state(alpha={"value": first})
    expect(controls.typed("α")).to_have_value(str(second))
    controls.state(alpha={"value": second})
    controls.state(alpha={"value": 0.07})
    expect(controls.typed("α")).to_have_value("0.07")


def test_a_drag_that_ends_where_it_began_ends(controls: Controls) -> None:
    x, y, _ = controls.grab("α")
    controls.page.mouse.move(x + 40, y)
    controls.page.wait_for_function("() => sent.length === 1")
    controls.page.mouse.move(x, y)
    controls.page.mouse.move(x, y + 60)
    controls.page.mouse.up()
    controls.page.wait_for_function("() => sent.at(-1).final")
    assert controls.values()[-1] == (0.01, True)
    controls.state(alpha={"value": 0.02})
    expect(controls.typed("α")).to_have_value("0.02", timeout=3000)


def test_a_value_that_the_kernel_refuses_is_put_back(controls: Controls) -> None:
    controls.typed("α").fill("-1")
    controls.typed("α").press("Enter")
    expect(controls.typed("α")).to_have_value("-1")
    expect(controls.typed("α")).to_have_value("0.01", timeout=3000)


def test_low_and_high_of_a_slider_may_change(controls: Controls) -> None:
    expect(controls.slider("α")).to_have_value("200")
    controls.state(alpha={"value": 0.01, "low": 1e-3})
    expect(controls.slider("α")).to_have_value("100")
    expect(controls.slider("α")).to_have_attribute("max", "300")


def test_select_sends_and_follows(controls: Controls) -> None:
    select = controls.page.get_by_label("algorithm")
    select.select_option("ANIL")
    assert controls.values() == [("anil", True)]
    controls.state(algorithm={"value": "reptile"})
    expect(select).to_have_value("Reptile", timeout=3000)
    controls.state(algorithm={"value": "maml", "options": [["maml", "MAML"], ["proto", "Proto"]]})
    expect(select.locator("option")).to_have_text(["MAML", "Proto"])
    select.focus()
    select.press("ArrowDown")
    assert controls.values() == [("proto", True)]


def test_segments_by_mouse_and_keyboard(controls: Controls) -> None:
    first = controls.page.get_by_role("radio", name="1 first-order")
    second = controls.page.get_by_role("radio", name="2 exact")
    expect(first).to_have_attribute("tabindex", "-1")
    first.click()
    assert controls.values() == [(1, True)]
    first.press("ArrowRight")
    expect(second).to_be_focused()
    expect(second).to_be_checked()
    second.press("ArrowRight")
    expect(first).to_be_checked()
    expect(second).to_have_attribute("tabindex", "-1")
    assert controls.values() == [(2, True), (1, True)]


def test_buttons_by_mouse_and_keyboard(controls: Controls) -> None:
    controls.button("Reset").click()
    controls.button("Undo").press("Enter")
    controls.button("Large type").press("Space")
    presses = [{"kind": "press", "name": name} for name in ("reset", "undo", "large")]
    assert controls.sent() == presses
    controls.state(large={"pressed": True})
    expect(controls.button("Large type")).to_have_attribute("aria-pressed", "true")


def test_a_double_click_on_play_is_one_press(controls: Controls) -> None:
    width = controls.button("Play").bounding_box()
    controls.button("Play").dblclick()
    assert controls.sent() == [{"kind": "press", "name": "play"}]
    controls.button("Reset").dblclick()
    assert len(controls.sent()) == 2
    controls.state(play={"label": "Pause", "icon": "pause"})
    assert controls.button("Pause").bounding_box() == width
    controls.page.wait_for_timeout(350)
    controls.button("Pause").click()
    assert len(controls.sent()) == 1


def test_menu_by_mouse_and_keyboard(controls: Controls) -> None:
    page, step = controls.page, controls.button("Step")
    items = page.get_by_role("menuitem")
    step.click()
    expect(page.get_by_role("menu", name="Step")).to_be_visible()
    expect(step).to_have_attribute("aria-expanded", "true")
    items.filter(has_text="meta-step").click()
    assert controls.sent() == [{"kind": "set", "name": "step", "value": "meta", "final": True}]
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(step).to_be_focused()
    step.press("ArrowDown")
    expect(items.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    expect(items.nth(0)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(step).to_be_focused()
    step.press("Enter")
    page.keyboard.press("Enter")
    assert controls.values() == [("inner", True)]
    step.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("menu")).to_have_count(0)


def test_an_open_menu_listens_to_the_document_and_a_closed_one_does_not(
    controls: Controls,
) -> None:
    page = controls.page
    count = """async () => {
      let alive = 0;
      const add = document.addEventListener;
      document.addEventListener = function (type, listener, options) {
        alive += 1;
        options.signal.addEventListener("abort", () => { alive -= 1; });
        return add.call(this, type, listener, options);
      };
      window.alive = () => alive;
    }"""
    page.evaluate(count)
    for _ in range(3):
        controls.button("Export").click()
        assert page.evaluate("alive()") == 1
        page.get_by_text("elsewhere").click()
        expect(page.get_by_role("menu")).to_have_count(0)
        assert page.evaluate("alive()") == 0
    # taken from the page while it is open: the next click anywhere ends it
    controls.button("Export").click()
    page.evaluate("() => document.querySelector('.maml-lab').remove()")
    page.get_by_text("elsewhere").click()
    assert page.evaluate("alive()") == 0


def test_a_choice_with_consequences_is_asked_for(controls: Controls) -> None:
    page, tasks = controls.page, controls.page.get_by_label("tasks")
    tasks.focus()
    tasks.select_option("Emoji")
    strip = page.get_by_role("group", name="Sinusoid → Emoji: restarts training")
    expect(strip).to_be_visible()
    expect(tasks).to_have_value("Sinusoid")
    expect(controls.button("Restart")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Keep
    expect(strip).to_have_count(0)
    expect(tasks).to_be_focused()
    assert controls.sent() == []
    tasks.select_option("Emoji")
    page.keyboard.press("Escape")
    expect(strip).to_have_count(0)
    tasks.select_option("Tides")
    page.get_by_text("elsewhere").click()
    expect(page.get_by_text("restarts training")).to_be_hidden()
    assert controls.sent() == []
    tasks.select_option("Emoji")
    controls.button("Restart").click()
    assert controls.sent() == [{"kind": "set", "name": "tasks", "value": "emoji", "final": True}]
    expect(tasks).to_have_value("Emoji")
    expect(tasks).to_be_focused()


def test_a_held_enter_does_not_answer_the_question(controls: Controls) -> None:
    controls.page.get_by_label("model").select_option("MLP 80-80")
    restart = controls.button("Restart")
    restart.dispatch_event("keydown", {"key": "Enter", "repeat": True})
    assert restart.evaluate(
        """(button) => !button.dispatchEvent(
          new KeyboardEvent("keydown", {key: "Enter", repeat: true, cancelable: true}))"""
    )


def test_a_question_is_dropped_when_the_value_changes_elsewhere(controls: Controls) -> None:
    controls.page.get_by_label("tasks").select_option("Emoji")
    controls.state(tasks={"value": "tides"})
    expect(controls.button("Restart")).to_have_count(0)
    expect(controls.page.get_by_label("tasks")).to_have_value("Tides")


def test_unused_controls_are_disabled_and_say_why(controls: Controls) -> None:
    reason = "not used by Reptile"
    unused = {"disabled": True, "reason": reason}
    controls.state(
        beta={**unused, "value": 0.001},
        order={**unused, "value": 2},
        algorithm=unused,
        step=unused,
        pin=unused,
    )
    for control in (
        controls.slider("β"),
        controls.typed("β"),
        controls.page.get_by_role("radio", name="2 exact"),
        controls.page.get_by_label("algorithm"),
        controls.button("Step"),
        controls.button("Pin"),
    ):
        expect(control).to_be_disabled()
        expect(control).to_have_attribute("aria-description", reason)
    assert controls.page.locator(f"[title='{reason}']").count() == 5
    label = controls.page.get_by_text("β", exact=True)
    assert float(label.evaluate("(label) => getComputedStyle(label).opacity")) < 1
    # what a state leaves out is as in the spec
    controls.state(beta={"value": 0.001})
    expect(controls.slider("β")).to_be_enabled()
    expect(controls.slider("β")).to_have_attribute("aria-description", "meta step size β")


def test_hidden_controls_take_no_room(controls: Controls) -> None:
    controls.state(shots={"hidden": True}, new_seed={"hidden": True}, model={"label": "network"})
    expect(controls.slider("shots")).to_have_count(0)
    expect(controls.button("New seed")).to_be_hidden()
    expect(controls.page.get_by_label("network")).to_be_visible()


def test_a_field_is_sent_with_enter_only(controls: Controls) -> None:
    note = controls.page.get_by_label("note")
    note.fill("second")
    controls.state(note={"value": "changed"})
    expect(note).to_have_value("second")
    note.press("Enter")
    assert controls.sent() == [{"kind": "set", "name": "note", "value": "second", "final": True}]
    controls.state(note={"value": "second"})
    note.fill("third")
    note.press("Escape")
    expect(note).to_have_value("second")
    note.fill("fourth")
    note.press("Tab")
    expect(note).to_have_value("second")
    assert controls.sent() == []


def test_the_python_icons_are_those_that_are_drawn() -> None:
    script = (FOLDER / "controls.js").read_text()
    block = script.split("const LAB_ICONS = {")[1].split("\n};")[0]
    drawn = set(re.findall(r"^  (\w+):", block, re.MULTILINE))
    assert drawn == set(labkit.widgets.controls.Icon.__args__)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("width", "rows"), [(1100, 3), (760, None), (560, None)])
def test_nothing_is_cut_or_overlaps(
    controls: Controls, width: int, rows: int | None, large: bool
) -> None:
    page = controls.page
    page.locator(".maml-lab").evaluate(
        """(lab, [width, large]) => {
          lab.style.width = `${width}px`;
          lab.classList.toggle("maml-lab-large", large);
        }""",
        [width, large],
    )
    boxes = page.evaluate(
        """() => Array.from(document.querySelectorAll(".maml-lab-control"), (c) => {
          const {left, right, top, bottom} = c.getBoundingClientRect();
          return [left, right, top, bottom, c.scrollWidth - c.clientWidth];
        })"""
    )
    assert all(left >= 8 and right <= 8 + width and cut <= 2 for left, right, *_, cut in boxes)
    for i, (left, right, top, bottom, _) in enumerate(boxes):
        for other in boxes[:i]:
            apart = left >= other[1] or right <= other[0] or top >= other[3] or bottom <= other[2]
            assert apart, (boxes[i], other)
    play = controls.button("Play").bounding_box()
    assert play is not None
    assert play["height"] == pytest.approx(42 if large else 28, abs=0.5)
    if rows and not large:
        tops = page.locator(".maml-lab-place-top .maml-lab-control").evaluate_all(
            "(all) => all.map((c) => Math.round(c.getBoundingClientRect().bottom))"
        )
        assert len(set(tops)) == rows
