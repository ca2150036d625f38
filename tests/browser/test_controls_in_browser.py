"""The dashboard's other controls in a real browser, by mouse and by keyboard."""

import re
from typing import get_args

import pytest
from playwright.sync_api import expect

from labkit.widgets.controls import Icon
from tests.browser.controls_page import Controls
from tests.browser.lab_page import pass_double_click
from tests.browser.servers import ROOT


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


def test_select_sends_and_follows(controls: Controls) -> None:
    select = controls.page.get_by_label("algorithm")
    select.select_option("ANIL")
    assert controls.values() == [("anil", True)]
    expect(select).to_have_value("ANIL")
    controls.state(algorithm={"value": "anil"})
    controls.state(algorithm={"value": "reptile"})
    expect(select).to_have_value("Reptile")
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
    controls.button("Play").evaluate("(button) => { button.click(); button.click(); }")
    assert controls.sent() == [{"kind": "press", "name": "play"}]
    controls.button("Reset").evaluate("(button) => { button.click(); button.click(); }")
    assert len(controls.sent()) == 2
    controls.state(play={"label": "Pause", "icon": "pause"})
    assert controls.button("Pause").bounding_box() == width
    pass_double_click(controls.page)
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


def test_a_click_elsewhere_closes_a_menu_and_the_page_keeps_no_listener(
    controls: Controls,
) -> None:
    page = controls.page
    page.evaluate(
        """() => {
          window.listeners = 0;
          const add = document.addEventListener;
          document.addEventListener = function (...args) {
            listeners += 1;
            return add.apply(this, args);
          };
        }"""
    )
    export = controls.button("Export")
    for _ in range(3):
        export.click()
        expect(page.get_by_role("menu", name="Export")).to_be_visible()
        page.get_by_text("elsewhere").click()
        expect(page.get_by_role("menu")).to_have_count(0)
        expect(export).to_have_attribute("aria-expanded", "false")
    export.click()
    export.click()
    expect(page.get_by_role("menu")).to_have_count(0)
    # taken from the page while it is open
    export.click()
    page.evaluate("() => document.querySelector('.maml-lab').remove()")
    page.get_by_text("elsewhere").click()
    assert page.evaluate("listeners") == 0


def test_a_menu_is_below_its_button_and_not_beyond_the_lab(controls: Controls) -> None:
    page = controls.page
    for name in ("Step", "Export"):
        controls.button(name).click()
        button, menu = (
            place.bounding_box()
            for place in (controls.button(name), page.get_by_role("menu", name=name))
        )
        assert button is not None
        assert menu is not None
        assert 0 < menu["y"] - (button["y"] + button["height"]) < 8
        assert menu["x"] == pytest.approx(button["x"], abs=1)
        page.keyboard.press("Escape")
    page.locator(".maml-lab").evaluate("(lab) => { lab.style.width = '700px'; }")
    controls.page.get_by_label("model").select_option("MLP 80-80")
    strip = page.get_by_role("dialog").bounding_box()
    assert strip is not None
    assert strip["x"] + strip["width"] <= 8 + 700 + 1


def test_a_choice_with_consequences_is_asked_for(controls: Controls) -> None:
    page, tasks = controls.page, controls.page.get_by_label("tasks")
    tasks.focus()
    tasks.select_option("Emoji")
    strip = page.get_by_role("dialog", name="Sinusoid → Emoji: restarts training")
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
    source = (ROOT / "js" / "src" / "controls" / "icons.ts").read_text(encoding="utf-8")
    names = set(re.findall(r"^  (\w+):", source, re.MULTILINE))
    assert names == set(get_args(Icon))


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
    expect(controls.button("Controls")).to_have_count(0)  # none of these is needed most
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
