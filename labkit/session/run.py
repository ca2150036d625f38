"""A run of meta-training: how it began, what was changed, what it recorded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from labkit.session.history import Event, History
from labkit.session.settings import LIVE, Change, Settings, Value
from labkit.session.sharing import Recipe, name_of, precision_of
from labkit.session.source import Source
from labkit.session.states import States
from labkit.session.trainer import State, Trainer


class InterruptedReplayError(Exception):
    """The replay is no longer wanted: the session has moved on."""


@final
@dataclass(slots=True, eq=False)
class Run:
    """A start and a log of changes, which determine every state; some states are kept.

    Attributes:
        source: Model and tasks.
        start: Settings at meta-step 0; its `events` are scheduled for this run.
        history: Losses and changes of settings.
        states: States to replay from.
        head: The state in which the run was left, once it has been.
    """

    source: Source
    start: Settings
    history: History = field(default_factory=History)
    states: States = field(default_factory=States)
    head: State | None = None

    @property
    def meta_step(self) -> int:
        """Meta-steps taken."""
        return len(self.history)

    @property
    def log(self) -> tuple[Event, ...]:
        """Changes made so far."""
        return tuple(self.history.events)

    def scheduled(self, meta_step: int) -> dict[str, Value]:
        """Settings that are scheduled to change after `meta_step` meta-steps."""
        return {name: value for at, name, value in self.start.events if at == meta_step}

    def settings_at(self, meta_step: int) -> Settings:
        """The settings with which the meta-step after `meta_step` was taken."""
        changes = {e.name: e.value for e in self.history.events if e.meta_step <= meta_step}
        return self.start.changed(events=(), **changes)

    def restart_settings(self, settings: Settings) -> Settings:
        """Settings with which to start over: scheduled changes are scheduled again.

        Args:
            settings: As chosen now. Those that no schedule set apply from the start.
        """
        events = self.start.events
        passed = {name: value for at, name, value in events if at <= self.meta_step}
        then = self.start.changed(events=(), **passed)
        own = {
            name: getattr(settings, name)
            for name in LIVE
            if getattr(settings, name) != getattr(then, name)
        }
        kept = tuple(change for change in events if change[0] > 0 or change[1] not in own)
        return self.start.changed(events=kept, **own)

    def until(self, meta_step: int) -> "Run":
        """A copy that ends after `meta_step` meta-steps, before the changes made then."""
        history, states = self.history.until(meta_step), self.states.until(meta_step)
        return Run(self.source, self.start, history, states)

    def recipe(self, meta_step: int, settings: Settings) -> Recipe:
        """The recipe of this run until `meta_step`, continued with these settings."""
        before = [event for event in self.history.events if event.meta_step < meta_step]
        then = self.start.changed(events=(), **{e.name: e.value for e in before})
        log = [(event.meta_step, event.name, event.value) for event in before]
        log += [
            (meta_step, name, getattr(settings, name))
            for name in LIVE
            if getattr(settings, name) != getattr(then, name)
        ]
        source = self.source
        return Recipe(
            self.start.changed(events=(*log, *self.ahead(meta_step))),
            meta_step,
            name_of(source.tasks),
            name_of(source.model),
            precision_of(source.dtype),
            source.batch_norm,
        )

    def ahead(self, meta_step: int) -> tuple[Change, ...]:
        """Changes that are scheduled for later than `meta_step`."""
        return tuple(change for change in self.start.events if change[0] > meta_step)

    def replay(
        self, meta_step: int, trainer: Trainer, stopped: Callable[[], bool] = lambda: False
    ) -> State:
        """The state after `meta_step` meta-steps, by repeating those since the last kept state.

        Args:
            meta_step: From 0 to the meta-steps taken.
            trainer: Repeats them; of the same source. It may be in another state afterwards.
            stopped: Called between meta-steps.

        Raises:
            InterruptedReplayError: `stopped` returned True.
        """
        if self.head is not None and self.head.meta_step == meta_step:
            return self.head
        state = self.states.before(meta_step)
        if state.meta_step == meta_step:
            return state
        trainer.restore(state)
        while trainer.meta_step < meta_step:
            if stopped():
                raise InterruptedReplayError
            trainer.advance(self.settings_at(trainer.meta_step))
        return trainer.state()
