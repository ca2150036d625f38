"""One run of the paper's 2D navigation: train a policy, and test it over gradient steps."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from labkit.core import MAML, TRPO, Algorithm, Alpha, JointTraining, RandomInitialization
from labkit.experiments import Result, provenance, text_table
from labkit.paper.settings import NavigationSettings
from labkit.paper.training import TrainedRun, train_run, training_blocks
from labkit.session import adaptation_columns
from labkit.tasks import Navigation, TaskBatch, best_returns, gaussian_policy
from labkit.training import (
    AdaptationCurve,
    MetaLearner,
    curve_with_alphas,
    draw,
    stream,
    tuned_alphas,
)

HELD_OUT_GOALS = 40

MOST_STEPS = 3
"""Gradient steps of a test, as in the paper."""

ALPHAS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Candidates for a tuned step size."""

NAVIGATION_TABLE = "navigation_table"
"""Name of the curve with all measurements."""


def train_navigation_run(settings: NavigationSettings) -> TrainedRun[NavigationSettings]:
    """Train a policy for the paper's 2D navigation.

    "maml" is `MAML`; "pretrained" is `JointTraining`, one policy for all goals; "random" is not
    trained; "oracle" is "pretrained" with the goal in its observation. The meta-optimiser is Adam,
    with β (1 − (n − 1)/N) at meta-step n of N, or TRPO as in the paper; the objective is LVC.

    Raises:
        DivergedError: A loss or θ is no longer finite.

    Example:
        >>> few = NavigationSettings(meta_steps=1, meta_batch=2, shots=2, horizon=5)
        >>> train_navigation_run(few).learner.meta_step
        1
    """
    oracle = settings.method == "oracle"
    family = Navigation(
        shots=settings.shots,
        queries=settings.shots,
        horizon=settings.horizon,
        reward=settings.reward,
        oracle=oracle,
        objective="lvc",
        gae=settings.gae,
    )
    learner = MetaLearner(
        partial(gaussian_policy, observations=4 if oracle else 2, log_std=settings.log_std),
        family,
        _algorithm(settings),
        beta=settings.beta,
        meta_optimizer=TRPO() if settings.meta_optimizer == "trpo" else settings.meta_optimizer,
        meta_batch=settings.meta_batch,
        seed=settings.seed,
    )
    return train_run(settings, learner, beta=lambda share: settings.beta * (1 - share))


def measure_navigation_run(
    run: TrainedRun[NavigationSettings], goals: int = HELD_OUT_GOALS
) -> Result:
    """Test a run on goals that training never sees: the return after 0 … 3 gradient steps.

    - "maml": α for the steps that it trains with, half of α for later ones, as in the paper.
    - "pretrained", "random": the step size of `ALPHAS` that has the highest mean return after this
      number of steps, on other goals; the paper tunes them by hand.
    - "oracle": takes no step.

    Args:
        run: From `train_navigation_run`.
        goals: How many, ≥ 1.

    Returns:
        `Result`; its curve "navigation_table" has a row for each number of steps; metrics are
        `return_0` … `return_3`, `ci95_0` … over the goals, and `best`, which no policy exceeds on
        these goals.

    Example:
        >>> few = NavigationSettings(meta_steps=1, meta_batch=2, shots=2, horizon=5)
        >>> sorted(measure_navigation_run(train_navigation_run(few), goals=3).metrics)[:2]
        ['best', 'ci95_0']
    """
    family = run.learner.tasks
    assert isinstance(family, Navigation)  # noqa: S101  # for the type checker
    family = replace(family, shots=run.settings.test_shots)
    batch = run.learner.held_out(goals, family)
    curve, alphas = _test(run, family, batch)
    best = float(best_returns(family, batch.info["goal"]).mean())
    columns = {
        "inner_step": np.arange(MOST_STEPS + 1.0),
        "return": -curve.mean.numpy(),
        "ci95": curve.ci95.numpy(),
        "test_alpha": np.array(alphas),
        "best": np.full(MOST_STEPS + 1, best),
    }
    metrics = {"best": best}
    for step in range(MOST_STEPS + 1):
        metrics[f"return_{step}"] = float(columns["return"][step])
        metrics[f"ci95_{step}"] = float(columns["ci95"][step])
    return Result(
        parameters=run.settings.model_dump(),
        metrics=metrics,
        curves={
            "adaptation": adaptation_columns(curve),
            "training": training_blocks(run.history),
            NAVIGATION_TABLE: columns,
        },
        events=[],
        provenance={
            **provenance(),
            "seed": run.settings.seed,
            "seconds": run.seconds,
            "tasks": goals,
        },
        learner=lambda: run.learner,
    )


def navigation_run_table(result: Result) -> str:
    """The measurements of a run as text: a line for each number of gradient steps."""
    heads = ("gradient steps", "return", "± 95 %", "at most", "step size")
    columns = result.curves[NAVIGATION_TABLE]
    rows = []
    for number in range(len(columns["inner_step"])):
        row: dict[str, Any] = {name: values[number] for name, values in columns.items()}
        rows.append(
            (
                f"{row['inner_step']:.0f}",
                f"{row['return']:.1f}",
                f"{row['ci95']:.1f}",
                f"{row['best']:.1f}",
                f"{row['test_alpha']:g}",
            )
        )
    return text_table(heads, rows, set())


def _test(
    run: TrainedRun[NavigationSettings], family: Navigation, batch: TaskBatch
) -> tuple[AdaptationCurve, list[float]]:
    """The curve, and the step size of its k-th step (tuned: of all k steps)."""
    learner, settings = run.learner, run.settings

    def curve(alpha: Alpha) -> AdaptationCurve:
        return learner.curve_on(batch, MOST_STEPS, alpha=alpha, family=family)

    if settings.method == "oracle":
        return curve(0.0), [0.0] * (MOST_STEPS + 1)
    if settings.method == "maml":
        steps = range(MOST_STEPS)
        sizes = [settings.alpha / (1 if k < settings.inner_steps else 2) for k in steps]
        return curve(sizes), [settings.alpha, *sizes]
    generator = stream(learner.seed, "tuning of the step size")
    tuning = draw(family, HELD_OUT_GOALS, generator, learner.params)
    alphas = tuned_alphas(learner, tuning, MOST_STEPS, ALPHAS)
    return curve_with_alphas(learner, batch, alphas), alphas


def _algorithm(settings: NavigationSettings) -> Algorithm:
    if settings.method == "maml":
        return MAML(alpha=settings.alpha, inner_steps=settings.inner_steps)
    if settings.method == "random":
        return RandomInitialization(alpha=settings.alpha)
    return JointTraining(alpha=settings.alpha, inner_steps=0 if settings.method == "oracle" else 1)
