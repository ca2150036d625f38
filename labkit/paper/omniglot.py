"""One run of the paper's Omniglot rows: train and test conv4 as the paper does."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from labkit.core import MAML
from labkit.experiments import Result, provenance, text_table
from labkit.figures import ComparedGroup, PlainFigure, comparison_figure
from labkit.paper.settings import FewShotSettings
from labkit.paper.training import TrainedRun, train_run, training_blocks
from labkit.session import Columns, adaptation_columns
from labkit.tasks import Emoji, Omniglot, conv4
from labkit.training import MetaLearner, on_split

TEST_STEPS = 3
"""Inner steps of a test, as in the paper."""

TESTS = ("upright", "turned")
"""In "turned", a test character turned by 90, 180 or 270 degrees is another class."""

FEW_SHOT_TABLE = "few_shot_table"
"""Name of the curve with all measurements."""

_DTYPES = {"emoji": torch.float64, "omniglot": torch.float32}
"""Emoji are the notebook's example, with equal digits on every machine; for Omniglot, float32
halves a training of several hours."""


def train_few_shot_run(settings: FewShotSettings) -> TrainedRun[FewShotSettings]:
    """Train the paper's convolutional network from scratch, with transductive batch norm.

    At meta-step n of N, β (1 − (n − 1)/N) is Adam's step size.

    Raises:
        DivergedError: A loss or θ is no longer finite.
        ValueError: There are fewer classes than ways, or too few drawings of each.
        FileNotFoundError: Omniglot is missing and could not be downloaded.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, App. A.1; β is constant there.

    Example:
        >>> few = FewShotSettings(data="emoji", ways=2, meta_batch=2, meta_steps=1)
        >>> train_few_shot_run(few).learner.meta_step
        1
    """
    emoji = settings.data == "emoji"
    family = (Emoji if emoji else Omniglot)(settings.ways, settings.shots, settings.shots)
    learner = MetaLearner(
        partial(conv4, ways=settings.ways, channels=3 if emoji else 1),
        family,
        MAML(
            alpha=settings.alpha,
            inner_steps=settings.inner_steps,
            order=1 if settings.method == "first_order" else 2,
        ),
        beta=settings.beta,
        meta_batch=settings.meta_batch,
        seed=settings.seed,
        dtype=_DTYPES[settings.data],
        batch_norm="transductive",
    )
    return train_run(settings, learner, beta=lambda share: settings.beta * (1 - share))


def measure_few_shot_run(run: TrainedRun[FewShotSettings]) -> Result:
    """Test a run on classes that training never sees, with α in each of three steps.

    Batch norm is transductive: the query points of a task are normalised together. Omniglot is
    tested twice: "upright", and "turned", in which characters turned by 90, 180 or 270 degrees are
    classes too, as in training and in the tests of the paper's code. A test task has as many query
    as support points.

    Args:
        run: From `train_few_shot_run`.

    Returns:
        `Result`; its curve "few_shot_table" has a row for each `test` (as the number in `TESTS`)
        and `inner_step` 0 … 3, "adaptation" is the upright part; metrics are
        `accuracy_1_upright` and so on, after 1 and 3 steps.

    Example:
        >>> few = FewShotSettings(data="emoji", ways=2, meta_steps=1, test_tasks=4)
        >>> sorted(measure_few_shot_run(train_few_shot_run(few)).metrics)
        ['accuracy_1_upright', 'accuracy_3_upright']
    """
    learner, alpha = run.learner, run.settings.alpha
    upright = on_split(learner.tasks, "test")
    families = {"upright": upright}
    if isinstance(upright, Omniglot):
        families["turned"] = replace(upright, rotations=True)
    tests: dict[str, Columns] = {}
    metrics: dict[str, float] = {}
    for name, family in families.items():
        batch = learner.held_out(run.settings.test_tasks, family)
        curve = learner.curve_on(batch, TEST_STEPS, alpha=[alpha] * TEST_STEPS, family=family)
        tests[name] = adaptation_columns(curve)
        for step in (1, TEST_STEPS):
            metrics[f"accuracy_{step}_{name}"] = float(curve.metrics["accuracy"].mean[step])
    rows = [
        {"test": np.full(TEST_STEPS + 1, float(TESTS.index(name))), **columns}
        for name, columns in tests.items()
    ]
    return Result(
        parameters=run.settings.model_dump(),
        metrics=metrics,
        curves={
            "adaptation": tests["upright"],
            "training": training_blocks(run.history),
            FEW_SHOT_TABLE: {name: np.concatenate([row[name] for row in rows]) for name in rows[0]},
        },
        events=[],
        provenance={**provenance(), "seed": run.settings.seed, "seconds": run.seconds},
        learner=lambda: run.learner,
    )


def few_shot_run_table(result: Result) -> str:
    """The measurements of a run as text: a line for each test and number of steps."""
    heads = ("test", "inner steps", "accuracy", "± 95 %", "query loss", "diverged")
    columns = result.curves[FEW_SHOT_TABLE]
    rows = []
    for number in range(len(columns["test"])):
        row: dict[str, Any] = {name: values[number] for name, values in columns.items()}
        rows.append(
            (
                TESTS[int(row["test"])],
                f"{row['inner_step']:.0f}",
                f"{row['accuracy']:.1%}",
                f"{row['accuracy_ci95']:.1%}",
                f"{row['query_loss']:.3f}",
                f"{row['diverged']:.1%}",
            )
        )
    return text_table(heads, rows, {"test"})


def few_shot_run_view(result: Result) -> go.Figure:
    """Draw the accuracy of a run over inner steps, for each test, with intervals over the tasks.

    Args:
        result: From `measure_few_shot_run`.

    Example:
        >>> few = FewShotSettings(data="emoji", ways=2, meta_steps=1, test_tasks=4)
        >>> figure = few_shot_run_view(measure_few_shot_run(train_few_shot_run(few)))
        >>> figure.data[0].name, len(figure.data[0].y)
        ('upright', 4)
    """
    table = {name: np.asarray(values) for name, values in result.curves[FEW_SHOT_TABLE].items()}
    groups = []
    for number in np.unique(table["test"]):
        rows = table["test"] == number
        accuracy, ci95 = table["accuracy"][rows], table["accuracy_ci95"][rows]
        label = TESTS[int(number)]
        groups.append(ComparedGroup(label, accuracy, ci95, float(accuracy[-1]), float(ci95[-1])))
    metric = f"accuracy after {TEST_STEPS} steps"
    return PlainFigure.of(comparison_figure(groups, metric=metric, measure="accuracy"))
