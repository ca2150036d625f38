"""Saved training states, checked before a learner resumes from them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from labkit._io import atomic_write
from labkit.core import Params
from labkit.training.run_state import RunState

KEYS = {"params", "constants", "optimizer", "meta_optimizer", "tasks", "seed", "meta_step"}


def write_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write a state, whole or not at all."""

    def write(temporary: Path) -> None:
        # by its path torch would write the temporary name into the file
        with temporary.open("wb") as file:
            torch.save(state, file)

    atomic_write(path, write)


def read_checkpoint(
    path: str | Path, current: RunState, growing: Collection[str]
) -> dict[str, Any]:
    """Read a state and check that it belongs to a model like this one, and to this optimiser.

    Args:
        path: Written on any device; the tensors come to the CPU.
        current: θ, its optimiser, and the frozen parameters and buffers of this model.
        growing: Those of the latter whose first axis grows with training.

    Raises:
        ValueError: The file is no checkpoint of this kind; the message says what differs.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch.load raises many kinds on a file that is not its own
        raise ValueError(f"{path} is not a checkpoint written by MetaLearner.save") from error
    check_state(state, path, current, growing)
    return state


def check_state(
    state: dict[str, Any],
    path: str | Path,
    current: RunState,
    growing: Collection[str],
) -> None:
    """Raise ValueError unless a state belongs to a model like this one, and to this optimiser.

    Args:
        state: From `MetaLearner.state`.
        path: Its origin, for the message.
        current: As for `read_checkpoint`.
        growing: As for `read_checkpoint`.
    """
    meta = current.meta
    try:
        form, constant_form = _form(state["params"]), _form(state["constants"], growing)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a checkpoint written by MetaLearner.save") from error
    if not state.keys() >= KEYS:
        missing = ", ".join(sorted(KEYS - state.keys()))
        raise ValueError(f"{path} is not a checkpoint written by MetaLearner.save: no {missing}")
    if form != _form(meta.params):
        raise ValueError(
            f"{path} belongs to another model: it holds {form}, this learner has "
            f"{_form(meta.params)}"
        )
    if constant_form != (own := _form(current.constants, growing)):
        raise ValueError(
            f"{path} belongs to a model with other buffers or frozen parameters, or another "
            f"batch_norm: it holds {_without(constant_form, own)}, this learner has "
            f"{_without(own, constant_form)}"
        )
    if state["meta_optimizer"] != meta.optimizer_label:
        raise ValueError(
            f"{path} was written with meta_optimizer={state['meta_optimizer']!r}, "
            f"this learner has {meta.optimizer_label!r}"
        )


def _form(params: Params, growing: Collection[str] = ()) -> dict[str, str]:
    """Name → type and shape, of which the axis that grows is left open."""
    shapes = {name: list(map(str, p.shape)) for name, p in params.items()}
    for name in shapes.keys() & set(growing):
        shapes[name][:1] = ["…"]
    return {name: f"{p.dtype}[{', '.join(shapes[name])}]" for name, p in params.items()}


def _without(form: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """What one form has and the other has not, or has otherwise."""
    return {name: kind for name, kind in form.items() if other.get(name) != kind}
