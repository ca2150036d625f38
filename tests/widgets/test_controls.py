"""The specs of the dashboard's controls: what the browser gets, and what is refused."""

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from labkit.widgets.controls import (
    Button,
    Control,
    Group,
    Menu,
    Segments,
    Select,
    Slider,
    Text,
    Toggle,
    specification,
)

PAIR = ((1, "one"), (2, "two"))


def test_a_specification_is_json_with_a_place_a_kind_and_the_given_fields() -> None:
    slider = Slider(name="alpha", label="α", tooltip="inner step size", low=1e-4, high=1.0)
    tasks = Select(name="tasks", label="tasks", options=PAIR, confirm="restarts training")
    status = Text(name="status", live=False)
    groups = [Group("top", (slider,), "step_sizes"), Group("task", (tasks, status))]
    assert json.loads(json.dumps(specification(groups))) == [
        {
            "place": "top",
            "name": "step_sizes",
            "controls": [
                {
                    "kind": "slider",
                    "name": "alpha",
                    "essential": False,
                    "label": "α",
                    "tooltip": "inner step size",
                    "low": 1e-4,
                    "high": 1.0,
                    "scale": "log",
                    "whole": False,
                }
            ],
        },
        {
            "place": "task",
            "name": "",
            "controls": [
                {
                    "kind": "select",
                    "name": "tasks",
                    "essential": False,
                    "label": "tasks",
                    "tooltip": "",
                    "options": [[1, "one"], [2, "two"]],
                    "confirm": "restarts training",
                },
                {"kind": "text", "name": "status", "essential": False, "live": False},
            ],
        },
    ]


def test_what_is_not_given_is_not_sent() -> None:
    assert "confirm" not in Segments(name="order", label="order", options=PAIR).to_json()
    assert "icon" not in Button(name="go", label="Go").to_json()


def test_controls_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Text(name="status").name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Text, {"name": ""}, "a text needs a name"),
        (Slider, {"name": "k", "low": 2, "high": 2}, "k: low must be < high, got 2 and 2"),
        (Slider, {"name": "k", "low": 1, "high": float("nan")}, "low must be < high"),
        (Slider, {"name": "k", "low": 1, "high": float("inf")}, "low must be < high"),
        (Slider, {"name": "k", "low": 0, "high": 2}, "low must be > 0 on a log scale, got 0"),
        (Slider, {"name": "k", "low": 1, "high": 2.5, "whole": True}, "low and high must be whole"),
        (Select, {"name": "s", "options": ()}, "s: options must be at least one"),
        (Segments, {"name": "s", "options": PAIR + PAIR}, "each value once"),
        (Menu, {"name": "m", "items": ()}, "m: items must be at least one"),
        (Button, {"name": "b", "icon": "plya"}, "icon must be one of play, .*got 'plya'"),
        (Toggle, {"name": "b", "compact": True}, "icon must be one of play, .*got None"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    kind: type[Control], options: dict[str, Any], message: str
) -> None:
    label: dict[str, Any] = {} if kind is Text else {"label": "x"}
    with pytest.raises(ValueError, match=message):
        kind(**label, **options)


def test_a_linear_slider_may_begin_at_zero() -> None:
    slider = Slider(name="k", label="K", low=0, high=10, scale="linear", whole=True)
    assert slider.to_json()["low"] == 0


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(ValueError, match="top, adaptation, task, training, got 'bottom'"):
        Group("bottom", ())  # type: ignore[arg-type]


def test_a_name_may_stand_once_in_all_groups_together() -> None:
    groups = [Group("top", (Text(name="status"),)), Group("task", (Text(name="status"),))]
    with pytest.raises(ValueError, match="got twice: status"):
        specification(groups)
