"""The trained learner of a run: θ, and α where it is learned, and what they belong to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from labkit.core import AnyAlpha, LearnedAlpha
from labkit.experiments.runs.expressions import expression_of, value_of_expression
from labkit.experiments.runs.run_folder import RunFolder
from labkit.session import CUSTOM
from labkit.training import MetaLearner
from labkit.version import __version__

FORMAT = "1"
ALPHA = "labkit:alpha"
"""How the names of α's tensors begin; all others are those of the module."""

PARTS = ("model", "tasks", "algorithm")
"""What a learner is made from; all else are its options."""


def write_learner(learner: MetaLearner, path: Path) -> None:
    """Write θ, α where it is learned, and the constants of a learner, with what it was made from.

    θ and the constants have their names in the module, so `torch.nn.Module.load_state_dict` takes
    them too. The memory of the meta-optimiser and the random streams are left out.
    """
    state = learner.state()
    tensors = {**state["constants"], **state["params"]}
    if isinstance(learner.algorithm.alpha, LearnedAlpha):
        tensors |= _alpha_leaves(learner.alpha)
    about = {
        "model": expression_of(learner.model),
        "tasks": expression_of(learner.tasks),
        "algorithm": expression_of(learner.algorithm),
        **{name: _option(value) for name, value in learner.options.items()},
    }
    metadata = {
        "format": "pt",
        "labkit": __version__,
        "learner_format": FORMAT,
        "meta_step": str(learner.meta_step),
        "params": json.dumps(list(state["params"])),
        "classes": json.dumps({name: _class_name(getattr(learner, name)) for name in PARTS}),
        "learner": json.dumps(about, ensure_ascii=False),
    }
    # tensors that share memory, as tied ones do, are rejected
    content = save({name: t.contiguous().clone() for name, t in tensors.items()}, metadata)
    path.write_bytes(content)  # `save_file` would hide it from others who may read the folder


def load_learner(
    run: str | Path, *, model: Any = None, tasks: Any = None, **options: Any
) -> MetaLearner:
    """Load the trained learner of a run: its θ, α, tasks, model and algorithm.

    The memory of its meta-optimiser and its random streams are not kept, so training continues, but
    not as if it had never stopped: `MetaLearner.save` is for that.

    Args:
        run: Folder of a run that is done.
        model: In place of the run's, and needed where that is custom; as for `MetaLearner`.
        tasks: The same, a task family.
        options: Other arguments of `MetaLearner` in place of the run's, such as `device`.

    Raises:
        FileNotFoundError: The run has kept no learner.
        ValueError: The file is damaged, a part of the learner is custom and missing, or what is
            given does not fit.

    Example:
        >>> learner = load_learner("runs/first")  # doctest: +SKIP
        >>> learner.adaptation_curve(inner_steps=5)  # doctest: +SKIP
    """
    path = RunFolder(Path(run)).learner
    metadata, tensors = _contents(path)
    about: dict[str, str] = json.loads(metadata["learner"])
    values = {"model": model, "tasks": tasks, **options}
    own = {name: value for name, value in values.items() if value is not None}
    custom = [name for name, text in about.items() if text == CUSTOM and name not in own]
    if custom:
        classes = json.loads(metadata["classes"])
        named = [f"{name} ({classes[name]})" if name in classes else name for name in custom]
        missing = ", ".join(f"{name}=…" for name in custom)
        raise ValueError(
            f"{', '.join(named)} of the learner in {run} {'is' if len(custom) == 1 else 'are'} "
            f"custom, so only you have it: write load_learner({str(run)!r}, {missing})"
        )
    arguments = {name: _value(name, text) for name, text in about.items() if name not in own} | own
    learner = MetaLearner(**arguments)
    params = {name: tensors[name] for name in json.loads(metadata["params"])}
    alpha = {name: t for name, t in tensors.items() if name.partition(".")[0] == ALPHA}
    constants = {n: t for n, t in tensors.items() if n not in params and n not in alpha}
    meta_step = int(metadata["meta_step"])
    state = {"params": params, "constants": constants, "meta_step": meta_step}
    learner.load_state_dict(learner.state() | state, path)
    if alpha and isinstance(learner.algorithm.alpha, LearnedAlpha):
        learner.alpha = _alpha_of(alpha)
    return learner


def _contents(path: Path) -> tuple[Mapping[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if (version := metadata.get("learner_format")) != FORMAT:
                raise ValueError(
                    f"{path} has format {version!r}, and this labkit reads {FORMAT!r}: load it "
                    f"by labkit {metadata.get('labkit', 'of the run')}"
                )
            return metadata, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): repeat the run") from None


def _option(value: object) -> str:
    return expression_of(str(value).removeprefix("torch.") if _is_dtype(value) else value)


def _value(name: str, text: str) -> Any:
    value = value_of_expression(text)
    if name != "dtype":
        return value
    dtype = getattr(torch, value, None)
    if not _is_dtype(dtype):
        raise ValueError(f"{value!r} is no dtype of torch: repeat the run")
    return dtype


def _is_dtype(value: object) -> bool:
    return isinstance(value, torch.dtype)


def _class_name(part: object) -> str:
    kind = part if isinstance(part, type) or hasattr(part, "__qualname__") else type(part)
    return str(kind.__qualname__)


def _alpha_leaves(alpha: AnyAlpha) -> dict[str, Tensor]:
    """α as tensors by name, from which `_alpha_of` makes its structure again."""
    match alpha:
        case list():
            parts = [_alpha_leaves(step) for step in alpha]
            return {
                name.replace(ALPHA, f"{ALPHA}.step_{number}", 1): leaf
                for number, step in enumerate(parts)
                for name, leaf in step.items()
            }
        case dict():
            return {f"{ALPHA}.of.{name}": leaf for name, leaf in alpha.items()}
        case Tensor():
            return {ALPHA: alpha}
        case _:
            raise TypeError(f"a learned alpha must be tensors, got {type(alpha).__name__}")


def _alpha_of(leaves: Mapping[str, Tensor], prefix: str = ALPHA) -> Any:
    if prefix in leaves:
        return leaves[prefix]
    of = f"{prefix}.of."
    if own := {name.removeprefix(of): t for name, t in leaves.items() if name.startswith(of)}:
        return own
    steps: list[Any] = []
    while any(name.startswith(f"{prefix}.step_{len(steps)}") for name in leaves):
        steps.append(_alpha_of(leaves, f"{prefix}.step_{len(steps)}"))
    return steps
