"""The meta-gradient over a whole training: what has been measured, and what is due next."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from labkit.core import GradientCheck, check_count
from labkit.session.observe.gradients import (
    GradientPoint,
    check_gradient,
    measure_gradients,
    second_derivative_problem,
    task_names,
)
from labkit.session.observe.identity import (
    Live,
    history_of,
    live_of,
    state_of,
    still_wanted,
)
from labkit.session.observe.observer import Observer
from labkit.session.observe.pace import Pace
from labkit.session.observe.snapshot import Snapshot

MOST_POINTS = 120
"""Over meta-steps: beyond that every second one is dropped."""

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Multiples of α at which the meta-gradient is measured at one θ."""

LEAST_STEPS = 5
"""Numbers of inner steps go from 1 to this, or to K."""

PIECES = 3
"""So many points of a sweep for each point over meta-steps."""


@dataclass(frozen=True, slots=True, eq=False)
class GradientView:
    """All that a monitor has measured.

    Attributes:
        points: Over meta-steps, by meta-step.
        sweep: At one θ, by α and by K; None until the first is complete.
        tasks: What each task is called.
        meta_step: The last one that the monitor knows of.
        problems: What could not be measured last, or is wrong, a sentence each.
        check: The last comparison with finite differences, or None.
        check_step: Its meta-step.
    """

    points: tuple[GradientPoint, ...] = ()
    sweep: "Sweep | None" = None
    tasks: tuple[str, ...] = ()
    meta_step: int = 0
    problems: tuple[str, ...] = ()
    check: GradientCheck | None = None
    check_step: int = 0

    @property
    def age(self) -> int:
        """Meta-steps since the last point."""
        return self.meta_step - self.points[-1].meta_step if self.points else 0

    @property
    def sweep_age(self) -> int:
        """Meta-steps since the θ of the sweep."""
        return 0 if self.sweep is None else self.meta_step - self.sweep.meta_step


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Points at one θ.

    Attributes:
        meta_step: Of θ.
        by_alpha: With other α, ascending.
        by_steps: With K = 1, 2, …
    """

    meta_step: int
    by_alpha: tuple[GradientPoint, ...]
    by_steps: tuple[GradientPoint, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A point with what determined it."""

    point: GradientPoint
    history: object
    live: Live

    @property
    def meta_step(self) -> int:
        return self.point.meta_step

    def is_at(self, snapshot: Snapshot) -> bool:
        """Whether measuring at a snapshot would give the same."""
        same = (self.meta_step, self.live) == (snapshot.meta_step, live_of(snapshot.settings))
        return same and self.history == history_of(snapshot, self.meta_step)

    def belongs_to(self, snapshot: Snapshot) -> bool:
        """Whether the run of a snapshot was there, with these settings as far as they are known."""
        if self.meta_step > snapshot.last_step or self.history != history_of(
            snapshot, self.meta_step
        ):
            return False
        return self.meta_step == snapshot.meta_step or self.live == _live_at(
            snapshot, self.meta_step
        )


@dataclass(slots=True)
class _Work:
    """A sweep under way."""

    snapshot: Snapshot
    left: list[tuple[float, int]]
    done: dict[tuple[float, int], GradientPoint] = field(default_factory=dict)


@final
class GradientMonitor:
    """Measures the meta-gradients of a session piece by piece, next to its training.

    A point over meta-steps is what `compare_directions` and `inner_curvature` say at the session's
    θ; a sweep says what they would at other α and K. It measures on the first of the held-out tasks
    of the live curves, and its learner is not the session's, so nobody waits for it. One thread
    calls it.

    Args:
        tasks: Held-out tasks to measure on, ≥ 1; at most those of the live curves.
        share: Of the time of a training that it may take, 0 < share ≤ 1.
        clock: Seconds that only grow.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> from labkit.session import Session, Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> monitor = GradientMonitor(tasks=2)
        >>> for meta_step in (0, 5):
        ...     session.run(meta_step)
        ...     monitor.measure(session.snapshot())
        >>> [point.meta_step for point in monitor.view.points]
        [0, 5]
        >>> [point.inner_steps for point in monitor.view.sweep.by_steps]
        [1, 2, 3, 4, 5]
    """

    def __init__(
        self,
        tasks: int = 10,
        *,
        share: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_count("tasks", tasks, 1)
        self._tasks, self._pace = tasks, Pace(share, clock=clock)
        self._observer: Observer | None = None
        self._entries: list[_Entry] = []
        self._names: tuple[object, tuple[str, ...]] = None, ()
        self._sweep: Sweep | None = None
        self._swept: object = None
        self._work: _Work | None = None
        self._pieces = PIECES  # it begins with a point
        self._check: tuple[GradientCheck | None, int] = None, 0
        self._twice: str | None = None
        """What is wrong with the model's second derivatives; None until that is known."""
        self.view = GradientView()
        """What has been measured; another object after each change."""

    def measure(self, snapshot: Snapshot) -> None:
        """Measure all there is at a snapshot, however long it takes."""
        observer = self._adopt(snapshot)
        while self._step(observer, snapshot):
            pass
        self._publish(snapshot)

    @property
    def due(self) -> bool:
        """Whether its share of a training's time is not used up."""
        return self._pace.wait() <= 0

    def advance(self, snapshot: Snapshot) -> bool:
        """Measure one piece if it is time: at once while the session rests.

        Returns:
            Whether something is left to measure.
        """
        observer, left = self._adopt(snapshot), True
        if not snapshot.playing or self.due:
            with self._pace.work():
                left = self._step(observer, snapshot)
        self._publish(snapshot)
        return left

    def check(self, snapshot: Snapshot) -> None:
        """Compare the exact meta-gradient at a snapshot with finite differences.

        Raises:
            ValueError: As for `labkit.check_meta_gradient`.
        """
        self._check = check_gradient(self._adopt(snapshot), snapshot), snapshot.meta_step
        self._publish(snapshot)

    def _adopt(self, snapshot: Snapshot) -> Observer:
        """Drop what belongs to another run, and what training has taken back."""
        observer = snapshot.observer_apart(self._observer)
        if observer is not self._observer:
            self._observer = observer
            self._entries, self._sweep, self._swept, self._work = [], None, None, None
            self._check, self._twice = (None, 0), None
        kept = [entry for entry in self._entries if entry.belongs_to(snapshot)]
        if len(kept) < len(self._entries):
            self._entries, self._swept = kept, None
        options = id(observer), tuple(snapshot.settings.task_options.items())
        if self._names[0] != options:
            self._names = options, task_names(observer, snapshot, self._tasks)
        return observer

    def _step(self, observer: Observer, snapshot: Snapshot) -> bool:
        """Measure the piece that is due; False if there is none left."""
        if self._work is not None and not still_wanted(self._work.snapshot, snapshot):
            self._work = None
        measured, to_sweep = self._knows(snapshot), self._swept != state_of(snapshot)
        if not measured and (self._pieces >= PIECES or not (self._work or to_sweep)):
            self._pieces, measured = 0, True
            self._add(observer, snapshot)
        elif self._twice is None:
            self._twice = second_derivative_problem(observer, snapshot)
        elif self._work or to_sweep:
            self._work = self._work or _Work(snapshot, _grid(snapshot))
            self._pieces += 1
            self._go_on(observer, self._work)
        left = self._twice is None or self._work is not None or self._swept != state_of(snapshot)
        return not measured or left

    def _knows(self, snapshot: Snapshot) -> bool:
        return any(entry.is_at(snapshot) for entry in self._entries)

    def _add(self, observer: Observer, snapshot: Snapshot) -> None:
        point = self._at(observer, snapshot, curvature=True)
        entry = _Entry(point, history_of(snapshot, point.meta_step), live_of(snapshot.settings))
        others = [other for other in self._entries if other.meta_step != point.meta_step]
        entries = sorted([*others, entry], key=lambda entry: entry.meta_step)
        if len(entries) > MOST_POINTS:
            entries = [*entries[:-1:2], entries[-1]]
        self._entries = entries

    def _go_on(self, observer: Observer, work: _Work) -> None:
        scale, steps = work.left.pop(0)
        work.done[scale, steps] = self._at(observer, work.snapshot, scale, steps)
        if work.left:
            return
        own, points = work.snapshot.settings.inner_steps, sorted(work.done.items())
        self._sweep = Sweep(
            work.snapshot.meta_step,
            tuple(point for (_, k), point in points if k == own),
            tuple(point for (factor, k), point in points if factor == 1 and k > 0),
        )
        self._work, self._swept = None, state_of(work.snapshot)

    def _at(
        self,
        observer: Observer,
        snapshot: Snapshot,
        scale: float = 1.0,
        steps: int | None = None,
        *,
        curvature: bool = False,
    ) -> GradientPoint:
        return measure_gradients(
            observer,
            snapshot,
            snapshot.meta_step,
            tasks=self._tasks,
            scale=scale,
            inner_steps=steps,
            curvature=curvature,
        )

    def _publish(self, snapshot: Snapshot) -> None:
        points = tuple(e.point for e in self._entries if e.meta_step <= snapshot.meta_step)
        twice = [self._twice] if self._twice else []
        self.view = GradientView(
            points=points,
            sweep=self._sweep,
            tasks=self._names[1],
            meta_step=snapshot.meta_step,
            problems=(*(points[-1].problems if points else ()), *twice),
            check=self._check[0],
            check_step=self._check[1],
        )


def _grid(snapshot: Snapshot) -> list[tuple[float, int]]:
    steps = snapshot.settings.inner_steps
    by_alpha = [(scale, steps) for scale in SCALES]
    by_steps = [(1.0, k) for k in range(1, max(LEAST_STEPS, steps) + 1)]
    return list(dict.fromkeys([*by_alpha, *by_steps]))


def _live_at(snapshot: Snapshot, meta_step: int) -> Live:
    """The settings that were in force after a meta-step, as far as the log knows."""
    live = live_of(snapshot.start)
    return live | {e.name: e.value for e in snapshot.events if e.meta_step <= meta_step}
