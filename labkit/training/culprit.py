"""Whether the module or the family's loss is what torch cannot run, found by trying."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor

from labkit.core import (
    IMAML,
    LOSS_FUNCTION,
    MAML,
    Algorithm,
    JointTraining,
    Order,
    Params,
    RandomInitialization,
    Reptile,
    TasksError,
    tree_leaves,
)
from labkit.tasks import Predictor, TaskBatch, TaskFamily
from labkit.training.model import TaskLoss
from labkit.training.step import Measurement


def named(
    error: TasksError,
    loss_fn: TaskLoss,
    params: Params,
    algorithm: Algorithm,
    measurement: Measurement,
    batch: TaskBatch,
) -> TasksError:
    """The same error, with the module or the loss of its family as the cause.

    The module with the mean square of its outputs as the loss goes the same way: where that works,
    the cause is the family's loss.

    Args:
        error: What torch cannot do.
        loss_fn: Module and family.
        params: θ.
        algorithm: How tasks are adapted to.
        measurement: How the meta-gradient is measured.
        batch: Some tasks.
    """
    if error.who != LOSS_FUNCTION:
        return error
    first_order = isinstance(algorithm, Reptile | JointTraining | RandomInitialization)
    order: Order = 1 if first_order else _order(algorithm, params)
    try:
        MAML(0.01, 1, order).meta_gradient(
            replace(loss_fn, family=OutputsAlone(loss_fn.family)),
            params,
            batch.support,
            measurement.query_of(batch),
            checkpoint=measurement.checkpoint or isinstance(algorithm, IMAML),
            vectorize=error.side_by_side,
        )
    except NotCalledError:
        pass
    except Exception:  # noqa: BLE001  # whatever it is: it is not the family's loss
        return error.of(f"the model {type(loss_fn.model).__name__}")
    return error.of(f"the loss of {type(loss_fn.family).__name__}")


def _order(algorithm: Algorithm, params: Params) -> Order:
    return 2 if isinstance(algorithm, IMAML) else algorithm.task(params).loop.order


class NotCalledError(Exception):
    """A family's loss ended before it called the module."""


@final
class OutputsAlone:
    """A family's data with the mean square of a module's outputs as the loss.

    Args:
        family: Its loss decides what the module is called with.
    """

    def __init__(self, family: TaskFamily) -> None:
        self._family = family

    def sample(self, tasks: int, generator: torch.Generator) -> Any:
        """Tasks of the family."""
        return self._family.sample(tasks, generator)

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        """Σ of the mean squares of all that the module gives for this batch."""
        outputs: list[Any] = []
        failures: list[Exception] = []

        def remember(*args: Any, **kwargs: Any) -> Any:
            try:
                outputs.append(predict(*args, **kwargs))
            except Exception as error:
                failures.append(error)
                raise
            return outputs[-1]

        # the loss itself may fail; what the module gave before counts
        with suppress(Exception):
            self._family.loss(remember, batch)
        if failures:
            raise failures[0]
        if not outputs:
            raise NotCalledError
        leaves = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]
        squares = [leaf.square().mean() for leaf in leaves if leaf.is_floating_point()]
        return torch.stack(squares).sum()
