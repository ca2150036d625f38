"""How far the tasks of a batch agree on where θ should go."""

from dataclasses import dataclass

from torch import Tensor

from labkit.core.algorithms import Algorithm
from labkit.core.checks import count_tasks
from labkit.core.linalg import as_vector, length
from labkit.core.probes.directions import task_gradients
from labkit.core.types import Batch, LossFn, Params
from labkit.core.vectorize import Vectorize


@dataclass(frozen=True, slots=True)
class GradientVariance:
    """What `gradient_variance` returns.

    Attributes:
        variance: Of each element over the tasks, unbiased, like `params`.
        total: The trace of the covariance over the tasks, 0-d.
        squared_mean: ‖mean over the tasks‖², 0-d.
        signal_to_noise: ‖mean‖² / (total / tasks), 0-d; around 1 where the tasks share no
            direction at all; inf where all of them agree.
    """

    variance: Params
    total: Tensor
    squared_mean: Tensor
    signal_to_noise: Tensor


def gradient_variance(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    vectorize: Vectorize = "auto",
) -> GradientVariance:
    """Measure how far the tasks of a batch agree on where θ should go.

    With d_i the direction of task i and d̄ their mean over n tasks: variance
    Σ_i (d_i − d̄)² / (n − 1) of each element, total Σ of it over all elements, and signal to noise
    ‖d̄‖² / (total / n), where total / n estimates the variance of d̄ itself.

    Args:
        algorithm: Any algorithm.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …), tasks ≥ 2.
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        `GradientVariance`, in units of the squared gradient; the ratio has none.

    Raises:
        ValueError: There are fewer than two tasks; or as for `labkit.meta_gradient`.

    Source:
        McCandlish et al. 2018, arXiv:1812.06162, eq. 2.9: total / ‖mean‖² is their "simple noise
        scale", in tasks.

    Example:
        The gradients of the tasks are 1 and 3: mean 2, variance 2, and 2² / (2 / 2) = 4.

        >>> import torch
        >>> from labkit.core.algorithms.maml import MAML
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> tasks = torch.zeros(2), torch.tensor([3.0, 1.0])
        >>> joint = MAML(inner_steps=0)
        >>> found = gradient_variance(joint, loss, {"w": torch.tensor(4.0)}, *tasks)
        >>> found.variance["w"], found.signal_to_noise
        (tensor(2.), tensor(4.))
    """
    tasks = count_tasks(support, query)
    if tasks < 2:
        raise ValueError(
            "a variance over tasks needs at least 2 tasks, got 1: sample a larger batch"
        )
    gradients = task_gradients(algorithm, loss_fn, params, support, query, vectorize=vectorize)
    variance = {name: g.var(0, correction=1) for name, g in gradients.items()}
    total = as_vector(variance).sum()
    squared_mean = length(as_vector({name: g.mean(0) for name, g in gradients.items()})) ** 2
    return GradientVariance(variance, total, squared_mean, squared_mean / (total / tasks))
