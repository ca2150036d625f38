"""One meta-step in slow motion: the numbers of its tasks, and how far θ moves."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import final

import torch
from torch import Tensor

from labkit.core import (
    Algorithm,
    MetaGradientTrace,
    as_vector,
    compare_vectors,
    is_number,
    trace_meta_gradient,
)
from labkit.session.observe.observer import Observer, Probed
from labkit.session.observe.pace import Pace
from labkit.session.observe.snapshot import Cursor, Snapshot
from labkit.session.settings import Settings
from labkit.session.threads import threads
from labkit.session.trainer import Trainer
from labkit.tasks import PolicyFamily, SolvedFamily


@dataclass(frozen=True, slots=True)
class Move:
    """How a meta-step moves θ.

    Attributes:
        length: ‖θ_new − θ‖.
        angle: Degrees between the move and minus the meta-gradient; 0 for SGD.
    """

    length: float
    angle: float


@dataclass(frozen=True, slots=True, eq=False)
class MetaStepView:
    """The next meta-step of a session, before it is taken.

    Attributes:
        meta_step: Meta-steps taken.
        settings: With which it will be taken.
        algorithm: What does it, with its α; None before a measurement.
        alpha: α if it is one number; else None.
        tasks: What each of its tasks is called.
        objective: What is differentiated in place of a return, such as "dice"; "" for other tasks.
        trace: The numbers of its tasks; None if they could not be measured.
        move: Of θ; None if it could not be measured.
        cursor: How far the session has walked into it.
        age: Meta-steps since the measurement.
        problems: What could not be measured, a sentence each.
    """

    meta_step: int = 0
    settings: Settings = field(default_factory=Settings)
    algorithm: Algorithm | None = None
    alpha: float | None = None
    tasks: tuple[str, ...] = ()
    objective: str = ""
    trace: MetaGradientTrace | None = None
    move: Move | None = None
    cursor: Cursor | None = None
    age: int = 0
    problems: tuple[str, ...] = ()

    @property
    def task(self) -> int:
        """The number of the task that is walked through, from 0."""
        return 0 if self.cursor is None else min(self.cursor.task, max(len(self.tasks) - 1, 0))


@final
class MetaStepMonitor:
    """Measures the next meta-step of a session, next to its training.

    It traces the tasks that the session will draw next, with the loss of its training, and takes
    the meta-step with another learner. Neither changes the session. One thread calls it.

    Args:
        share: Of the time of a training that it may take, 0 < share ≤ 1.
        clock: Seconds that only grow.

    Raises:
        ValueError: The share is out of its range.

    Example:
        >>> from labkit.session import Session
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> monitor = MetaStepMonitor()
        >>> monitor.measure(session.snapshot())
        >>> view, before = monitor.view, session.snapshot().params
        >>> session.run(1)
        >>> view.trace.losses.shape, view.tasks
        (torch.Size([2, 2]), ('task 1 of 2', 'task 2 of 2'))
        >>> step = as_vector(session.snapshot().params) - as_vector(before)
        >>> abs(float(step.norm()) / view.move.length - 1) < 1e-5
        True
    """

    def __init__(self, *, share: float = 0.1, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = Pace(share, clock=clock)
        self._observer: Observer | None = None
        self._trainer: Trainer | None = None
        self._last: Snapshot | None = None
        self.view = MetaStepView()
        """What has been measured; another object after each change."""

    def advance(self, snapshot: Snapshot) -> bool:
        """Measure if it is time: at once while the session rests.

        Returns:
            Whether something is left to measure.
        """
        if self._fits(snapshot):
            self._publish(self.view, snapshot)
            return False
        if snapshot.playing and self._pace.wait() > 0:
            self._publish(self.view, snapshot)
            return True
        with self._pace.work():
            self.measure(snapshot)
        return False

    def measure(self, snapshot: Snapshot) -> None:
        """Measure the meta-step that follows a snapshot, however long it takes."""
        if not self._fits(snapshot):
            observer, trainer = self._adopt(snapshot)
            self._last = snapshot
            self.view = measure_meta_step(observer, trainer, snapshot)
        self._publish(self.view, snapshot)

    def _fits(self, snapshot: Snapshot) -> bool:
        return self._last is not None and snapshot.shows_the_same_as(self._last)

    def _publish(self, view: MetaStepView, snapshot: Snapshot) -> None:
        age = snapshot.meta_step - view.meta_step
        if (view.cursor, view.age) != (snapshot.cursor, age):
            self.view = replace(view, cursor=snapshot.cursor, age=age)

    def _adopt(self, snapshot: Snapshot) -> tuple[Observer, Trainer]:
        """A learner to measure with, and one to take meta-steps with; both of this run."""
        observer = snapshot.observer_apart(self._observer)
        if observer is not self._observer or self._trainer is None:
            self._observer = observer
            self._trainer = Trainer(observer.source, snapshot.start)
        return observer, self._trainer


def measure_meta_step(observer: Observer, trainer: Trainer, snapshot: Snapshot) -> MetaStepView:
    """Trace the tasks of the meta-step after a snapshot, and take it elsewhere.

    Args:
        observer: Of the session's model and tasks.
        trainer: Of the same source and seed; it is in the state after the meta-step then.
        snapshot: When.

    Returns:
        `MetaStepView`. What fails, such as a second derivative, is in its `problems`; the rest is
        there.
    """
    problems: list[str] = []

    def failed(what: str, error: Exception) -> None:
        problems.append(f"{what} cannot be measured: {type(error).__name__}: {error}")

    def described(probed: Probed) -> tuple[Algorithm, tuple[str, ...], str]:
        policy = isinstance(probed.family, PolicyFamily)
        objective = str(getattr(probed.family, "objective", "")) if policy else ""
        return probed.learner.algorithm, _names(probed, snapshot.settings.meta_batch), objective

    def traced(probed: Probed, *, second_order: bool) -> MetaGradientTrace:
        return trace_meta_gradient(
            probed.learner.algorithm,
            probed.loss_fn,
            probed.params,
            probed.batch.support,
            probed.batch.query,
            second_order=second_order,
            vectorize=observer.source.vectorize,
        )

    view = MetaStepView(meta_step=snapshot.meta_step, settings=snapshot.settings)
    trace: MetaGradientTrace | None = None
    try:
        algorithm, names, objective = observer.probe_next_step(snapshot, described)
        alpha = float(snapshot.alpha) if is_number(snapshot.alpha) else None
        view = replace(view, algorithm=algorithm, alpha=alpha, tasks=names, objective=objective)
        trace = observer.probe_next_step(snapshot, lambda p: traced(p, second_order=True))
    except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
        failed("The way back through the inner steps", error)
        try:
            trace = observer.probe_next_step(snapshot, lambda p: traced(p, second_order=False))
        except Exception as again:  # noqa: BLE001  # as above
            problems.clear()
            failed("The tasks of this meta-step", again)
    move = None
    try:
        move = _move(trainer, snapshot, None if trace is None else trace.directions.mean(0))
    except Exception as error:  # noqa: BLE001  # as above; a meta-step may diverge, too
        failed("The move of θ", error)
    return replace(view, trace=trace, move=move, problems=tuple(problems))


def _move(trainer: Trainer, snapshot: Snapshot, mean: Tensor | None) -> Move:
    """Take the meta-step from a copy of the session's state."""
    with threads(snapshot.observer.threads):  # as in training: sums may depend on it
        trainer.restore(snapshot.state)
        trainer.advance(snapshot.settings)
    before, after = as_vector(snapshot.params), as_vector(trainer.params)
    difference = after - before
    down = torch.full_like(difference, torch.nan) if mean is None else -mean
    compared = compare_vectors({"move": difference[None], "down": down[None]})
    return Move(float(compared.mean_norms[0]), float(compared.mean_angle("move", "down")))


def _names(probed: Probed, tasks: int) -> tuple[str, ...]:
    """The number of each task and, where its family has only a few, its name."""
    numbers = [f"task {number} of {tasks}" for number in range(1, tasks + 1)]
    if not isinstance(probed.family, SolvedFamily):
        return tuple(numbers)
    names = [probed.family.names[int(index)] for index in probed.batch.info["task"]]
    return tuple(f"{number}, {name}" for number, name in zip(numbers, names, strict=True))
