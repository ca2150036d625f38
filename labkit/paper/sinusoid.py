"""One run of the paper's sinusoid table: train and test a method as the paper does."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from labkit.core import MAML, Algorithm, JointTraining, Order
from labkit.experiments import Result, provenance, text_table
from labkit.paper.settings import PaperSettings
from labkit.paper.training import TrainedRun, train_run, training_blocks
from labkit.session import Columns, adaptation_columns
from labkit.tasks import Sinusoid, sinusoid_mlp
from labkit.training import (
    HELD_OUT,
    AdaptationCurve,
    MetaLearner,
    curve_with_alphas,
    draw,
    stream,
    tuned_alphas,
)

SHOTS = (5, 10, 20)
"""Support points per test task."""

STEPS = (1, 5, 10)
"""Numbers of inner steps with recorded metrics."""

STEP_SIZES = ("constant", "halved", "tuned", "none")
"""Rules for the step sizes of a test."""

SHOWN = 10
"""Shots of the curve "adaptation", which comparisons of runs draw."""

QUERIES, TUNING_QUERIES = 100, 20
"""Query points per reported task, and per task for tuning a step size."""

ALPHAS = tuple(float(f"{alpha:.3g}") for alpha in np.logspace(-4, 0, 13))
"""Candidates for a tuned step size: three for each factor of ten."""

TABLE = "table"
"""Name of the curve with all measurements."""


def train_paper_run(settings: PaperSettings) -> TrainedRun[PaperSettings]:
    """Train a method of the paper's sinusoid experiments from scratch, by Adam.

    "maml" and "first_order" are `MAML` of either order; "pretrained" is `JointTraining`, one
    model for the data of all tasks; "oracle" is the same with A and φ among its inputs.

    Raises:
        DivergedError: A loss or θ is no longer finite.

    Example:
        >>> train_paper_run(PaperSettings(meta_steps=2, meta_batch=3)).learner.meta_step
        2
    """
    oracle = settings.method == "oracle"
    learner = MetaLearner(
        partial(sinusoid_mlp, inputs=3) if oracle else sinusoid_mlp,
        Sinusoid(shots=settings.shots, oracle=oracle),
        _algorithm(settings),
        beta=settings.beta,
        meta_batch=settings.meta_batch,
        seed=settings.seed,
        dtype=torch.float64,  # the same digits on every machine
    )
    return train_run(settings, learner)


def measure_paper_run(run: TrainedRun[PaperSettings], tasks: int = HELD_OUT) -> Result:
    """Test a run with 5, 10 and 20 shots, on tasks that training never sees.

    The step sizes of a test are, by method:

    - "maml", "first_order": "constant", α for every step; "halved", half of it after the
      trained steps;
    - "pretrained": "tuned", the one of `ALPHAS` with the lowest mean loss for this number of
      shots and steps, chosen on other tasks than the reported ones;
    - "oracle": "none", it takes no steps, so the loss is the same after any number of them.

    Args:
        run: From `train_paper_run`.
        tasks: Number of held-out tasks, ≥ 1, and of the tasks for tuning.

    Returns:
        `Result`; its curve "table" has a row for each `test_shots`, `step_sizes` (as the number in
        `STEP_SIZES`) and `inner_step` 0 … 10, "adaptation" is the part with 10 shots and the
        method's last rule; metrics are `loss_5_shots_1_halved` and so on, and `median_` and
        `diverged_` in place of `loss_`.

    Example:
        >>> run = train_paper_run(PaperSettings(method="oracle", meta_steps=2, meta_batch=3))
        >>> sorted(measure_paper_run(run, tasks=4).metrics)[-1]
        'median_5_shots_5_none'
    """
    tests: list[Columns] = []
    adaptation: Columns = {}
    metrics: dict[str, float] = {}
    for shots in SHOTS:
        for rule, curve, alphas in _tests(run, shots, tasks):
            columns = adaptation_columns(curve)
            named = {"test_shots": float(shots), "step_sizes": float(STEP_SIZES.index(rule))}
            same = {name: np.full(len(alphas), value) for name, value in named.items()}
            tests.append({**same, **columns, "test_alpha": np.array(alphas)})
            if shots == SHOWN:
                adaptation = columns
            for step in STEPS:
                ending = f"{shots}_shots_{step}_{rule}"
                metrics[f"loss_{ending}"] = float(curve.mean[step])
                metrics[f"median_{ending}"] = float(curve.median[step])
                metrics[f"diverged_{ending}"] = float(curve.diverged[step])
    return Result(
        parameters=run.settings.model_dump(),
        metrics=metrics,
        curves={
            "adaptation": adaptation,
            "training": training_blocks(run.history),
            TABLE: {name: np.concatenate([test[name] for test in tests]) for name in tests[0]},
        },
        events=[],
        provenance={
            **provenance(),
            "seed": run.settings.seed,
            "seconds": run.seconds,
            "tasks": tasks,
        },
        learner=lambda: run.learner,
    )


def paper_run_table(result: Result) -> str:
    """The measurements of a run as text: a line for each test and number of steps."""
    heads = ("shots", "step sizes", "inner steps", "mean", "± 95 %", "median", "diverged")
    columns = result.curves[TABLE]
    rows = []
    for number in range(len(columns["test_shots"])):
        row: dict[str, Any] = {name: values[number] for name, values in columns.items()}
        if row["inner_step"] in STEPS:
            rows.append(
                (
                    f"{row['test_shots']:.0f}",
                    STEP_SIZES[int(row["step_sizes"])],
                    f"{row['inner_step']:.0f}",
                    f"{row['query_loss']:.4g}",
                    f"{row['ci95']:.3g}",
                    f"{row['median']:.3g}",
                    f"{row['diverged']:.1%}",
                )
            )
    return text_table(heads, rows, {"step sizes"})


def _algorithm(settings: PaperSettings) -> Algorithm:
    if settings.method in {"pretrained", "oracle"}:
        return JointTraining(inner_steps=0)
    order: Order = 1 if settings.method == "first_order" else 2
    return MAML(alpha=settings.alpha, inner_steps=settings.inner_steps, order=order)


def _tests(
    run: TrainedRun[PaperSettings], shots: int, tasks: int
) -> Iterator[tuple[str, AdaptationCurve, list[float]]]:
    """Rule, curve, and the step size of its k-th step (tuned: of all k steps)."""
    learner, method, most = run.learner, run.settings.method, max(STEPS)
    family = replace(Sinusoid(oracle=method == "oracle"), shots=shots, queries=QUERIES)
    batch = learner.held_out(tasks, family)
    if method == "oracle":
        none = [0.0] * (most + 1)
        yield "none", learner.curve_on(batch, most, alpha=0.0), none
    elif method == "pretrained":
        generator = stream(learner.seed, "tuning of the step size")
        tuning = draw(replace(family, queries=TUNING_QUERIES), tasks, generator, learner.params)
        alphas = tuned_alphas(learner, tuning, most, ALPHAS)
        yield "tuned", curve_with_alphas(learner, batch, alphas), alphas
    else:
        alpha, trained = run.settings.alpha, run.settings.inner_steps
        constant = [alpha] * most
        halved = [alpha if k < trained else alpha / 2 for k in range(most)]
        for rule, sizes in (("constant", constant), ("halved", halved)):
            yield rule, learner.curve_on(batch, most, alpha=sizes), [alpha, *sizes]
