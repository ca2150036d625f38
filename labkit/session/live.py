"""A timeline with a thread that trains, and snapshots for those who watch."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from labkit.session.cursor import Cursor, Stride, next_place
from labkit.session.history import TrainingCurve
from labkit.session.player import Player
from labkit.session.run import Run
from labkit.session.settings import Settings
from labkit.session.snapshot import Snapshot
from labkit.session.snapshot_measures import SnapshotMeasures
from labkit.session.source import Source
from labkit.session.timeline import Timeline
from labkit.session.trainer import Trainer

RATE_SECONDS = 2.0


class LiveTimeline(SnapshotMeasures):
    """What `Session` has in common with a player of music: play, pause, step, look back.

    Args:
        timeline: What is played.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.changed = threading.Event()
        """Set whenever there is something new to show; views clear it."""
        self._timeline = timeline
        self._player = Player(self._advance, self.changed)
        self._past: tuple[Run, Snapshot] | None = None
        self._looking_back = threading.Lock()
        self._looking: int | None = None
        self._cursor: Cursor | None = None
        self._until: int | None = None
        self._recent: deque[tuple[float, int]] = deque()

    @property
    def settings(self) -> Settings:
        """The settings as chosen; they hold from the next meta-step on."""
        return self._timeline.settings

    @property
    def source(self) -> Source:
        """Model and tasks."""
        return self._timeline.run.source

    @property
    def playing(self) -> bool:
        """Whether the background training runs."""
        return self._player.playing

    @property
    def looking(self) -> int | None:
        """The meta-step that the session looks back at, or None."""
        return self._looking

    @property
    def last_step(self) -> int:
        """Meta-steps taken in all, wherever the session looks."""
        return self._timeline.meta_step

    def play(self, until: int | None = None) -> None:
        """Train in the background until `pause`; while playing, nothing happens.

        Args:
            until: Pause by itself after so many meta-steps in all.
        """
        self._looking, self._cursor, self._until = None, None, until
        self._player.play()

    def pause(self) -> None:
        """Stop after the meta-step under way; while paused, nothing happens."""
        self._player.pause()

    def step(self, stride: Stride = "meta_step") -> None:
        """Go on by one inner step, one task or one meta-step; while playing, nothing happens.

        The first two walk through the next meta-step, which moves θ behind its last task. The
        meta-step is taken in the background.
        """
        if self.playing:
            return
        self._looking = None
        settings = self.settings
        sizes = {"inner_steps": settings.inner_steps, "meta_batch": settings.meta_batch}
        self._cursor = next_place(self._cursor, stride, **sizes)
        if self._cursor is None:
            self._player.step()
        self.changed.set()

    def wait(self, timeout: float = 10.0) -> None:
        """Return once the background training rests.

        Raises:
            TimeoutError: That has not come about within `timeout` seconds.
        """
        self._player.wait(timeout)

    def close(self) -> None:
        """Pause and end the background thread; the session can be played again later."""
        self._player.close()

    def run(self, meta_steps: int) -> None:
        """Train in this thread until `meta_steps` meta-steps have been taken in all.

        Raises:
            RuntimeError: The session is playing.
            DivergedError: Loss or meta-gradient left the finite numbers.
        """
        if self.playing:
            raise RuntimeError("the session is playing: pause it before you call run")
        self._looking, self._cursor = None, None
        while self._timeline.meta_step < meta_steps:
            with self._player.visit():
                self._advance()
        self.changed.set()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A time in which no meta-step is taken, for what should be quick."""
        with self._player.visit():
            yield

    def snapshot(self) -> Snapshot:
        """The session between two meta-steps, or as it was where it looks back.

        Waits for the meta-step under way, and for those that have to be repeated.

        Raises:
            InterruptedReplayError: The session has gone elsewhere meanwhile.
        """
        looking, run = self._looking, self._timeline.run
        if looking is None:
            with self._player.visit():
                return self._taken(self._timeline.trainer, self.settings)
        if self._past is None or self._past[0] is not run or self._past[1].meta_step != looking:
            with self._looking_back:
                trainer = self._timeline.past(looking, lambda: self._looking != looking)
                self._past = run, self._taken(trainer, run.settings_at(looking))
        return self._past[1]

    def _taken(self, trainer: Trainer, settings: Settings) -> Snapshot:
        run = self._timeline.run
        return Snapshot(
            settings=settings,
            meta_step=trainer.meta_step,
            params=trainer.params,
            alpha=trainer.alpha(settings),
            task_stream=trainer.task_stream,
            curve=run.history.curve(),
            events=run.log,
            playing=self.playing,
            rate=self._rate(),
            seconds=run.history.seconds,
            failure=self._player.failure,
            last_step=run.meta_step,
            cursor=self._cursor,
            observer=self._timeline.observer,
        )

    def training_curve(self, most: int | None = None) -> TrainingCurve:
        """Losses of meta-training in at most `most` entries; None: of every meta-step."""
        with self._player.visit():
            return self._timeline.run.history.curve(most)

    def _advance(self) -> None:
        self._timeline.advance()
        if self._timeline.meta_step == self._until:
            self._player.pause()
        self._recent.append((time.monotonic(), self._timeline.meta_step))
        while self._recent[-1][0] - self._recent[0][0] > RATE_SECONDS:
            self._recent.popleft()

    def _rest(self) -> None:
        """As after something was done to the session that training does not do."""
        self._looking, self._cursor = None, None
        self._recent.clear()
        self._player.failure = None
        self.changed.set()

    @contextmanager
    def _resting(self) -> Iterator[Timeline]:
        """Paused, between two meta-steps and between two looks back."""
        self._player.pause()
        self._looked_at, self._looking = self._looking, None
        with self._looking_back, self._player.visit():
            try:
                yield self._timeline
            finally:
                self._rest()

    def _rate(self) -> float:
        if not self.playing or len(self._recent) < 2:
            return 0.0
        (first, start), (last, end) = self._recent[0], self._recent[-1]
        return (end - start) / (last - first)
