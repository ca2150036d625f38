"""The dashboard's sliders in a real browser: keys, typed values, drags, and the kernel's word."""

import pytest
from playwright.sync_api import expect

from tests.browser.controls_page import Controls


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
    ("text", "value", "label", "key"),
    [("0,02", 0.02, "0.02", "Enter"), ("1E-5", 1e-5, "0.00001", "Tab")],
)
def test_typed_values_are_taken(
    controls: Controls, text: str, value: float, label: str, key: str
) -> None:
    alpha = controls.typed("α")
    alpha.fill(text)
    assert controls.sent() == []
    alpha.press(key)
    assert controls.values() == [(value, True)]
    expect(controls.slider("α")).to_have_attribute("aria-valuetext", label)
    expect(controls.typed("α")).to_have_value(label)


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
        ("inner steps", "2.5", "whole numbers only"),
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
    controls.frames()
    ((first, final),) = controls.values()
    assert not final
    # not answered within 30 ms: the latest value, and none of those between
    controls.run_timers(30)
    controls.frames()
    ((second, final),) = controls.values()
    assert not final
    assert isinstance(first, float)
    assert isinstance(second, float)
    # 39 of the pixels that the handle has, all but its own 14, for four powers of ten
    assert first < second == pytest.approx(10 ** (-2 + 4 * 39 / (width - 14)), rel=0.03)
    controls.page.mouse.move(x + 60, y)
    controls.page.mouse.up()
    controls.frames()
    ((last, final),) = controls.values()
    assert final
    assert last == pytest.approx(10 ** (-2 + 4 * 60 / (width - 14)), rel=0.03)
    expect(controls.typed("α")).to_have_value(str(last))


def test_an_echo_answers_a_message_of_a_drag_and_does_not_move_the_slider(
    controls: Controls,
) -> None:
    x, y, _ = controls.grab("α")
    controls.page.mouse.move(x + 20, y)
    controls.frames()
    ((first, _),) = controls.values()
    controls.page.mouse.move(x + 40, y)
    controls.frames()
    # what comes for other reasons is no answer
    controls.state(alpha={"value": 0.01, "high": 1.0})
    controls.frames()
    assert controls.values() == []
    controls.state(alpha={"value": first})
    controls.frames()
    ((second, _),) = controls.values()
    expect(controls.typed("α")).to_have_value(str(second))
    controls.page.mouse.up()
    controls.frames()
    assert controls.values() == [(second, True)]
    # an older value that is still on its way does not move it either; the answer frees it
    controls.state(alpha={"value": 0.005})
    expect(controls.typed("α")).to_have_value(str(second))
    controls.state(alpha={"value": second})
    controls.state(alpha={"value": 0.07})
    expect(controls.typed("α")).to_have_value("0.07")


def test_a_drag_that_ends_where_it_began_ends(controls: Controls) -> None:
    x, y, _ = controls.grab("α")
    controls.page.mouse.move(x + 40, y)
    controls.frames()
    controls.page.mouse.move(x, y)
    controls.page.mouse.move(x, y + 60)
    controls.page.mouse.up()
    controls.frames()
    assert controls.chosen() == [0.01]


def test_a_value_that_the_kernel_refuses_is_put_back(controls: Controls) -> None:
    controls.typed("α").fill("-1")
    controls.typed("α").press("Enter")
    expect(controls.typed("α")).to_have_value("-1")
    controls.run_timers(1000)
    expect(controls.typed("α")).to_have_value("0.01")


def test_low_and_high_of_a_slider_may_change(controls: Controls) -> None:
    expect(controls.slider("α")).to_have_value("200")
    controls.state(alpha={"value": 0.01, "low": 1e-3})
    expect(controls.slider("α")).to_have_value("100")
    expect(controls.slider("α")).to_have_attribute("max", "300")
