"""Saved training states, checked before a learner resumes from them."""

from pathlib import Path
from typing import Any

import torch

from labkit.core import Params
from labkit.training.step import MetaParameters

KEYS = {"params", "constants", "optimizer", "meta_optimizer", "tasks", "seed", "meta_step"}


def read_checkpoint(path: str | Path, current: MetaParameters, constants: Params) -> dict[str, Any]:
    """Read a state and check that it belongs to a model like this one, and to this optimiser.

    Raises:
        ValueError: The file is no checkpoint of this kind; the message says what differs.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        form, names = _form(state["params"]), sorted(state["constants"])
    except FileNotFoundError:
        raise
    except Exception as error:  # torch.load raises many kinds on a file that is not its own
        raise ValueError(f"{path} is not a checkpoint written by MetaLearner.save") from error
    if not state.keys() >= KEYS:
        missing = ", ".join(sorted(KEYS - state.keys()))
        raise ValueError(f"{path} is not a checkpoint written by MetaLearner.save: no {missing}")
    if form != _form(current.params):
        raise ValueError(
            f"{path} belongs to another model: it holds {form}, this learner has "
            f"{_form(current.params)}"
        )
    if names != sorted(constants):
        raise ValueError(
            f"{path} belongs to a model with other buffers or frozen parameters, or another "
            f"batch_norm: it holds {names}, this learner has {sorted(constants)}"
        )
    if state["meta_optimizer"] != current.meta_optimizer:
        raise ValueError(
            f"{path} was written with meta_optimizer={state['meta_optimizer']!r}, "
            f"this learner has {current.meta_optimizer!r}"
        )
    return state


def _form(params: Params) -> dict[str, str]:
    return {name: f"{p.dtype}{list(p.shape)}" for name, p in params.items()}
