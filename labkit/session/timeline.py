"""A session's runs without its thread: training, undoing, forking, going back."""

import threading
import time
from collections.abc import Callable, Mapping

from labkit.session.edits import Edits, Place
from labkit.session.history import Event
from labkit.session.observe import Observer
from labkit.session.run import Run
from labkit.session.settings import LIVE, Settings
from labkit.session.source import Source
from labkit.session.states import MOST_BYTES
from labkit.session.torch_threads import threads
from labkit.session.trainer import Trainer

MOST_STATES_ASIDE = 16

TRIED = ("algorithm", "alpha_learned", "meta_batch", "shots")
"""Settings that not every model and task family can serve."""


class Timeline:
    """The run that a session is in, and the way back to those that it was in before.

    `choose` may be called while another thread is inside of `advance`; all else is for one thread
    at a time, and `Session` sees to that.

    Args:
        source: Model and tasks.
        settings: With which it begins; their `events` will be made on the way.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self.edits = Edits()
        self.lock = threading.RLock()
        """Held while what a person has chosen is read or changed, never during a meta-step."""
        self._under_way = False
        self._replayer: Trainer | None = None
        self._gestures: dict[str, int] = {}
        self._begin(source, settings)

    def _begin(self, source: Source, settings: Settings) -> None:
        plain = settings.changed(events=())
        trainer, observer = Trainer(source, plain), self._observer_of(source, plain)
        observer.check(plain)
        # any of it may have failed; nothing is changed until here
        self.trainer, self.observer = trainer, observer
        self._replayer = None
        self._gestures.clear()
        self.run = Run(source, settings)
        self.run.states.put(trainer.state())
        self.settings = plain.changed(**self.run.prescribed(0))

    @property
    def meta_step(self) -> int:
        """Meta-steps taken."""
        return self.run.meta_step

    def advance(self) -> None:
        """Take a meta-step with the settings as chosen; what it raises leaves all as it was."""
        run, trainer = self.run, self.trainer
        with self.lock:
            settings, begun = self.settings, run.meta_step
            self._under_way = True
            changes = [
                Event(begun, name, getattr(settings, name), self._gestures.get(name))
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
            # other settings were tried: the optimiser or a learned α may have gone with them
            if before is not None:
                trainer.restore(before)
            with self.lock:
                self._under_way = False
                self.edits.settle(run, begun, {})
            raise
        seconds = time.perf_counter() - started
        if before is not None:
            run.states.mark(before)
        with self.lock:
            run.history.events += changes
            run.history.append(step, seconds)
            self._under_way = False
            due = run.prescribed(run.meta_step)
            if due:
                self.settings = self.settings.changed(**due)
                self._gestures = {n: g for n, g in self._gestures.items() if n not in due}
            self.edits.settle(run, begun, due)
        if run.states.wants(run.meta_step):
            run.states.put(trainer.state())

    def check(self, settings: Settings) -> None:
        """Refuse settings with which this run cannot go on.

        Raises:
            ParameterError: They do not go together with a change that is prescribed for later.
            ValueError: The model or the tasks cannot do it.
        """
        settings.changed(events=self.run.ahead(self.meta_step))
        if any(getattr(settings, name) != getattr(self.settings, name) for name in TRIED):
            self.observer.check(settings)

    def choose(self, values: Mapping[str, object], *, joined: bool) -> None:
        """Settings for the next meta-step; `joined` to the last edit, or undone by itself."""
        with self.lock:
            settings = self.settings.changed(**values)
            if not (joined and self.edits.done and not self.edits.undone):
                self.edits.add(self._here())
            self._gestures |= dict.fromkeys(values, self.edits.made)
            self.settings = settings

    def begin(self, source: Source, settings: Settings) -> None:
        """Go to meta-step 0 of a new run; it can be undone."""
        here, head = self._here(), self.trainer.state()
        self._begin(source, settings)
        here.run.head = head
        self.edits.add(here)
        self._thin()

    def fork(self, meta_step: int, settings: Settings) -> None:
        """Go on from an earlier meta-step, or this one, in a run of its own; it can be undone."""
        here = self._here()
        self._go(Place(self.run, meta_step, settings), anew=True)
        self.edits.add(here)
        self._thin()

    def undo(self) -> None:
        """Go back to where the session stood before the last edit, as if it had never been."""
        here = self._here()
        self._go(self.edits.done[-1])
        self.edits.done.pop()
        self.edits.undone.append(here)
        self._thin()

    def redo(self) -> None:
        """Go to where the session stood before the last `undo`."""
        here = self._here()
        self._go(self.edits.undone[-1])
        self.edits.undone.pop()
        self.edits.done.append(here)
        self._thin()

    def past(self, meta_step: int, stopped: Callable[[], bool]) -> Trainer:
        """A trainer in the state after `meta_step` meta-steps, for looking only.

        Raises:
            InterruptedReplayError: `stopped` gave True.
        """
        if self._replayer is None:
            self._replayer = Trainer(self.run.source, self.run.start.changed(events=()))
        replayer = self._replayer
        with threads(self.observer.threads):  # as when it was trained: sums may depend on it
            replayer.restore(self.run.replay(meta_step, replayer, stopped))
        return replayer

    def _here(self) -> Place:
        # a change during a meta-step comes behind it
        return Place(self.run, self.meta_step + self._under_way, self.settings)

    def _observer_of(self, source: Source, settings: Settings) -> Observer:
        """The present one, unless it watches something else."""
        now: Observer | None = getattr(self, "observer", None)
        if now is not None and (now.source, now.seed) == (source, settings.seed):
            return now
        return Observer(source, settings)

    def _go(self, place: Place, *, anew: bool = False) -> None:
        """To a place, in a copy of its run if that has gone on from there, or if it is to be anew.

        What it raises leaves all as it was.
        """
        run, left = place.run, self.run
        self._gestures.clear()
        if run is left and place.meta_step == run.meta_step and not anew:
            self.settings = place.settings
            return
        plain = run.start.changed(events=())
        observer = self._observer_of(run.source, plain)
        other = run.source is not left.source
        trainer = Trainer(run.source, plain) if other else self.trainer
        left.head = head = self.trainer.state()
        try:
            with threads(observer.threads):
                trainer.restore(run.replay(place.meta_step, trainer))
        except BaseException:  # an interrupt too: the trainer stands in the middle of a replay
            self.trainer.restore(head)
            raise
        self.trainer, self.observer = trainer, observer
        if other:
            self._replayer = None
        same = place.meta_step == run.meta_step and not anew
        self.run = run if same else run.until(place.meta_step)
        self.settings = place.settings

    def _thin(self) -> None:
        """Of the runs that were left keep few states."""
        aside = [run for run in self.edits.runs() if run is not self.run]
        for run in aside:
            run.states.thin(MOST_STATES_ASIDE, MOST_BYTES // len(aside))
