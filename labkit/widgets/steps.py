"""The buttons that walk through a meta-step, which the lab and the diagram of it share."""

from typing import Any

from labkit.widgets.controls import Button

STEPS = (
    Button(
        name="inner_step",
        label="Step: inner",
        tooltip="Take one gradient step on a training task",
        icon="inner",
    ),
    Button(
        name="task",
        label="Step: task",
        tooltip="Take all inner steps on the next training task",
        icon="task",
    ),
    Button(
        name="meta_step",
        label="Step: meta",
        tooltip="Take one meta-step: update θ once",
        icon="step",
        key="ArrowRight",
        essential=True,
    ),
)
"""Each by the stride of `Session.step` that it takes."""


def while_paused(playing: bool) -> dict[str, Any]:
    """How such a button stands.

    Example:
        >>> while_paused(True)
        {'disabled': True, 'reason': 'pause first'}
    """
    return {"disabled": playing, "reason": "pause first"}
