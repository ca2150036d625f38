"""The logarithmic control: slider and text field through their real callbacks."""

from typing import Any

import pytest

from labkit.widgets.log_control import LogControl


class Chosen:
    """What a control has told."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.messages: list[str] = []

    def take(self, value: float) -> None:
        if value < 0:
            raise ValueError("alpha = -1.0: must be a finite number ≥ 0")
        self.values.append(value)


@pytest.fixture
def told() -> Chosen:
    return Chosen()


@pytest.fixture
def control(told: Chosen) -> Any:
    control = LogControl(
        "α",
        value=0.01,
        low=1e-4,
        high=1.0,
        tooltip="inner step size",
        chosen=told.take,
        refused=told.messages.append,
    )
    yield control
    control.widget.close()


def test_slider_sets_value_and_text(control: LogControl, told: Chosen) -> None:
    control.slider.value = 10**-1.5
    assert told.values == [0.0316]
    assert control.text.value == "0.0316"
    assert control.slider.value == pytest.approx(0.0316)


def test_typed_value_sets_slider(control: LogControl, told: Chosen) -> None:
    control.text.value = "2.5e-2"
    assert told.values == [0.025]
    assert control.slider.value == pytest.approx(0.025)
    assert control.text.value == "0.025"


def test_the_browsers_rounding_of_the_slider_is_no_choice(
    control: LogControl, told: Chosen
) -> None:
    # 0.05 is 10^-1.301; the browser's slider has steps of 0.01 and sends back 10^-1.30
    control.text.value = "0.05"
    control.slider.value = 10**-1.30
    assert told.values == [0.05]
    assert control.text.value == "0.05"
    control.slider.value = 10**-1.29
    assert told.values == [0.05, 0.0513]


@pytest.mark.parametrize(("typed", "value", "slider"), [("5", 5.0, 1.0), ("0", 0.0, 1e-4)])
def test_values_beyond_the_slider(
    control: LogControl, told: Chosen, typed: str, value: float, slider: float
) -> None:
    control.text.value = typed
    assert told.values == [value]
    assert control.text.value == typed
    assert control.slider.value == pytest.approx(slider)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("abc", "α = 'abc': not a number; 0.01 was kept"),
        ("", "α = '': not a number; 0.01 was kept"),
        ("-1", "alpha = -1.0: must be a finite number ≥ 0; 0.01 was kept"),
    ],
)
def test_refused_values(control: LogControl, told: Chosen, typed: str, message: str) -> None:
    control.text.value = typed
    assert told.messages == [message]
    assert told.values == []
    assert control.text.value == "0.01"
    assert control.slider.value == pytest.approx(0.01)


def test_show_calls_nobody(control: LogControl, told: Chosen) -> None:
    control.show(0.2)
    assert (control.text.value, told.values) == ("0.2", [])
    assert control.slider.value == pytest.approx(0.2)
