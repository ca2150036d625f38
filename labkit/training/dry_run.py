"""A meta-step on two tasks before training: what cannot work fails at construction."""

from dataclasses import replace
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from labkit.core import (
    Algorithm,
    Params,
    ProtoMAML,
    TaskList,
    TasksError,
    Vectorize,
    attempt,
    check_scalar,
    count_tasks,
    limitation,
    say_loop,
    tree_leaves,
    tree_map,
)
from labkit.tasks import LabelledFamily, TaskBatch
from labkit.training.culprit import named
from labkit.training.evaluation import CHUNK_TASKS, adaptation_curve
from labkit.training.held_out import one_task
from labkit.training.model import TaskLoss, private_randomness, random_state, stream
from labkit.training.step import Measurement, sampled, to_model

TRIAL_TASKS = 2

MOST_WHOLE = 2**24
"""Up to here float32 holds every whole number; larger ones are quantities, which may be rounded."""


class DryRun(NamedTuple):
    """What a dry run shows of a module, a family and an algorithm.

    Attributes:
        draws_random: A forward depends on torch's global generator, as dropout does.
        vectorized: Tasks of a meta-step go side by side.
        test_vectorized: Tasks of an adaptation curve do.
    """

    draws_random: bool
    vectorized: bool
    test_vectorized: bool


def dry_run(
    loss_fn: TaskLoss,
    test_loss_fn: TaskLoss,
    params: Params,
    algorithm: Algorithm,
    measurement: Measurement,
    meta_batch: int,
    seed: int,
    vectorize: Vectorize = "auto",
) -> DryRun:
    """Compute a meta-step and a test, and discard both.

    Args:
        loss_fn: Module and family, as in training.
        test_loss_fn: The same as in testing.
        params: θ.
        algorithm: How the learner will adapt to tasks.
        measurement: How it will measure the meta-gradient.
        meta_batch: Tasks per meta-step; the dry run uses two at most.
        seed: The run's; the tasks come from a separate stream.
        vectorize: As for `MetaLearner`.

    Returns:
        `DryRun`.

    Raises:
        ValueError: The module changes state in its forward, no adapted parameter has a gradient,
            torch cannot run or differentiate the module or the loss, or an argument does not fit.

    Warns:
        LoopWarning: Once for each reason, if "auto" comes to a loop.
    """
    device = next(iter(params.values())).device
    raw = sampled(loss_fn.family, min(TRIAL_TASKS, meta_batch), stream(seed, "trial"))
    batch = to_model(raw, params)
    _check_whole_numbers(raw, batch, type(loss_fn.family).__name__)
    with private_randomness(seed, "trial of the model", device):
        before = random_state(device)
        one = tree_map(lambda tensor: tensor[0], batch.support)
        support, query = batch.support, measurement.query_of(batch)

        def name(error: TasksError) -> TasksError:
            return named(error, loss_fn, params, algorithm, measurement, batch)

        def train(side_by_side: bool) -> None:
            by = replace(measurement, vectorize=side_by_side)
            by.measure(algorithm, loss_fn, params, support, query, alpha_learned=True)

        def test(side_by_side: bool) -> None:
            data = (test_loss_fn, params, batch.support, batch.query)
            adaptation_curve(algorithm, *data, vectorize=side_by_side)

        try:
            _check_state(loss_fn, params, one)
        except (RuntimeError, IndexError) as error:
            if (limit := limitation(error)) is not None:
                raise _refused(loss_fn, algorithm, name(limit)) from error
            raise ValueError(
                f"{type(loss_fn.model).__name__} cannot run on the first task of "
                f"{type(loss_fn.family).__name__}: {str(error).strip().partition(chr(10))[0]}. "
                "Check that they match: model inputs and outputs, image channels and size, number "
                "of ways, dtypes"
            ) from error
        if isinstance(algorithm, ProtoMAML):
            _check_labels(loss_fn, algorithm.prototypes(loss_fn, params, one))
        try:
            trained = attempt(train, vectorize)
            # what cannot train side by side is not tried so in tests
            tested = attempt(test, vectorize if trained.vectorized else False)
        except TasksError as error:
            raise _refused(loss_fn, algorithm, name(error)) from error
        except RuntimeError as error:
            unknown = TasksError(
                f"stops with {str(error).strip().partition(chr(10))[0]!r}",
                "The error above this one shows where",
                side_by_side=False,
            )
            raise _refused(loss_fn, algorithm, name(unknown)) from error
        if trained.refusal is not None:
            say_loop(name(trained.refusal), meta_batch)
        elif tested.refusal is not None:
            say_loop(tested.refusal.of(f"a test of {type(loss_fn.family).__name__}"), CHUNK_TASKS)
        draws_random = random_state(device) != before
        return DryRun(draws_random, trained.vectorized, tested.vectorized)


def check_test(loss_fn: TaskLoss, params: Params, batch: TaskBatch) -> None:
    """Check that the model can be tested on tasks of another family.

    Args:
        loss_fn: Module in evaluation mode, and the other family.
        params: θ.
        batch: Tasks of that family.

    Raises:
        ValueError: The loss cannot be computed on the task with the most ways.
    """
    family = loss_fn.family
    outputs: list[Any] = []
    tasks, ways = [one_task(batch, i) for i in range(count_tasks(batch.support, batch.query))], 0
    ones = [tree_map(itemgetter(0), part) for one in tasks for part in (one.support, one.query)]
    if isinstance(family, LabelledFamily):
        most = [int(family.labels(one).max()) for one in ones]
        ways, ones = 1 + max(most), [ones[most.index(max(most))]]

    def predict(*args: Any, **kwargs: Any) -> Any:
        output = loss_fn.predictor(params)(*args, **kwargs)
        outputs.append(tuple(output.shape) if isinstance(output, Tensor) else type(output))
        return output

    try:
        with torch.no_grad():
            family.loss(predict, loss_fn.draw(params, ones[0]))
    except (RuntimeError, IndexError) as error:
        many = f", whose labels are 0 … {ways - 1} ({ways} ways)" * bool(ways)
        gives = f", and it gives outputs of shape {outputs[0]} for one task" * bool(outputs)
        raise ValueError(
            f"{type(loss_fn.model).__name__} cannot be tested on the tasks of "
            f"{type(family).__name__}{many}{gives}: {str(error).strip().partition(chr(10))[0]}. "
            "Test on tasks with at most as many ways as the model has outputs, and with inputs as "
            "in training"
        ) from error


def _refused(loss_fn: TaskLoss, algorithm: Algorithm, error: TasksError) -> ValueError:
    return ValueError(
        f"{type(loss_fn.model).__name__} cannot be meta-trained by {type(algorithm).__name__} on "
        f"{type(loss_fn.family).__name__}: {error}"
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
        parts = (getattr(each, part) for each in (raw, batch))
        leaves = (tree_leaves(list(p) if isinstance(p, TaskList) else p) for p in parts)
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
