"""The finite-difference check on a learner's own module, tasks and algorithm."""

from dataclasses import replace

import torch
from torch import Tensor

from labkit.core import GradientCheck, Params, check_meta_gradient
from labkit.training.meta_learner import MetaLearner
from labkit.training.model import stream
from labkit.training.step import draw


def check_learner(
    learner: MetaLearner, *, tasks: int = 3, directions: int = 5, tolerance: float = 1e-6
) -> GradientCheck:
    """Compare a learner's meta-gradient with central differences of its meta-objective.

    In float64, at the present θ and α, whatever the learner's own precision; the module in
    evaluation mode, so dropout is off. The learner is not changed.

    Args:
        learner: Any learner whose algorithm has a gradient, see `check_meta_gradient`.
        tasks: Tasks to check on, ≥ 1.
        directions: Random directions in θ, and in α where it has a gradient, ≥ 1.
        tolerance: Largest relative error that passes, > 0.

    Returns:
        `GradientCheck`: `.passed`, and a table to print.

    Raises:
        ValueError: As for `check_meta_gradient`.

    Source:
        Nocedal, Wright 2006, Numerical Optimization, §8.1, eq. 8.7.

    Example:
        >>> from labkit.core import MAML
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=5), MAML(alpha=0.01))
        >>> check_learner(learner).passed
        True
    """
    params, constants = _doubled(learner.params), _doubled(learner.test_loss_fn.constants)
    batch = draw(learner.tasks, tasks, stream(learner.seed, "check of the gradient"), params)
    return check_meta_gradient(
        learner.current_algorithm(),
        replace(learner.test_loss_fn, constants=constants),
        params,
        batch.support,
        batch.query,
        generator=stream(learner.seed, "directions of the check"),
        directions=directions,
        tolerance=tolerance,
        vectorize=learner.vectorized,
    )


def _doubled(tensors: Params) -> Params:
    def double(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(torch.complex128)
        return tensor.double() if tensor.is_floating_point() else tensor

    return {name: double(tensor.detach()) for name, tensor in tensors.items()}
