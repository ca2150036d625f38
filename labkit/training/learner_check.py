"""The finite-difference check on a learner's own module, tasks and algorithm."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from labkit.core import (
    Algorithm,
    GradientCheck,
    UnrollingAlgorithm,
    check_meta_gradient,
    tree_map,
)
from labkit.tasks import Navigation, TaskFamily
from labkit.training.meta_learner import MetaLearner
from labkit.training.model import stream
from labkit.training.step import follows_theta, hold, is_drawn, sampled, to_model


def check_learner(
    learner: MetaLearner, *, tasks: int = 3, directions: int = 5, tolerance: float = 1e-6
) -> GradientCheck:
    """Compare a learner's meta-gradient with central differences of its meta-objective.

    In float64, at the present θ and α, whatever the learner's own precision; the module in
    evaluation mode, so dropout is off. The learner is not changed.

    Trajectories that a policy draws, without a derivative, are drawn once with the present θ and
    held: the objective is then a function of θ through the probabilities of their actions. That its
    derivatives estimate those of the expected return is another question, which "surrogate" fails:
    see `labkit.policy_objective`.

    Args:
        learner: Any learner whose algorithm has a gradient, see `check_meta_gradient`.
        tasks: Tasks to check on, ≥ 1.
        directions: Random directions in θ, and in α where it has a gradient, ≥ 1.
        tolerance: Largest relative error that passes, > 0.

    Returns:
        `GradientCheck`: `.passed`, and a table to print.

    Raises:
        ValueError: As for `check_meta_gradient`; or a policy draws the data, and the algorithm does
            not differentiate through inner steps, or the loss has the derivative of another return
            than the one it reports.

    Source:
        Nocedal, Wright 2006, Numerical Optimization, §8.1, eq. 8.7.

    Example:
        >>> from labkit.core import MAML
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=5), MAML(alpha=0.01))
        >>> check_learner(learner).passed
        True
    """
    loss_fn, algorithm = learner.test_loss_fn, learner.current_algorithm()
    params, vectorize = _doubled(learner.params), learner.vectorized
    batch = sampled(learner.tasks, tasks, stream(learner.seed, "check of the gradient"))
    on_policy = is_drawn(batch.query)
    if on_policy:
        _check_drawn(learner.tasks, algorithm)
    own = to_model(batch, learner.params)
    if on_policy and not follows_theta(loss_fn, learner.params, own.query):
        held = hold(algorithm, loss_fn, learner.params, own.support, own.query, vectorize=False)
        support, query = _doubled(held[0]), _doubled(held[1])
        vectorize = True  # what has kept tasks from it were the functions that draw
    else:
        batch = to_model(batch, params)
        support, query = batch.support, batch.query
    return check_meta_gradient(
        algorithm,
        replace(loss_fn, constants=_doubled(loss_fn.constants)),
        params,
        support,
        query,
        generator=stream(learner.seed, "directions of the check"),
        directions=directions,
        tolerance=tolerance,
        vectorize=vectorize,
    )


def _check_drawn(family: TaskFamily, algorithm: Algorithm) -> None:
    if not isinstance(algorithm, UnrollingAlgorithm):
        raise ValueError(
            f"a policy draws the data of {type(family).__name__}, and differences can follow that "
            f"through inner steps that are differentiated through alone, got {algorithm}: check "
            "the same learner with MAML"
        )
    if isinstance(family, Navigation) and family.objective == "pathwise" and family.discount != 1:
        raise ValueError(
            "objective='pathwise' reports the mean return and has the derivative of the one with "
            f"discount={family.discount:g}, so differences cannot confirm it: check with discount=1"
        )


def _doubled(tree: Any) -> Any:
    def double(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(torch.complex128)
        return tensor.detach().double() if tensor.is_floating_point() else tensor

    return tree_map(double, tree)
