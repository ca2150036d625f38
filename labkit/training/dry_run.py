"""A meta-step on two tasks before training: what cannot work fails at construction."""

from typing import Any

import torch
from torch import Tensor, nn

from labkit.core import Algorithm, Params, ProtoMAML, check_scalar, tree_leaves, tree_map
from labkit.tasks import TaskBatch
from labkit.training.evaluation import adaptation_curve
from labkit.training.model import TaskLoss, private_randomness, random_state, stream
from labkit.training.step import Measurement, sampled, to_model

TRIAL_TASKS = 2

MOST_WHOLE = 2**24
"""Up to here float32 holds every whole number; larger ones are quantities, which may be rounded."""


def dry_run(
    loss_fn: TaskLoss,
    test_loss_fn: TaskLoss,
    params: Params,
    algorithm: Algorithm,
    measurement: Measurement,
    meta_batch: int,
    seed: int,
) -> bool:
    """Compute a meta-step and a test, discard both, and report whether the module is random.

    Args:
        loss_fn: Module and family, as in training.
        test_loss_fn: The same as in testing.
        params: θ.
        algorithm: How the learner will adapt to tasks.
        measurement: How it will measure the meta-gradient.
        meta_batch: Tasks per meta-step; the dry run uses two at most.
        seed: The run's; the tasks come from a separate stream.

    Returns:
        Whether a forward depends on torch's global generator, as dropout does.

    Raises:
        ValueError: The module changes state in its forward, no adapted parameter has a gradient,
            torch cannot run the module for tasks side by side, or an argument does not fit.
    """
    device = next(iter(params.values())).device
    raw = sampled(loss_fn.family, min(TRIAL_TASKS, meta_batch), stream(seed, "trial"))
    batch = to_model(raw, params)
    _check_whole_numbers(raw, batch, type(loss_fn.family).__name__)
    with private_randomness(seed, "trial of the model", device):
        before = random_state(device)
        one = tree_map(lambda tensor: tensor[0], batch.support)
        try:
            _check_state(loss_fn, params, one)
        except (RuntimeError, IndexError) as error:
            raise ValueError(
                f"{type(loss_fn.model).__name__} cannot run on the first task of "
                f"{type(loss_fn.family).__name__}: {str(error).strip().partition(chr(10))[0]}. "
                "Check that they match: model inputs and outputs, image channels and size, number "
                "of ways, dtypes"
            ) from error
        if isinstance(algorithm, ProtoMAML):
            _check_labels(loss_fn, algorithm.prototypes(loss_fn, params, one))
        try:
            measurement.measure(
                algorithm,
                loss_fn,
                params,
                batch.support,
                measurement.query_of(batch),
                alpha_learned=True,
            )
            adaptation_curve(algorithm, test_loss_fn, params, batch.support, batch.query)
        except (RuntimeError, NotImplementedError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(
                f"{type(loss_fn.model).__name__} cannot be meta-trained by "
                f"{type(algorithm).__name__}{' with checkpoint=True' * measurement.checkpoint}, "
                "since torch cannot run it for tasks side by side (torch.func.vmap) and "
                f"differentiate it: {reason}. {_remedy(reason)}"
            ) from error
        return random_state(device) != before


def _remedy(reason: str) -> str:
    if "random" in reason:
        return (
            "IMAML and checkpoint=True compute a forward more than once, which must give the same "
            "numbers: take checkpoint=False and another algorithm, or put the dropout in eval mode"
        )
    return (
        "Look for in-place changes, .item(), branches on values of tensors, or a layer that torch "
        "runs as one piece: write a GRU or LSTM with torch.nn.Linear in a loop, and put "
        "torch.nn.attention.sdpa_kernel(SDPBackend.MATH) around attention"
    )


def _check_state(loss_fn: TaskLoss, params: Params, task: Any) -> None:
    """A forward may fill a cache once; what it changes every time is state."""
    with torch.no_grad():
        check_scalar(loss_fn(params, task))
        tensors = {name: c.clone() for name, c in loss_fn.constants.items()}
        attributes = _attributes(loss_fn.model)
        loss_fn(params, task)
    changed = [n for n, c in loss_fn.constants.items() if not torch.equal(c, tensors[n])]
    after = _attributes(loss_fn.model)
    changed += [name for name in after if after[name] != attributes.get(name)]
    if changed:
        raise ValueError(
            f"the forward of {type(loss_fn.model).__name__} changes {', '.join(sorted(changed))}: "
            "tasks adapt side by side and in any order, so a forward must leave the module "
            "unchanged. Return the value, or hold it in the batch; for running averages see "
            "batch_norm"
        )


def _check_whole_numbers(raw: TaskBatch, batch: TaskBatch, family: str) -> None:
    """Numbers that count or name something are not rounded to others by the precision of θ."""
    for part in ("support", "query"):
        leaves = (tree_leaves(getattr(each, part)) for each in (raw, batch))
        for before, after in zip(*leaves, strict=True):
            if after.dtype == before.dtype or not before.is_floating_point():
                continue
            whole = bool((before == before.round()).all()) and before.abs().max() <= MOST_WHOLE
            if whole and (lost := after.to(before.dtype) != before).any():
                first, rounded = (float(each[lost][0]) for each in (before, after))
                raise ValueError(
                    f"the {part} data of {family} has whole numbers as {before.dtype}, and "
                    f"{after.dtype} would round {first:.0f} to {rounded:.0f}: give ids as integers "
                    "(x.long()), which are never cast, scale quantities, or take another dtype"
                )


def _check_labels(loss_fn: TaskLoss, prototypes: Tensor) -> None:
    """Every class has a prototype: a row (features,) without nan."""
    empty = prototypes.isnan().any(-1).nonzero().flatten().tolist()
    if empty:
        raise ValueError(
            f"ProtoMAML needs a support point of every class, 0 … {len(prototypes) - 1}, and the "
            f"first task of {type(loss_fn.family).__name__} has none of {empty}: its labels must "
            "count from 0, and the head must have as many rows as there are ways"
        )


def _attributes(model: nn.Module) -> dict[str, object]:
    """Plain attributes of a module and its children: values, and lengths of containers."""
    return {
        f"{path}.{name}".lstrip("."): (id(value), len(value))
        if isinstance(value, list | dict | set)
        else (value if isinstance(value, int | float | str | tuple | None) else id(value))
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if not name.startswith("_")
    }
