"""A session's runs without its thread: training, undoing, forking, going back."""

import time
from collections.abc import Callable

from labkit.session.changes import LIVE
from labkit.session.edits import Edit, Edits, Undone
from labkit.session.history import Event
from labkit.session.observer import Observer
from labkit.session.run import Run
from labkit.session.settings import Settings
from labkit.session.source import Source
from labkit.session.trainer import Trainer


class Timeline:
    """The run that a session is in, and the way back to those that it was in before.

    Nothing here is safe against other threads; `Session` sees to that.

    Args:
        source: Model and tasks.
        settings: With which it begins; their `events` will be made on the way.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self.edits = Edits()
        self._begin(source, settings)

    def _begin(self, source: Source, settings: Settings) -> None:
        plain = settings.changed(events=())
        trainer, observer = Trainer(source, plain), self._observer_of(source, plain)
        # both may have failed; nothing is changed until here
        self.trainer, self.observer = trainer, observer
        self._replayer: Trainer | None = None
        self.run = Run(source, settings)
        self.run.states.put(trainer.state())
        self.settings = plain.changed(**self.run.prescribed(0))

    @property
    def meta_step(self) -> int:
        """Meta-steps taken."""
        return self.run.meta_step

    def advance(self) -> None:
        """Take a meta-step with the settings as chosen; what it raises leaves all as it was."""
        run, settings, trainer = self.run, self.settings, self.trainer
        taken = trainer.settings
        changes = [
            Event(run.meta_step, name, getattr(settings, name))
            for name in LIVE
            if getattr(settings, name) != getattr(taken, name)
        ]
        before = trainer.state() if changes else None
        started = time.perf_counter()
        step = trainer.advance(settings)
        seconds = time.perf_counter() - started
        if before is not None:
            run.states.mark(before)
        run.history.events += changes
        run.history.append(step, seconds)
        if run.states.wants(run.meta_step):
            run.states.put(trainer.state())
        if due := run.prescribed(run.meta_step):
            self.settings = self.settings.changed(**due)

    def choose(self, settings: Settings, *, joined: bool) -> None:
        """Settings for the next meta-step; `joined` to the last edit, or undone by itself."""
        if not (joined and self.edits.done and not self.edits.undone):
            self.edits.add(self._edit())
        self.settings = settings

    def begin(self, source: Source, settings: Settings) -> None:
        """Go to meta-step 0 of a new run; it can be undone."""
        left, edit = self.run, self._edit()
        head = self.trainer.state()
        self._begin(source, settings)
        left.put_aside(head)
        self.edits.add(edit)

    def fork(self, meta_step: int, settings: Settings) -> None:
        """Go on from an earlier meta-step, or this one, in a run of its own; it can be undone."""
        left, edit = self.run, self._edit()
        head = self.trainer.state()
        self._cut(meta_step)
        self.settings = settings
        left.put_aside(head)
        self.edits.add(edit)

    def undo(self) -> None:
        """Go back to where the session stood before the last edit, as if it had never been."""
        edit = self.edits.done.pop()
        left = self.run
        undone = Undone(left, self.settings, edit)
        head = self.trainer.state()
        self.settings = edit.settings
        if edit.run is not left:
            self._enter(edit.run)
            left.put_aside(head)
        elif later := left.history.events[edit.changes :]:
            self._cut(later[0].meta_step)
            self.edits.rename(left, self.run)
            left.put_aside(head)
            # what the run was told beforehand holds without the edit too
            for at in range(edit.meta_step + 1, self.meta_step + 1):
                self.settings = self.settings.changed(**self.run.prescribed(at))
        self.edits.undone.append(undone)

    def redo(self) -> None:
        """Go to where the session stood before the last `undo`."""
        undone = self.edits.undone.pop()
        edit = undone.edit
        if undone.run is self.run:
            edit = self._edit()
        else:
            if edit.run is undone.run:
                self.edits.rename(self.run, undone.run)
            self._enter(undone.run)
        self.settings = undone.settings
        self.edits.done.append(edit)

    def past(self, meta_step: int, stopped: Callable[[], bool]) -> Trainer:
        """A trainer in the state after `meta_step` meta-steps, for looking only.

        Raises:
            InterruptedReplayError: `stopped` gave True.
        """
        if self._replayer is None:
            self._replayer = Trainer(self.run.source, self.run.start.changed(events=()))
        replayer = self._replayer
        replayer.restore(self.run.replay(meta_step, replayer, stopped))
        return replayer

    def _edit(self) -> Edit:
        return Edit(self.run, self.meta_step, len(self.run.history.events), self.settings)

    def _observer_of(self, source: Source, settings: Settings) -> Observer:
        """The present one, unless it watches something else."""
        now: Observer | None = getattr(self, "observer", None)
        if now is not None and (now.source, now.seed) == (source, settings.seed):
            return now
        return Observer(source, settings)

    def _cut(self, meta_step: int) -> None:
        """Into a copy of this run that ends earlier."""
        state = (
            self.trainer.state()
            if meta_step == self.meta_step
            else self.run.replay(meta_step, self.trainer)
        )
        self.run = self.run.until(meta_step)
        self.trainer.restore(state)

    def _enter(self, run: Run) -> None:
        """Into a run that was put aside."""
        if run.head is None:
            raise RuntimeError("a run was not put aside before another was entered")
        plain = run.start.changed(events=())
        self.observer = self._observer_of(run.source, plain)
        if run.source is not self.run.source:
            self.trainer, self._replayer = Trainer(run.source, plain), None
        self.run = run
        self.trainer.restore(run.head)
