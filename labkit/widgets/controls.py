"""What the dashboard's controls are, as data: js/src/controls/ draws them in the browser."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, get_args

Json: TypeAlias = dict[str, object]
Value: TypeAlias = str | int | float | bool | None
Choices: TypeAlias = tuple[tuple[Value, str], ...]
"""Values, each with the words that stand for it."""
Icon: TypeAlias = Literal[
    "play", "pause", "step", "reset", "dice", "undo", "redo",
    "pin", "unpin", "fork", "export", "load", "type", "shuffle", "live", "inner", "task", "more",
]  # fmt: skip
Place: TypeAlias = Literal["top", "adaptation", "task", "training"]
"""A toolbar above the plots, or the header of one of them."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """What all controls have: the name under which they send, and under which their state goes.

    The state of a control may replace what is given here and adds its `value`, and `disabled` with
    a `reason`, `hidden` or `pressed`.

    Args:
        name: Its name.
        essential: In sight also on a narrow page, which folds the other controls above the plots.

    Raises:
        ValueError: The name is empty.
    """

    name: str
    essential: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError(f"a {type(self).__name__.lower()} needs a name, got ''")

    def to_json(self) -> Json:
        """The spec that the browser reads: the kind and all fields that are not None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        fields_set = {name: value for name, value in values.items() if value is not None}
        return {"kind": type(self).__name__.lower(), **fields_set}


@dataclass(frozen=True, kw_only=True)
class Text(Control):
    """A status line, or two, that the kernel writes.

    Args:
        name: Its name.
        live: Screen readers say each change. False for what changes all the time.

    Example:
        >>> Text(name="status").to_json()
        {'kind': 'text', 'name': 'status', 'essential': False, 'live': True}
    """

    live: bool = True


@dataclass(frozen=True, kw_only=True)
class Labelled(Control):
    """A control with a label, and a tooltip that says what it is for."""

    label: str
    tooltip: str = ""


@dataclass(frozen=True, kw_only=True)
class Slider(Labelled):
    """A number on a slider, with a field to type any value, also one beyond the slider.

    Args:
        name: Its name.
        label: Text above it.
        tooltip: What it is for.
        low: Smallest value on the slider.
        high: Largest value on the slider.
        scale: "log": 100 positions per power of ten, three significant digits; or "linear".
        whole: Whole numbers only.

    Raises:
        ValueError: `low` is not below `high`, not above 0 on a logarithmic scale, or not whole
            where only whole numbers count.

    Example:
        >>> Slider(name="alpha", label="α", low=1e-4, high=1.0).to_json()["scale"]
        'log'
    """

    low: float
    high: float
    scale: Literal["log", "linear"] = "log"
    whole: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"{self.name}: low must be < high, got {self.low} and {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"{self.name}: low must be > 0 on a log scale, got {self.low}")
        if self.whole and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise ValueError(
                f"{self.name}: low and high must be whole, got {self.low}, {self.high}"
            )


@dataclass(frozen=True, kw_only=True)
class Select(Labelled):
    """One value out of some, in a list that opens.

    Args:
        name: Its name.
        label: Text above it.
        tooltip: What it is for.
        options: Values, each with its words.
        confirm: What choosing does; it is then asked for first: "Sinusoid → Emoji: `confirm`".

    Raises:
        ValueError: There is no option, or a value twice.

    Example:
        >>> Select(name="order", label="order", options=((1, "first"), (2, "exact"))).to_json()
        {'kind': 'select', 'name': 'order', 'essential': False, 'label': 'order', 'tooltip': '', \
'options': ((1, 'first'), (2, 'exact'))}
    """

    options: Choices
    confirm: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choices(self.name, "options", self.options)


@dataclass(frozen=True, kw_only=True)
class Segments(Select):
    """One value out of a few, all of them in sight; otherwise as `Select`.

    Example:
        >>> Segments(name="order", label="order", options=((1, "first"),)).to_json()["kind"]
        'segments'
    """


@dataclass(frozen=True, kw_only=True)
class Button(Labelled):
    """Something to do.

    Args:
        name: Its name.
        label: Its words.
        tooltip: What it does.
        icon: A drawing before the words.
        primary: It stands out, and keeps its width when its words change.
        compact: The icon alone; the label is for screen readers.
        debounce: A second press within 350 ms of one that counted does not count.
        key: Presses it while the focus is in the lab, as browsers call it: "r", " ", "ArrowRight".

    Raises:
        ValueError: The icon is unknown, or missing where it has no words.

    Example:
        >>> Button(name="play", label="Play", icon="play", primary=True).to_json()["primary"]
        True
    """

    icon: Icon | None = None
    primary: bool = False
    compact: bool = False
    debounce: bool = False
    key: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.icon not in (None, *get_args(Icon)) or (self.compact and self.icon is None):
            icons = ", ".join(get_args(Icon))
            raise ValueError(f"{self.name}: icon must be one of {icons}, got {self.icon!r}")


@dataclass(frozen=True, kw_only=True)
class Toggle(Button):
    """A button that stays pressed while its state says so; otherwise as `Button`.

    Example:
        >>> Toggle(name="large", label="Large type", icon="type", compact=True).to_json()["kind"]
        'toggle'
    """


@dataclass(frozen=True, kw_only=True)
class Menu(Button):
    """A button that opens a list of things to do; choosing one sends its value.

    Args:
        name: Its name.
        label: Its words.
        tooltip: What it is for.
        icon: A drawing before the words.
        primary: As of `Button`.
        compact: As of `Button`.
        debounce: As of `Button`.
        key: As of `Button`.
        items: Values, each with its words.

    Raises:
        ValueError: There is no item, or a value twice, or the icon is unknown.

    Example:
        >>> Menu(name="step", label="Step", items=(("meta", "meta-step"),)).items
        (('meta', 'meta-step'),)
    """

    items: Choices

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choices(self.name, "items", self.items)


@dataclass(frozen=True, kw_only=True)
class Field(Labelled):
    """A line to type, sent with Enter.

    Example:
        >>> Field(name="note", label="note", tooltip="kept with the run").to_json()["tooltip"]
        'kept with the run'
    """


@dataclass(frozen=True)
class Group:
    """Controls in one row, which wraps where it is narrow.

    Args:
        place: A toolbar above the plots, or the header of one of them.
        controls: From left to right.
        name: What the style sheet calls the row; "" for one like others.

    Raises:
        ValueError: The place is unknown.

    Example:
        >>> Group("top", (Text(name="status"),)).to_json()
        {'place': 'top', 'name': '', 'controls': [{'kind': 'text', 'name': 'status', \
'essential': False, 'live': True}]}
    """

    place: Place
    controls: Sequence[Control]
    name: str = ""

    def __post_init__(self) -> None:
        if self.place not in get_args(Place):
            places = ", ".join(get_args(Place))
            raise ValueError(f"place of a group must be one of {places}, got {self.place!r}")

    def to_json(self) -> Json:
        """The group as the browser reads it."""
        controls = [control.to_json() for control in self.controls]
        return {"place": self.place, "name": self.name, "controls": controls}


def specification(groups: Sequence[Group]) -> list[Json]:
    """All controls of a dashboard, as the browser reads them.

    Args:
        groups: The groups in the order in which they are shown.

    Returns:
        One JSON object per group.

    Raises:
        ValueError: Two controls have one name.

    Example:
        >>> specification([Group("task", (Text(name="status"),))])[0]["place"]
        'task'
    """
    names = Counter(control.name for group in groups for control in group.controls)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"each control needs its own name, got twice: {', '.join(twice)}")
    return [group.to_json() for group in groups]


def _check_choices(name: str, what: str, choices: Choices) -> None:
    values = [value for value, _ in choices]
    if not values or len(set(values)) < len(values):
        raise ValueError(f"{name}: {what} must be at least one, each value once, got {values}")
