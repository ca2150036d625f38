"""The runs of a session without its thread: training, undoing, forking, going back."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import final

from labkit.session.history import Event
from labkit.session.locks import SessionLocks
from labkit.session.observe import Observer
from labkit.session.run import Run
from labkit.session.settings import LIVE, Settings
from labkit.session.source import Source
from labkit.session.states import MOST_BYTES
from labkit.session.threads import threads
from labkit.session.trainer import Trainer

MOST_EDITS = 50
MOST_STATES_ASIDE = 16

TRIED = ("algorithm", "alpha_learned", "meta_batch", "shots")
"""Settings that not every model and task family can serve."""


@dataclass(frozen=True, slots=True)
class UndoPoint:
    """A state of a session to which it can return; a run only grows, so the way back stays open.

    Attributes:
        run: Its run.
        meta_step: Meta-steps taken at that time.
        settings: As chosen at that time.
    """

    run: Run
    meta_step: int
    settings: Settings


@final
class Edits:
    """Two stacks of undo points: one for each edit, and one for each `undo`."""

    def __init__(self) -> None:
        self.done: deque[UndoPoint] = deque(maxlen=MOST_EDITS)
        self.undone: list[UndoPoint] = []
        self.count = 0
        """Edits so far, including those that were undone."""

    def add(self, point: UndoPoint) -> None:
        """Record an edit made here; edits that were undone can no longer be redone."""
        self.done.append(point)
        self.undone.clear()
        self.count += 1

    def settle(self, run: Run, first: int, due: Mapping[str, object]) -> None:
        """Move edits made during a meta-step to its end, or to its start if it failed.

        Args:
            run: Whose meta-step it was.
            first: Meta-steps taken before it.
            due: Settings that were scheduled to change after it.
        """
        settled = [
            replace(point, meta_step=run.meta_step, settings=point.settings.changed(**due))
            if point.run is run and point.meta_step > first
            else point
            for point in self.done
        ]
        self.done = deque(settled, maxlen=MOST_EDITS)

    def runs(self) -> list[Run]:
        """All runs that can be returned to, each once."""
        points = [*self.done, *self.undone]
        return list({id(point.run): point.run for point in points}.values())


@final
class Timeline:
    """The present run of a session, and the way back to the runs before it.

    `choose` may be called while another thread is inside `advance`; all else is for one thread at
    a time, which `Session` ensures.

    Args:
        source: Model and tasks.
        settings: Initial settings; their `events` are scheduled changes.
        locks: Of the session.
    """

    def __init__(self, source: Source, settings: Settings, locks: SessionLocks) -> None:
        plain = settings.changed(events=())
        self._locks = locks
        self.edits = Edits()
        self.trainer = Trainer(source, plain)
        self.observer = Observer(source, plain, locks.measure())
        self.observer.check(plain)
        self.run = _first_run(source, settings, self.trainer)
        self.settings = plain.changed(**self.run.scheduled(0))
        self._step_under_way = False
        self._replayer: Trainer | None = None
        self._gestures: dict[str, int] = {}

    @property
    def meta_step(self) -> int:
        """Meta-steps taken."""
        return self.run.meta_step

    def advance(self) -> None:
        """Take a meta-step with the settings as chosen; an error leaves everything as it was."""
        run, trainer = self.run, self.trainer
        with self._locks.choice:
            settings, first = self.settings, run.meta_step
            self._step_under_way = True
            changes = [
                Event(first, name, getattr(settings, name), self._gestures.get(name))
                for name in LIVE
                if getattr(settings, name) != getattr(trainer.settings, name)
            ]
        before = None
        try:
            if changes:
                before = trainer.state()
            started = time.perf_counter()
            step = trainer.advance(settings)
        except BaseException:
            # the settings may have replaced the optimiser or a learned α before the error
            if before is not None:
                trainer.restore(before)
            with self._locks.choice:
                self._step_under_way = False
                self.edits.settle(run, first, {})
            raise
        seconds = time.perf_counter() - started
        if before is not None:
            run.states.mark(before)
        with self._locks.choice:
            run.history.events += changes
            run.history.append(step, seconds)
            self._step_under_way = False
            due = run.scheduled(run.meta_step)
            if due:
                self.settings = self.settings.changed(**due)
                self._gestures = {n: g for n, g in self._gestures.items() if n not in due}
            self.edits.settle(run, first, due)
        if run.states.wants(run.meta_step):
            run.states.put(trainer.state())

    def check(self, settings: Settings) -> None:
        """Reject settings with which this run cannot continue.

        Raises:
            ParameterError: They are incompatible with a scheduled change.
            ValueError: The model or the tasks cannot serve them.
        """
        settings.changed(events=self.run.ahead(self.meta_step))
        if any(getattr(settings, name) != getattr(self.settings, name) for name in TRIED):
            self.observer.check(settings)

    def choose(self, values: Mapping[str, object], *, joined: bool) -> None:
        """Choose settings for the next meta-step; `joined` edits are undone with the last one."""
        with self._locks.choice:
            settings = self.settings.changed(**values)
            if not (joined and self.edits.done and not self.edits.undone):
                self.edits.add(self._here())
            self._gestures |= dict.fromkeys(values, self.edits.count)
            self.settings = settings

    def begin(self, source: Source, settings: Settings) -> None:
        """Go to meta-step 0 of a new run; it can be undone."""
        plain = settings.changed(events=())
        trainer = Trainer(source, plain)
        run = _first_run(source, settings, trainer)
        self._enter(run, trainer, plain.changed(**run.scheduled(0)), plain, undoable=True)

    def resume(self, run: Run, trainer: Trainer, settings: Settings, *, undoable: bool) -> None:
        """Continue with a run that was saved.

        Args:
            run: With a state at meta-step 0.
            trainer: At the end of the run.
            settings: As chosen then.
            undoable: Whether this is an edit, as what a person does.
        """
        self._enter(run, trainer, settings, settings, undoable=undoable)

    def _enter(
        self, run: Run, trainer: Trainer, settings: Settings, tried: Settings, *, undoable: bool
    ) -> None:
        """Put another run in the place of this one, unless model or tasks cannot serve it."""
        here, head = self._here(), self.trainer.state()
        observer = self._observer_of(run.source, run.start.changed(events=()))
        observer.check(tried)
        # any of it may have failed; nothing is changed before this line
        self.trainer, self.observer = trainer, observer
        self._replayer = None
        self._gestures.clear()
        self.run, self.settings = run, settings
        if undoable:
            here.run.head = head
            self.edits.add(here)
            self._thin()

    def fork(self, meta_step: int, settings: Settings) -> None:
        """Continue from an earlier meta-step, or this one, in a new run; it can be undone."""
        here = self._here()
        self._restore(UndoPoint(self.run, meta_step, settings), new_run=True)
        self.edits.add(here)
        self._thin()

    def undo(self) -> None:
        """Go back to where the session was before the last edit, as if it had not happened."""
        here = self._here()
        self._restore(self.edits.done[-1])
        self.edits.done.pop()
        self.edits.undone.append(here)
        self._thin()

    def redo(self) -> None:
        """Go to where the session was before the last `undo`."""
        here = self._here()
        self._restore(self.edits.undone[-1])
        self.edits.undone.pop()
        self.edits.done.append(here)
        self._thin()

    def past(self, meta_step: int, stopped: Callable[[], bool]) -> Trainer:
        """A trainer in the state after `meta_step` meta-steps, to look at only.

        Raises:
            InterruptedReplayError: `stopped` returned True.
        """
        if self._replayer is None:
            self._replayer = Trainer(self.run.source, self.run.start.changed(events=()))
        replayer = self._replayer
        with threads(self.observer.threads):  # as in training: sums may depend on it
            replayer.restore(self.run.replay(meta_step, replayer, stopped))
        return replayer

    def _here(self) -> UndoPoint:
        # a change during a meta-step takes effect after it
        return UndoPoint(self.run, self.meta_step + self._step_under_way, self.settings)

    def _observer_of(self, source: Source, settings: Settings) -> Observer:
        """The present one, unless it is of another source or seed."""
        if (self.observer.source, self.observer.seed) == (source, settings.seed):
            return self.observer
        return Observer(source, settings, self._locks.measure())

    def _restore(self, point: UndoPoint, *, new_run: bool = False) -> None:
        """Go to an undo point; in a copy of its run if that has grown since, or if asked for.

        An error leaves everything as it was.
        """
        run, left = point.run, self.run
        self._gestures.clear()
        if run is left and point.meta_step == run.meta_step and not new_run:
            self.settings = point.settings
            return
        plain = run.start.changed(events=())
        observer = self._observer_of(run.source, plain)
        other = run.source is not left.source
        trainer = Trainer(run.source, plain) if other else self.trainer
        left.head = head = self.trainer.state()
        try:
            with threads(observer.threads):
                trainer.restore(run.replay(point.meta_step, trainer))
        except BaseException:  # an interrupt too: the trainer is in the middle of a replay
            self.trainer.restore(head)
            raise
        self.trainer, self.observer = trainer, observer
        if other:
            self._replayer = None
        same = point.meta_step == run.meta_step and not new_run
        self.run = run if same else run.until(point.meta_step)
        self.settings = point.settings

    def _thin(self) -> None:
        """Keep few states of the runs that were left."""
        aside = [run for run in self.edits.runs() if run is not self.run]
        for run in aside:
            run.states.thin(MOST_STATES_ASIDE, MOST_BYTES // len(aside))


def _first_run(source: Source, settings: Settings, trainer: Trainer) -> Run:
    """A run at meta-step 0."""
    run = Run(source, settings)
    run.states.put(trainer.state())
    return run
