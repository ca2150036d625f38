"""The saved state of a learner: written, read back, and checked before the learner takes it."""

import io
import zipfile
from collections.abc import Callable, Collection, Mapping
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit.core import Params, is_number
from labkit.training.checkpoint_file import invalid, parse_checkpoint, write_checkpoint
from labkit.training.run_state import RunState

KEYS = {"params", "constants", "optimizer", "meta_optimizer", "tasks", "seed", "meta_step"}

LEARNER = "MetaLearner"

_ZIP = b"PK"
"""How files of torch.save begin, which earlier versions of labkit wrote."""


def write_learner_state(path: str | Path, state: Mapping[str, Any], parts: dict[str, str]) -> None:
    """Write a state, whole or not at all.

    Args:
        path: Of the file.
        state: From `MetaLearner.state`.
        parts: Argument of the learner → class of what it has there, see `read_learner_state`.
    """
    write_checkpoint(path, LEARNER, {"state": packed_state(state), "parts": parts})


def read_learner_state(path: str | Path, parts: Mapping[str, str]) -> dict[str, Any]:
    """Read a state; the tensors come to the CPU.

    Files of earlier versions are those of `torch.save`: only their tensors and plain values are
    read, so they run no code either. They do not say what they belong to.

    Args:
        path: Of the file.
        parts: What the learner is made from; the file must have the same.

    Raises:
        ValueError: The file is no checkpoint of a learner, is damaged, is of a newer version, or
            belongs to another algorithm or task family; the message says which.
    """
    data = Path(path).read_bytes()
    if data.startswith(_ZIP):
        return _read_zip(data, path)
    content = parse_checkpoint(data, path, LEARNER)
    check_parts(content.get("parts"), parts, path, LEARNER)
    return unpacked_state(content.get("state"), path, LEARNER)


def check_parts(saved: object, parts: Mapping[str, object], path: str | Path, kind: str) -> None:
    """Raise ValueError unless a checkpoint belongs to these parts.

    Args:
        saved: What the checkpoint says.
        parts: Name → class.
        path: Its origin, for the message.
        kind: Whose it must be.
    """
    if not isinstance(saved, Mapping):
        raise invalid(path, kind, "it does not say what it belongs to")
    for name, own in parts.items():
        if (then := saved.get(name)) != own:
            raise ValueError(
                f"{path} belongs to a {kind} whose {name} is {then}, and this one's is {own}: "
                f"create it with the {name} of the checkpoint"
            )


def packed_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state for a checkpoint, in which names are text."""
    optimizer = state["optimizer"]
    memories = {str(number): memory for number, memory in optimizer["state"].items()}
    return {**state, "optimizer": {**optimizer, "state": memories}}


def unpacked_state(packed: Any, path: str | Path, kind: str) -> dict[str, Any]:
    """The state that was packed.

    Raises:
        ValueError: It is none.
    """
    try:
        optimizer = packed["optimizer"]
        memories = {int(number): memory for number, memory in optimizer["state"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise invalid(path, kind, "it holds no state of a learner") from error
    return {**packed, "optimizer": {**optimizer, "state": memories}}


def check_state(
    state: Any,
    path: str | Path,
    current: RunState,
    growing: Collection[str],
) -> None:
    """Raise ValueError unless a learner can continue from a state exactly.

    Args:
        state: From `MetaLearner.state`.
        path: Its origin, for the message.
        current: θ, its optimiser, and the frozen parameters and buffers of the learner.
        growing: Those of the latter whose first axis grows with training.
    """

    def wrong(reason: str) -> ValueError:
        return invalid(path, LEARNER, reason)

    if not isinstance(state, Mapping):
        raise wrong("it holds no state")
    if missing := sorted(KEYS - state.keys()):
        raise wrong(f"no {', '.join(missing)}")
    for name in ("params", "constants"):
        if not _is_params(state[name]):
            raise wrong(f"its {name} are no tensors by name")
    _check_forms(state, path, current, growing)
    for name in ("seed", "meta_step"):
        value = state[name]
        if type(value) is not int or value < 0:
            raise wrong(f"its {name} is no whole number ≥ 0 but {_short(value)}")
    if not isinstance(state.get("beta_scheduled", False), bool):
        raise wrong("its beta_scheduled is neither true nor false")
    check_stream(state["tasks"], path, LEARNER)
    _check_optimizer(state["optimizer"], wrong)
    if (reason := current.meta.problem_with(state)) is not None:
        raise wrong(reason)


def check_stream(state: object, path: str | Path, kind: str) -> None:
    """Raise ValueError unless this is the state of a random stream."""
    try:
        torch.Generator().set_state(state)  # type: ignore[arg-type]  # it refuses other types
    except (TypeError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise invalid(path, kind, f"its stream of tasks has no valid state ({reason})") from None


def _check_forms(
    state: Mapping[str, Any], path: str | Path, current: RunState, growing: Collection[str]
) -> None:
    """Raise ValueError unless model and meta-optimiser are those of the learner."""
    meta = current.meta
    form, constant_form = _form(state["params"]), _form(state["constants"], growing)
    if form != (own := _form(meta.params)):
        raise ValueError(
            f"{path} belongs to another model: it holds {form}, this learner has {own}"
        )
    if constant_form != (own := _form(current.constants, growing)):
        raise ValueError(
            f"{path} belongs to a model with other buffers or frozen parameters, or another "
            f"batch_norm: it holds {_without(constant_form, own)}, this learner has "
            f"{_without(own, constant_form)}"
        )
    if state["meta_optimizer"] != meta.optimizer_label:
        raise ValueError(
            f"{path} was written with meta_optimizer={_short(state['meta_optimizer'])}, "
            f"this learner has {meta.optimizer_label!r}"
        )


def _check_optimizer(saved: Any, wrong: Callable[[str], ValueError]) -> None:
    """Raise unless this has the structure of an optimiser's state, with finite step sizes."""
    if not isinstance(saved, Mapping) or not saved.keys() >= {"state", "param_groups"}:
        raise wrong("its optimizer has no state and param_groups")
    memories, groups = saved["state"], saved["param_groups"]
    if not isinstance(memories, Mapping) or not all(
        type(number) is int and number >= 0 and _is_params(memory)
        for number, memory in memories.items()
    ):
        raise wrong("its optimizer's state is no tensors by name for each number of a parameter")
    if not isinstance(groups, list) or not groups:
        raise wrong("its optimizer has no param_groups")
    for group in groups:
        beta = group.get("lr") if isinstance(group, Mapping) else None
        if not is_number(beta) or not 0 <= beta < inf:
            raise wrong(f"a meta step size of it is no finite number ≥ 0 but {_short(beta)}")


def _read_zip(data: bytes, path: str | Path) -> dict[str, Any]:
    """The state in a file of `torch.save`."""
    try:
        # torch itself does not look at the checksums of its files
        if (part := zipfile.ZipFile(io.BytesIO(data)).testzip()) is not None:
            raise zipfile.BadZipFile(f"the part {part} has another checksum")  # noqa: TRY301
        state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds on a file that is not its own
        raise invalid(
            path, LEARNER, f"it is of another program or damaged ({_first_line(error)})"
        ) from error
    return state


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _is_params(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items()
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


def _short(value: object) -> str:
    """A value as text that is not too long for a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
