"""Objectives of policies on a learner's own policy and goals, against the derivative itself."""

from dataclasses import replace
from typing import Any, get_args

import torch
from torch import Tensor

from labkit.core import (
    MAML,
    Alpha,
    Estimators,
    LossFn,
    Params,
    compare_estimators,
    drawing,
    task_gradients,
    tree_map,
    with_noise,
)
from labkit.core.policy_gradients import Objective
from labkit.tasks import PathwiseFamily, TaskFamily
from labkit.training.meta_learner import MetaLearner
from labkit.training.model import TaskLoss, stream

OBJECTIVES = ("pathwise", *get_args(Objective))
"""The reference first."""


def measure_estimators(
    learner: MetaLearner, *, tasks: int = 10, samples: int = 20, split: Any = "validation"
) -> Estimators:
    """Compare "dice", "lvc", "surrogate" and first order with "pathwise", at a learner's θ.

    On held-out goals, with the learner's α and K, see `compare_estimators`. Advantages are not
    standardised, for lengths to be comparable; where the learner's are, α is scaled so that the
    inner step stays as long.

    Args:
        learner: Of a policy, with `labkit.Navigation` as its tasks.
        tasks: Goals, ≥ 1.
        samples: Times that all trajectories are drawn again, ≥ 3.
        split: As for `MetaLearner.adaptation_curve`.

    Returns:
        `Estimators`; its `angles` are those between mean meta-gradients, in degrees.

    Raises:
        ValueError: The tasks have no derivative, or a number is out of its range.

    Example:
        >>> from labkit.tasks import Navigation, gaussian_policy
        >>> family = Navigation(shots=4, queries=4, horizon=4, reach=0, smooth=True)
        >>> learner = MetaLearner(gaussian_policy, family, MAML(alpha=0.1), meta_batch=2)
        >>> measure_estimators(learner, tasks=2, samples=3).names
        ('pathwise', 'dice', 'lvc', 'surrogate', 'first order')
    """
    batch = learner.held_out(tasks, split=split)
    algorithm = learner.current_algorithm()
    return estimators_at(
        learner.tasks,
        learner.test_loss_fn,
        learner.params,
        batch.info,
        alpha=algorithm.evaluation_alpha(algorithm.inner_steps),
        inner_steps=algorithm.inner_steps,
        samples=samples,
        generator=stream(learner.seed, "estimators"),
    )


def estimators_at(
    family: TaskFamily,
    loss_fn: TaskLoss,
    params: Params,
    info: dict[str, Tensor],
    *,
    alpha: Alpha,
    inner_steps: int,
    samples: int,
    generator: torch.Generator,
) -> Estimators:
    """The same at any θ, on the goals of a batch.

    Raises:
        ValueError: As for `measure_estimators`.
    """
    if not isinstance(family, PathwiseFamily):
        raise ValueError(
            f"{type(family).__name__} has no derivative through its simulation to compare with: "
            "give labkit.Navigation"
        )
    kinds = {name: family.comparable(name) for name in OBJECTIVES}
    batches = {name: kind.on_goals(info) for name, kind in kinds.items()}
    losses: dict[str, LossFn] = {
        name: replace(loss_fn, family=kind) for name, kind in kinds.items()
    }
    if inner_steps:
        scale = inner_scale(loss_fn, family, params, info)
        alpha = tree_map(lambda size: size * scale, alpha)
    return compare_estimators(
        losses,
        params,
        {name: batch.support for name, batch in batches.items()},
        batches["pathwise"].query,
        alpha=alpha,
        inner_steps=inner_steps,
        samples=samples,
        generator=generator,
    )


def inner_scale(
    loss_fn: TaskLoss, family: PathwiseFamily, params: Params, info: dict[str, Tensor]
) -> float:
    """How much longer the gradient of a family's own loss is than that on the common scale."""

    def size(kind: Any) -> float:
        batch = kind.on_goals(info)
        seeds = torch.Generator().manual_seed(0)
        data = with_noise(drawing(batch.support, seeds, by_step=False), 1)
        loss = replace(loss_fn, family=kind)
        slopes = task_gradients(MAML(alpha=0.0, inner_steps=0), loss, params, data, data)
        squares = [slope.flatten(1).square().sum(1) for slope in slopes.values()]
        return float(torch.stack(squares).sum(0).sqrt().mean())

    own = getattr(family, "objective", "dice")
    return size(family) / size(family.comparable(own))
