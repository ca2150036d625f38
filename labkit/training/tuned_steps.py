"""Step sizes chosen by trial, for models that were not trained for a particular one."""

from collections.abc import Sequence

import torch

from labkit.core import Params
from labkit.tasks import TaskBatch
from labkit.training.evaluation import AdaptationCurve
from labkit.training.meta_learner import MetaLearner


def tuned_alphas(
    learner: MetaLearner,
    batch: TaskBatch,
    inner_steps: int,
    alphas: Sequence[float],
    *,
    params: Params | None = None,
) -> list[float]:
    """For each number of steps, the step size that leaves the lowest mean query loss.

    Args:
        learner: Its θ is adapted; it is not changed.
        batch: Tasks to choose on, other than those to report on.
        inner_steps: K ≥ 0.
        alphas: Step sizes to try, at least one.
        params: θ to adapt in place of the learner's.

    Returns:
        K + 1 of `alphas`, the first of them for 0 steps. A mean that is not finite counts as
        infinite.

    Raises:
        ValueError: `alphas` is empty, or as for `adapt`.

    Example:
        >>> from labkit.core import JointTraining
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> from labkit.training import MetaLearner
        >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(), JointTraining())
        >>> tuned_alphas(learner, learner.held_out(20), 2, [0.001, 1e9])
        [0.001, 0.001, 0.001]
    """
    if not alphas:
        raise ValueError("alphas is empty: give at least one step size to try")
    curves = [
        learner.curve_on(batch, inner_steps, alpha=alpha, params=params).mean for alpha in alphas
    ]
    means = torch.stack(curves).nan_to_num(nan=torch.inf, posinf=torch.inf)  # (alphas, K + 1)
    return [alphas[int(number)] for number in means.argmin(dim=0)]


def curve_with_alphas(
    learner: MetaLearner,
    batch: TaskBatch,
    alphas: Sequence[float],
    *,
    params: Params | None = None,
) -> AdaptationCurve:
    """The query loss after 0 … K steps, k steps with the k-th step size.

    Each point is a separate adaptation: k steps of `alphas[k]`.

    Args:
        learner: Its θ is adapted; it is not changed.
        batch: Tasks to report on.
        alphas: K + 1 step sizes, such as from `tuned_alphas`.
        params: θ to adapt in place of the learner's.

    Example:
        >>> from labkit.core import JointTraining
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> from labkit.training import MetaLearner
        >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(), JointTraining())
        >>> curve = curve_with_alphas(learner, learner.held_out(20), [0.1, 0.1, 0.0])
        >>> bool(curve.mean[2] == curve.mean[0]), curve.mean.shape
        (True, torch.Size([3]))
    """
    steps = len(alphas) - 1
    curves = {
        alpha: learner.curve_on(batch, steps, alpha=alpha, params=params)
        for alpha in dict.fromkeys(alphas)
    }
    points = [curves[alpha] for alpha in alphas]
    return AdaptationCurve(
        mean=torch.stack([curve.mean[k] for k, curve in enumerate(points)]),
        ci95=torch.stack([curve.ci95[k] for k, curve in enumerate(points)]),
        median=torch.stack([curve.median[k] for k, curve in enumerate(points)]),
        diverged=torch.stack([curve.diverged[k] for k, curve in enumerate(points)]),
        tasks=points[0].tasks,
        task_losses=torch.stack([curve.task_losses[:, k] for k, curve in enumerate(points)], 1),
    )
