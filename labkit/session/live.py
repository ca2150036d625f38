"""A timeline with a thread that trains, and snapshots for those who watch."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labkit.core import check_count
from labkit.session.history import TrainingCurve
from labkit.session.observe import Cursor, Snapshot, SnapshotMeasures, Stride, next_place
from labkit.session.player import Player
from labkit.session.progress import Progress
from labkit.session.run import InterruptedReplayError
from labkit.session.settings import Change, Settings
from labkit.session.source import Source
from labkit.session.subscribers import Subscribers
from labkit.session.timeline import Timeline
from labkit.session.torch_threads import keep_threads, threads
from labkit.session.trainer import Trainer

RATE_SECONDS = 2.0


class LiveTimeline(SnapshotMeasures):
    """What `Session` has in common with a player of music: play, pause, step, look back.

    Args:
        timeline: What is played.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._subscribers = Subscribers()
        self._player = Player(self._play_on, self._subscribers.notify)
        self._past: tuple[object, Snapshot] | None = None
        # taken in this order: editing, looking back, a visit of the player, the timeline's lock
        self._editing = threading.RLock()
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
    def threads(self) -> int:
        """How many of torch's threads the training uses."""
        return self._timeline.observer.threads

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
            until: Pause by itself after so many meta-steps in all; if they have been taken
                already, nothing happens.
        """
        with self._timeline.lock:
            if until is not None and until <= self._timeline.meta_step:
                return
            self._looking, self._cursor, self._until = None, None, until
            self._player.play()
        self._subscribers.notify()

    def pause(self) -> None:
        """Stop after the meta-step under way; while paused, nothing happens."""
        self._player.pause()
        self._subscribers.notify()

    def step(self, stride: Stride = "meta_step") -> None:
        """Go on by one inner step, one task or one meta-step; while playing, nothing happens.

        The first two walk through the next meta-step, which moves θ behind its last task. The
        meta-step is taken in the background; no walk begins before it is over.
        """
        with self._timeline.lock:
            if self.playing and stride != "meta_step":
                return
            self._looking = None
            settings = self.settings
            sizes = {"inner_steps": settings.inner_steps, "meta_batch": settings.meta_batch}
            self._cursor = next_place(self._cursor, stride, **sizes)
            if self._cursor is None:
                self._player.step()
        self._subscribers.notify()

    def wait(self, timeout: float = 10.0) -> None:
        """Return once the background training rests.

        Raises:
            TimeoutError: That has not come about within `timeout` seconds.
        """
        self._player.wait(timeout)

    def close(self) -> None:
        """Pause and end the background thread; the session can be played again later."""
        self._player.close()
        self._subscribers.notify()

    def run(self, meta_steps: int) -> None:
        """Train in this thread until `meta_steps` meta-steps have been taken in all.

        Raises:
            ValueError: `meta_steps` is not a whole number ≥ 0.
            RuntimeError: The session is playing.
            DivergedError: Loss or meta-gradient left the finite numbers.
        """
        check_count("meta_steps", meta_steps, 0)
        if self.playing:
            raise RuntimeError("the session is playing: pause it before you call run")
        with self._timeline.lock:
            self._looking, self._cursor, self._until = None, None, None
            self._player.failure = None
        progress = Progress()
        try:
            with threads(self.threads):
                while self._timeline.meta_step < meta_steps:
                    with self._player.visit():
                        self._advance()
                    progress.tell(self._timeline.meta_step)
            progress.tell(self._timeline.meta_step, last=True)
        finally:
            self._subscribers.notify()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call a function after every change that a view could show, until it is unsubscribed.

        It is called in whichever thread changes the session, after every meta-step while the
        session plays, and never while a lock of the session is held. It should only note that
        there is something new: a view pulls one `snapshot()` when it has time to draw it. What
        changes before `subscribe` returns may go unnoticed, so a view draws once after it.

        Args:
            callback: Returns quickly, such as `threading.Event.set`. If it raises, the error is
                reported through `threading.excepthook` and the callback is called no more;
                training and other subscribers go on.

        Returns:
            A function that ends this subscription and nothing else; calling it again is harmless.

        Example:
            >>> from labkit.session import Session, Settings
            >>> from labkit.tasks import Sinusoid, sinusoid_mlp
            >>> session = Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid)
            >>> unsubscribe = session.subscribe(lambda: print("changed"))
            >>> session.set(alpha=0.02)
            changed
            >>> unsubscribe()
            >>> session.set(alpha=0.03)
        """
        return self._subscribers.subscribe(callback)

    def hold(self, seconds: float) -> None:
        """Let the training rest, but for a meta-step now and then: somebody waits for an answer.

        Args:
            seconds: From now on, in place of what was said before; 0 lets it go on.
        """
        self._player.hold(seconds)

    @property
    def specification(self) -> Settings:
        """What a reset begins with: the settings as they are now, and the same changes to come.

        A setting that has its value from a prescribed change begins as the run did, and the change
        comes again.
        """
        with self._timeline.lock:
            return self._timeline.run.again(self._timeline.settings)

    @property
    def ahead(self) -> tuple[Change, ...]:
        """Changes that were prescribed and are still to come."""
        with self._timeline.lock:
            return self._timeline.run.ahead(self._timeline.meta_step)

    def snapshot(self) -> Snapshot:
        """The session between two meta-steps, or as it was where it looks back.

        Waits for the meta-step under way, and for those that have to be repeated.

        Raises:
            InterruptedReplayError: The session has gone elsewhere meanwhile.
        """
        looking, timeline = self._looking, self._timeline
        if looking is None:
            with self._between_steps():
                return self._taken(timeline.trainer, timeline.settings)
        with self._looking_back:
            if self._looking != looking:
                raise InterruptedReplayError
            # it stays the run: whoever changes that looks back too
            run = timeline.run
            shown = (run, looking, run.meta_step, self._player.failure)
            if self._past is not None and self._past[0] == shown:
                return self._past[1]
            trainer = timeline.past(looking, lambda: self._looking != looking)
            with self._between_steps():
                taken = self._taken(trainer, run.settings_at(looking))
            self._past = shown, taken
            return taken

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
            cursor=self._cursor if trainer is self._timeline.trainer else None,
            observer=self._timeline.observer,
        )

    def training_curve(self, most: int | None = None) -> TrainingCurve:
        """Losses of meta-training in at most `most` entries; None: of every meta-step."""
        with self._between_steps():
            return self._timeline.run.history.curve(most)

    def _play_on(self) -> None:
        keep_threads(self.threads)  # the thread is the player's own
        self._advance()

    def _advance(self) -> None:
        self._timeline.advance()
        until = self._until  # others may change it meanwhile
        if until is not None and self._timeline.meta_step >= until:
            self._player.pause()
        self._recent.append((time.monotonic(), self._timeline.meta_step))
        while self._recent[-1][0] - self._recent[0][0] > RATE_SECONDS:
            self._recent.popleft()

    def _rest(self) -> None:
        """As after something was done to the session that training does not do."""
        self._looking, self._cursor, self._past = None, None, None
        self._recent.clear()
        self._player.failure = None

    @contextmanager
    def _between_steps(self) -> Iterator[None]:
        """A time in which neither a meta-step is taken nor anything else is done."""
        with self._player.visit(), self._timeline.lock:
            yield

    @contextmanager
    def _resting(self) -> Iterator[tuple[Timeline, int | None]]:
        """Paused, with the timeline to oneself, and the meta-step that was looked back at.

        What is raised inside leaves the session paused, and otherwise as it was.
        """
        try:
            with self._editing:
                self._player.pause()
                looked_at, self._looking = self._looking, None  # who replays for that can stop
                try:
                    with self._looking_back, self._between_steps():
                        self._player.pause()  # somebody may have played meanwhile
                        yield self._timeline, looked_at
                        self._rest()
                except BaseException:  # an interrupt too leaves the look where it was
                    self._looking = looked_at
                    raise
        finally:
            self._subscribers.notify()

    def _rate(self) -> float:
        if not self.playing or len(self._recent) < 2:
            return 0.0
        (first, start), (last, end) = self._recent[0], self._recent[-1]
        return (end - start) / (last - first)
