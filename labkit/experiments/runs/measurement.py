"""A session measured on held-out tasks, and the outputs that an executed notebook keeps of it."""

import math
import os
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from IPython.display import display

from labkit.experiments.kernels import LEARNER_VARIABLE
from labkit.experiments.runs.learners import write_learner
from labkit.experiments.runs.reproduction import provenance
from labkit.experiments.runs.result import MIME_TYPE, Divergence, Result
from labkit.experiments.tables import number_text
from labkit.figures import PlainFigure, lab_figure, lab_view
from labkit.session import Session, TrainingCurve, adaptation_columns, training_columns
from labkit.training import HELD_OUT

_LOSSES = ("meta_step", "loss_before", "loss_after")

SHOWN_LIVE = (
    "The lab above shows this session as it is; a headless run stores its figure here. "
    "In a live notebook `figure` holds it: display(figure) draws it."
)


def measure(session: Session, tasks: int = HELD_OUT) -> Result:
    """Evaluate a session as it is now on held-out tasks, of the split "test" if there is one.

    Args:
        session: Any session, trained or not; a playing one keeps playing.
        tasks: Number of held-out tasks, ≥ 1.

    Returns:
        `Result`; its metrics are the query loss at θ (`query_loss_before`) and after the trained
        number of inner steps (`query_loss_after`), their quotient (`ratio`), the share of tasks
        that have diverged after these inner steps (`diverged`), and for each measure of the task
        family, such as the accuracy, `accuracy_before` and `accuracy_after`.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid)
        >>> measure(session).curves["adaptation"]["inner_step"].size
        11
    """
    snapshot = session.snapshot()
    inner_steps = snapshot.settings.inner_steps
    curve = session.adaptation_curve(snapshot, split="test", tasks=tasks)
    before, after = float(curve.mean[0]), float(curve.mean[inner_steps])
    measured = {
        f"{name}_{when}": float(values.mean[step])
        for name, values in curve.metrics.items()
        for when, step in (("before", 0), ("after", inner_steps))
    }
    training = training_columns(snapshot.curve)
    training.pop("seconds")  # they differ between runs whose curves are otherwise equal
    return Result(
        parameters=snapshot.settings.model_dump(),
        metrics={
            "query_loss_before": before,
            "query_loss_after": after,
            "ratio": after / before if before else math.nan,
            "diverged": float(curve.diverged[inner_steps]),
            "meta_steps": snapshot.meta_step,
            **measured,
        },
        curves={
            "adaptation": adaptation_columns(curve),
            "training": training,
        },
        events=[
            {"meta_step": event.meta_step, "name": event.name, "value": event.value}
            for event in snapshot.events
        ],
        provenance={
            **provenance(),
            "seed": snapshot.settings.seed,
            "seconds": snapshot.seconds,
            "tasks": curve.tasks,
        },
        learner=partial(session.learner, snapshot),
        divergence=_divergence(session.training_curve(), snapshot.curve),
    )


def _divergence(each: TrainingCurve, coarse: TrainingCurve) -> Divergence | None:
    """Whether a training has diverged, from the losses of each meta-step and from their means.

    The last means decide, since a few wild meta-steps are no divergence; the first meta-step is
    the measure, since the first mean may hold losses that were wild already.
    """
    if not len(each.meta_step):
        return None
    curve = TrainingCurve(
        *(
            np.concatenate([getattr(each, column.name)[:1], getattr(coarse, column.name)])
            for column in fields(TrainingCurve)
        )
    )
    when = curve.diverged
    if when is None:
        return None
    first, last = float(each.loss_before[0]), curve.recent(when)
    meta_step = each.diverged_at(when)
    return Divergence(
        meta_step,
        f"training diverged at meta-step {meta_step:,}: the query loss {when} adaptation has grown "
        f"to {number_text(last)}, from {number_text(first)} before adaptation in the first "
        "meta-step; take a smaller alpha, beta or inner_steps",
    )


def record_result(result: Result) -> None:
    """Record a result in the notebook's output, where `read_result` finds it.

    A result whose training curve ends beyond all bounds counts as diverged, whoever made it. A
    headless run also keeps the learner that the result gives, see `load_learner`.
    """
    if result.divergence is None and set(_LOSSES) <= result.curves.get("training", {}).keys():
        steps, before, after = (np.asarray(result.curves["training"][name]) for name in _LOSSES)
        curve = TrainingCurve(steps, before, after, np.zeros(len(steps)))
        result = replace(result, divergence=_divergence(curve, curve))
    if (path := os.environ.get(LEARNER_VARIABLE)) and result.learner is not None:
        write_learner(result.learner(), Path(path))
    display({MIME_TYPE: result.to_json(), "text/plain": result.table()}, raw=True)


def show_result(session: Session) -> go.Figure:
    """Display the lab's figure for the present state of a session as plain Plotly, and return it.

    The output holds the figure for viewers with Plotly and the adaptation curve as text for the
    others; see `PlainFigure.bundle`. While a lab shows the session, the figure would be
    its twin without controls: then only a line says where to look.
    """
    view = lab_view(session)
    figure = PlainFigure.of(lab_figure(view))
    if session.watched:
        display({"text/plain": SHOWN_LIVE}, raw=True)
        return figure
    curve = view.adaptation.curve
    words = f"query loss after 0 … {len(curve.mean) - 1} inner steps: "
    losses = " ".join(f"{loss:.3f}" for loss in curve.mean.tolist())
    display(figure.bundle(words + losses), raw=True)
    return figure
