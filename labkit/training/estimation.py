"""The curve of many tasks, estimated from few of them and from an earlier curve of all."""

from dataclasses import replace

import torch
from torch import Tensor

from labkit.training.evaluation import AdaptationCurve, MetricCurve

LEAST_TASKS = 5
"""With fewer of them there is no estimate."""


def estimate_curve(few: AdaptationCurve, earlier: AdaptationCurve) -> AdaptationCurve:
    r"""What a curve of all tasks would show, from its first tasks and an earlier curve of all.

    Few tasks are quick to measure, but their mean may be far from that of all: which tasks they are
    matters more than what changes from one θ to the next. Of the first n of N tasks both the
    earlier losses $x_i$ and the new ones $y_i$ are known, so the regression estimator of survey
    sampling takes out what sets the n apart, for each number of inner steps:

    $$\hat{y} = \bar{y}_n + b\,(\bar{x}_N - \bar{x}_n), \qquad
      b = \frac{\sum_i (x_i - \bar{x}_n)(y_i - \bar{y}_n)}{\sum_i (x_i - \bar{x}_n)^2}$$

    The estimate stays between the least and the greatest of the new values: few tasks do not vouch
    for more. Its interval is that of a mean over N tasks, and of what the regression leaves
    unexplained:

    $$\left(\tfrac{\mathrm{ci}}{1.96}\right)^2 = \frac{s_e^2}{n}\Bigl(1 - \frac{n}{N}\Bigr)
      + \frac{b^2 s_x^2 + s_e^2}{N}$$

    Args:
        few: Of the first n of the tasks of `earlier`, at another θ or with other settings. Tasks
            that were drawn alike will do too, such as those with other shots.
        earlier: Of N tasks. Its last number of inner steps stands for all beyond.

    Returns:
        A curve of N tasks, whose `task_losses` are those of the n. It is `few` itself where there
        is nothing to relate: n is below `LEAST_TASKS` or not below N; and at each number of inner
        steps where the earlier losses tell nothing, and the interval would be longer than that of
        `few`, as after they have diverged.

    Source:
        Cochran 1977, Sampling Techniques, chapter 7.

    Example:
        New losses are half of the earlier ones, and four of the first five tasks are easy ones.

        >>> from labkit.training.evaluation import summarise
        >>> losses = torch.tensor([0.0, 1, 2, 3, 19, *range(4, 19)])[:, None]
        >>> few = summarise(losses[:5] / 2)
        >>> few.mean, estimate_curve(few, summarise(losses)).mean
        (tensor([2.5000]), tensor([4.7500]))
    """
    n, all_tasks = few.tasks, earlier.tasks
    if not LEAST_TASKS <= n < all_tasks:
        return few
    steps = torch.arange(len(few.mean)).clamp(max=len(earlier.mean) - 1)
    losses = _estimated(few.task_losses, earlier.task_losses[:, steps], _of_losses(few))
    metrics = {
        name: _estimated(curve.task_values, earlier.metrics[name].task_values[:, steps], curve)
        for name, curve in few.metrics.items()
        if name in earlier.metrics
    }
    return replace(
        few,
        mean=losses.mean,
        ci95=losses.ci95,
        median=losses.median,
        tasks=all_tasks,
        metrics={**few.metrics, **metrics},
    )


def _of_losses(curve: AdaptationCurve) -> MetricCurve:
    return MetricCurve(curve.mean, curve.ci95, curve.median, curve.task_losses)


def _estimated(new: Tensor, earlier: Tensor, few: MetricCurve) -> MetricCurve:
    """From values (n, K + 1) and (N, K + 1); as for the few where numbers are not finite."""
    n, all_tasks = len(new), len(earlier)
    before = earlier[:n]
    dx, dy = before - before.mean(0), new - new.mean(0)
    square = dx.square().sum(0)
    slope = torch.where(square > 0, (dx * dy).sum(0) / square, 0.0)
    residual = (dy - slope * dx).square().sum(0) / (n - 2)
    mean = new.mean(0) + slope * (earlier.mean(0) - before.mean(0))
    variance = residual / n * (1 - n / all_tasks)
    variance = variance + (slope.square() * earlier.var(0) + residual) / all_tasks
    mean = mean.clamp(new.amin(0), new.amax(0))
    shift = mean - new.mean(0)
    ci95 = 1.96 * variance.sqrt()
    good = torch.isfinite(mean) & (ci95 <= few.ci95)  # not a number is not good
    return MetricCurve(
        mean=torch.where(good, mean, few.mean),
        ci95=torch.where(good, ci95, few.ci95),
        median=torch.where(good, few.median + shift, few.median),
        task_values=new,
    )
