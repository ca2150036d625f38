"""The landscape of a session, measured piece by piece from a coarse grid to a fine one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self, final

import torch
from torch import Tensor

from labkit.session.observe.gradients import task_names
from labkit.session.observe.identity import state_of, still_wanted
from labkit.session.observe.landscape import (
    STRIDES,
    Landscape,
    frame_landscape,
    losses_on,
    measure_landscape,
)
from labkit.session.observe.landscape_plane import CHOICES, PlaneChoice, PlaneName
from labkit.session.observe.observer import Observer
from labkit.session.observe.pace import Pace
from labkit.session.observe.snapshot import Snapshot

PIECE_SECONDS = 0.1
"""How long a piece should take."""

FIRST_PIECE, LARGEST_PIECE = 128, 1024
"""Points of the first piece, and most of a later one."""

FALLBACKS: tuple[PlaneName, ...] = ("path", "tasks", "random")
"""What is measured where the chosen plane cannot be spanned, the first that can."""


@dataclass(frozen=True, slots=True, eq=False)
class LandscapeView:
    """What a monitor has measured.

    Attributes:
        landscape: The last one; None before the first.
        tasks: What each task is called.
        meta_step: The last one that the monitor knows of.
        problems: What could not be measured, a sentence each.
    """

    landscape: Landscape | None = None
    tasks: tuple[str, ...] = ()
    meta_step: int = 0
    problems: tuple[str, ...] = ()

    @property
    def age(self) -> int:
        """Meta-steps since the landscape."""
        return 0 if self.landscape is None else self.meta_step - self.landscape.meta_step


_NONE = torch.empty(0, dtype=torch.long)


@dataclass(slots=True)
class _Work:
    """A landscape under way.

    Attributes:
        snapshot: Where.
        choice: Which plane.
        frame: The landscape without losses on the grid.
        losses: Before and after, at every point of the whole grid, (2, points, tasks).
        done: Which points have been measured, (points,).
        left: Numbers of the points that the present level still needs.
        level: Index in `STRIDES`.
        piece: Points of the next piece.
    """

    snapshot: Snapshot
    choice: PlaneChoice
    frame: Landscape
    losses: Tensor
    done: Tensor
    left: Tensor
    level: int = 0
    piece: int = FIRST_PIECE

    @classmethod
    def begin(cls, snapshot: Snapshot, choice: PlaneChoice, frame: Landscape) -> Self:
        """With nothing measured."""
        points, tasks = len(frame.positions), frame.adaptation.shape[0]
        losses = frame.loss.new_full((2, points, tasks), torch.nan)
        work = cls(snapshot, choice, frame, losses, torch.zeros(points, dtype=torch.bool), _NONE)
        work.left = work.numbers()
        return work

    @property
    def complete(self) -> bool:
        """Whether the whole grid has been measured."""
        return self.level == len(STRIDES)

    def numbers(self) -> Tensor:
        """Of the points of this level."""
        sizes = [len(axis) for axis in self.frame.grid]
        every = torch.arange(len(self.done)).reshape(sizes)
        return every[tuple(slice(None, None, STRIDES[self.level]) for _ in sizes)].flatten()

    def finish_level(self) -> Landscape:
        """The landscape of this level; the next one is begun."""
        before, after = self.losses[:, self.numbers()]
        landscape = self.frame.filled(before, after, STRIDES[self.level])
        self.level += 1
        if not self.complete:
            numbers = self.numbers()
            self.left = numbers[~self.done[numbers]]
        return landscape


@final
class LandscapeMonitor:
    """Measures the landscape of a session piece by piece, next to its training.

    A coarse grid comes first and finer ones follow, until the whole one is there. While the
    session trains, it begins again at the present θ once a grid of half the points is there. Where
    the chosen plane cannot be spanned it says so and measures another one. Its learner is not the
    session's, so nobody waits for it. One thread calls it.

    Args:
        choice: Which plane; None: that of θ's history.
        share: Of the time of a training that it may take, 0 < share ≤ 1.
        clock: Seconds that only grow.

    Raises:
        ValueError: The share is out of its range.

    Example:
        >>> from labkit.session import Session, Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> monitor = LandscapeMonitor(PlaneChoice("random", points=9, tasks=2))
        >>> while monitor.advance(session.snapshot()):
        ...     pass
        >>> monitor.view.landscape.after.shape
        torch.Size([9, 9, 2])
    """

    def __init__(
        self,
        choice: PlaneChoice | None = None,
        *,
        share: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.choice = choice or PlaneChoice()
        """Which plane; may be set to another one."""
        self._pace, self._clock = Pace(share, clock=clock), clock
        self._observer: Observer | None = None
        self._work: _Work | None = None
        self._known: object = None
        self._landscape: Landscape | None = None
        self._problems: tuple[str, ...] = ()
        self._names: tuple[object, tuple[str, ...]] = None, ()
        self.view = LandscapeView()
        """What has been measured; another object after each change."""

    @property
    def due(self) -> bool:
        """Whether its share of a training's time is not used up."""
        return self._pace.wait() <= 0

    def measure(self, snapshot: Snapshot) -> None:
        """Measure the whole landscape at a snapshot.

        Raises:
            ValueError: As for `labkit.measure_landscape`.
        """
        observer = self._adopt(snapshot)
        landscape = measure_landscape(replace(snapshot, observer=observer), self.choice)
        self._work, self._known = None, (state_of(snapshot), self.choice)
        self._landscape, self._problems = landscape, landscape.problems
        self._publish(snapshot)

    def advance(self, snapshot: Snapshot) -> bool:
        """Measure one piece if it is time: at once while the session rests.

        Returns:
            Whether something is left to measure.
        """
        observer = self._adopt(snapshot)
        if snapshot.playing and not self.due:
            self._publish(snapshot)
            return True
        with self._pace.work():
            return self._step(observer, snapshot)

    def _adopt(self, snapshot: Snapshot) -> Observer:
        """Drop what belongs to another source."""
        observer = snapshot.observer_apart(self._observer)
        if observer is not self._observer:
            self._observer = observer
            self._work, self._known, self._landscape, self._problems = None, None, None, ()
        options = id(observer), self.choice.tasks, *snapshot.settings.task_options.items()
        if self._names[0] != options:
            self._names = options, task_names(observer, snapshot, self.choice.tasks)
        return observer

    def _step(self, observer: Observer, snapshot: Snapshot) -> bool:
        work = self._work
        if work is not None and (
            work.choice is not self.choice or not still_wanted(work.snapshot, snapshot)
        ):
            work = self._work = None
        if work is not None:
            self._go_on(observer, work, playing=snapshot.playing)
        elif self._known != (state_of(snapshot), self.choice):
            self._begin(observer, snapshot)
        self._publish(snapshot)
        return self._work is not None or self._known != (state_of(snapshot), self.choice)

    def _begin(self, observer: Observer, snapshot: Snapshot) -> None:
        """Span a plane: the chosen one, or the first that can be."""
        choice = self.choice
        names = [choice.plane, *(name for name in FALLBACKS if name != choice.plane)]
        failed: list[str] = []
        for name in names:
            frame_of = partial(
                frame_landscape, snapshot=snapshot, choice=replace(choice, plane=name)
            )
            try:
                frame = observer.probe(snapshot, choice.tasks, frame_of)
            except Exception as error:  # noqa: BLE001  # a person's model and tasks may raise anything
                failed.append(f"{type(error).__name__}: {error}")
                continue
            self._work = _Work.begin(snapshot, choice, frame)
            instead = f"{failed[0]}. Shown instead: {CHOICES[name]}" if failed else ""
            self._problems = tuple(filter(None, (instead, *frame.problems)))
            return
        self._known, self._landscape = (state_of(snapshot), choice), None
        self._problems = tuple(failed[:1])

    def _go_on(self, observer: Observer, work: _Work, *, playing: bool) -> None:
        now, work.left = work.left[: work.piece], work.left[work.piece :]
        begun, positions = self._clock(), work.frame.positions[now]
        losses = partial(losses_on, landscape=work.frame, positions=positions)
        try:
            work.losses[:, now] = torch.stack(
                observer.probe(work.snapshot, work.choice.tasks, losses)
            )
        except BaseException:
            self._work = None  # it begins again
            raise
        work.done[now] = True
        seconds = max(self._clock() - begun, 1e-4)
        work.piece = min(max(int(len(now) * PIECE_SECONDS / seconds), 1), LARGEST_PIECE)
        if len(work.left):
            return
        landscape = work.finish_level()
        # while it trains a coarse picture of another θ would flicker
        enough = work.complete or (playing and STRIDES[work.level] == 1)
        if enough:
            self._work = None
        if work.complete:
            self._known = state_of(work.snapshot), work.choice
        if enough or not playing or self._landscape is None:
            self._landscape = landscape

    def _publish(self, snapshot: Snapshot) -> None:
        self.view = LandscapeView(
            self._landscape, self._names[1], snapshot.meta_step, self._problems
        )
