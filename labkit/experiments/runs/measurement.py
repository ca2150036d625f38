"""What a run has found, measured: a session evaluated on held-out tasks."""

from labkit.experiments.runs.origin import provenance
from labkit.experiments.runs.result import Result
from labkit.session import Session, adaptation_columns, training_columns
from labkit.training import HELD_OUT


def measure(session: Session, tasks: int = HELD_OUT) -> Result:
    """Evaluate a session as it is now on held-out tasks, of the split "test" if there is one.

    Args:
        session: Any session, trained or not; a playing one goes on.
        tasks: Number of held-out tasks, ≥ 1.

    Returns:
        `Result`; its metrics are the query loss at θ (`query_loss_before`) and after the trained
        number of inner steps (`query_loss_after`), their quotient (`ratio`), the largest share
        of diverged tasks on the curve (`diverged`), and for each measure of the task family, such
        as the accuracy, `accuracy_before` and `accuracy_after`.

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
    training.pop("seconds")  # of one run; two of the same parameters give equal curves
    return Result(
        parameters=snapshot.settings.model_dump(),
        metrics={
            "query_loss_before": before,
            "query_loss_after": after,
            "ratio": after / before,
            "diverged": float(curve.diverged.max()),
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
    )
