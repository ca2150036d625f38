"""A positive number on a logarithmic slider, with a field to type any value."""

import math
from collections.abc import Callable

import ipywidgets as w

Change = dict[str, object]

_STEP = 0.01
"""Distance between two positions of the slider, in powers of ten."""


class LogControl:
    """A logarithmic slider and a text field that show one number.

    Args:
        label: What stands before the slider.
        value: First value; may lie beyond the slider.
        low: Smallest value on the slider, > 0.
        high: Largest value on the slider.
        tooltip: Shown on hovering.
        chosen: Called with each value that the user chooses. If it raises ValueError, the text is
            put back to what it was and `refused` gets the message.
        refused: Called with a message when a typed value does not count.
    """

    def __init__(
        self,
        label: str,
        *,
        value: float,
        low: float,
        high: float,
        tooltip: str,
        chosen: Callable[[float], None],
        refused: Callable[[str], None],
    ) -> None:
        self._label, self._value = label, value
        self._low, self._high = low, high
        self._chosen, self._refused = chosen, refused
        self._following = False
        self.slider = w.FloatLogSlider(
            value=self._on_slider(value),
            base=10,
            min=math.log10(low),
            max=math.log10(high),
            step=_STEP,
            description=label,
            readout=False,
            tooltip=tooltip,
            style={"description_width": "20px"},
            layout=w.Layout(flex="1 1 auto", width="auto", min_width="120px"),
        )
        self.text = w.Text(
            value=_format(value),
            continuous_update=False,
            tooltip=f"{tooltip}: type a value and press Enter",
            layout=w.Layout(width="84px", flex="0 0 auto"),
        )
        self.text.add_class("maml-lab-number")
        self.widget = w.HBox(
            [self.slider, self.text], layout=w.Layout(flex="1 1 260px", align_items="center")
        )
        self.slider.observe(self._slid, "value")
        self.text.observe(self._typed, "value")

    def show(self, value: float) -> None:
        """Show a value that was not chosen here; `chosen` is not called."""
        self._value = value
        self._follow()

    def _slid(self, change: Change) -> None:
        position = float(str(change["new"]))
        # the browser moves the slider to its nearest step and sends that back: not a choice
        if self._following or abs(math.log10(position / self._on_slider(self._value))) < _STEP / 2:
            return
        # three digits: a slider's own value is 0.010471285480508996
        self._take(float(f"{position:.3g}"))

    def _typed(self, change: Change) -> None:
        text = str(change["new"]).strip()
        if text == _format(self._value):
            return
        try:
            value = float(text)
        except ValueError:
            self._refused(
                f"{self._label} = {text!r}: not a number; {_format(self._value)} was kept"
            )
            self.text.value = _format(self._value)
            return
        self._take(value)

    def _take(self, value: float) -> None:
        try:
            self._chosen(value)
        except ValueError as error:
            self._refused(f"{error}; {_format(self._value)} was kept")
        else:
            self._value = value
        self._follow()

    def _follow(self) -> None:
        self._following = True
        try:
            self.slider.value = self._on_slider(self._value)
            self.text.value = _format(self._value)
        finally:
            self._following = False

    def _on_slider(self, value: float) -> float:
        return min(max(value, self._low), self._high)


def _format(value: float) -> str:
    return f"{value:.6g}"
