"""The live session: meta-training that can be steered, rewound, forked and compared."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from labkit.session.algorithms import label
from labkit.session.changes import LIVE
from labkit.session.cursor import Cursor, Stride, next_place
from labkit.session.history import TrainingCurve
from labkit.session.observer import Points
from labkit.session.player import Player
from labkit.session.recipe import Recipe
from labkit.session.run import Run
from labkit.session.settings import ParameterError, Settings
from labkit.session.snapshot import Ghost, Snapshot
from labkit.session.source import Source
from labkit.session.task_source import check_task_source
from labkit.session.timeline import Timeline
from labkit.session.trainer import Trainer
from labkit.tasks.family import AnyPortrait, Split, TaskFamily
from labkit.training.evaluation import AdaptationCurve
from labkit.training.held_out import HELD_OUT
from labkit.training.parameters import ModelSource

RATE_SECONDS = 2.0
MOST_GHOSTS = 6

TRIED = {"algorithm", "alpha_learned", "meta_batch", "shots"}
"""Settings that not every model and task family can serve."""


class Session:
    """Meta-training that can be played, paused, stepped, steered, rewound, forked and compared.

    Settings are immutable and swapped whole; a change takes effect at the next meta-step and is
    recorded as an `Event`. Settings, seed and events determine every θ. `play` trains in a
    background thread; `run` trains in the caller's, to the same numbers.

    Args:
        settings: What determines the run; `settings.events` will be made on the way.
        model: Any module, or a function that makes one from a generator.
        tasks: A function that makes the task family from `shots`, such as `Sinusoid`; with
            `ClassificationSettings` from `ways` and `shots`, such as `Emoji`. It is given them by
            name.
        dtype: Floating-point type of θ and the data; None keeps the module's.
        batch_norm: "transductive" for modules with batch norm, see `MetaLearner`.
        test_tasks: Held-out tasks of the live curves; fewer for large models, so that they follow.
        test_steps: Inner steps that adaptation curves go to, ≥ 1; more if training takes more.

    Raises:
        ValueError: As for `MetaLearner`.

    Example:
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=4), model=sinusoid_mlp, tasks=Sinusoid)
        >>> session.run(3)
        >>> session.set(alpha=0.02)
        >>> session.run(5)
        >>> session.snapshot().events
        (Event(meta_step=3, name='alpha', value=0.02),)
        >>> session.undo()
        >>> session.snapshot().meta_step, session.settings.alpha
        (3, 0.01)
    """

    def __init__(
        self,
        settings: Settings,
        *,
        model: ModelSource,
        tasks: Callable[..., TaskFamily],
        dtype: torch.dtype | None = None,
        batch_norm: Literal["transductive"] | None = None,
        test_tasks: int = HELD_OUT,
        test_steps: int = 10,
    ) -> None:
        check_task_source(tasks, settings)
        self.changed = threading.Event()
        """Set whenever there is something new to show; views clear it."""
        source = Source(model, tasks, dtype, batch_norm, test_tasks, test_steps)
        self._timeline = Timeline(source, settings)
        self._player = Player(self._advance, self.changed)
        self._ghosts: tuple[Ghost, ...] = ()
        self._past: tuple[Run, Snapshot] | None = None
        self._looking_back = threading.Lock()
        self._rest()

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
    def ghosts(self) -> tuple[Ghost, ...]:
        """Runs that were pinned, the oldest first."""
        return self._ghosts

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._timeline.edits.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return bool(self._timeline.edits.undone)

    def set(self, *, joined: bool = False, **values: object) -> None:
        """Change settings from the next meta-step on; the latest value wins.

        Args:
            joined: They belong to the change before, as in dragging: both are undone together.
            values: Those of `labkit.session.changes.LIVE`.

        Raises:
            ParameterError: A value is not allowed, the setting only counts at the start, or the
                session looks back.
            ValueError: The model or the tasks cannot do it.
        """
        fixed = [name for name in values if name in Settings.model_fields and name not in LIVE]
        if fixed:
            raise ParameterError(
                f"{fixed[0]} decides how a session begins and cannot change while it runs; make a "
                f"new Session. These can change: {', '.join(LIVE)}"
            )
        if self._looking is not None:
            raise ParameterError(
                f"the session looks back at meta-step {self._looking}: fork there to go on with "
                "other settings, or return with look(None)"
            )
        settings = self.settings.changed(**values)
        if settings == self.settings:
            return
        if values.keys() & TRIED:
            self._timeline.observer.check(settings)
        self._timeline.choose(settings, joined=joined)
        self._cursor = None
        self.changed.set()

    def play(self) -> None:
        """Train in the background until `pause`; while playing, nothing happens."""
        self._looking = self._cursor = None
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

    def reset(self) -> None:
        """Back to meta-step 0 with the same seed and the settings as they are now; paused."""
        self._begin(self.source, self.settings)

    def reseed(self, seed: int | None = None) -> None:
        """Back to meta-step 0 with another seed, if none is given the next one; paused.

        Raises:
            ParameterError: The seed is not allowed.
        """
        seed = self.settings.seed + 1 if seed is None else seed
        self._begin(self.source, self.settings.changed(seed=seed))

    def restart(self, source: Source, settings: Settings) -> None:
        """Back to meta-step 0 with another model, other tasks or any other settings; paused.

        Raises:
            ValueError: As for `Session`; everything is then as it was.
        """
        check_task_source(source.tasks, settings)
        self._begin(source, settings)

    def undo(self) -> None:
        """Back to before the last change, fork or reset, as if it had not happened; paused.

        What was trained since then comes back with `redo`. Without anything to undo, nothing
        happens.
        """
        with self._resting() as timeline:
            if timeline.edits.done:
                timeline.undo()

    def redo(self) -> None:
        """Back to where the session stood before `undo`; paused."""
        with self._resting() as timeline:
            if timeline.edits.undone:
                timeline.redo()

    def look(self, meta_step: int | None) -> None:
        """Show the session after an earlier meta-step; None returns. Pauses, and changes nothing.

        Raises:
            ValueError: So many meta-steps have not been taken.
        """
        self._player.pause()
        with self._player.visit():
            last = self._timeline.meta_step
            if meta_step is not None and not 0 <= meta_step <= last:
                raise ValueError(f"meta_step must be from 0 to {last}, got {meta_step!r}")
            self._looking = None if meta_step == last else meta_step
            self._cursor = None
        self.changed.set()

    def fork(self, meta_step: int | None = None, **values: object) -> None:
        """Go on from an earlier meta-step with other settings; paused.

        The run that is left stays as it was, for `undo`; pin it before to compare with it.

        Args:
            meta_step: Where; None: where the session looks, or stands.
            values: Settings to change, as for `set`.

        Raises:
            ValueError: There is no such meta-step, or as for `set`.
        """
        with self._resting() as timeline:
            last = timeline.meta_step
            at = next((m for m in (meta_step, self._looked_at) if m is not None), last)
            if not 0 <= at <= last:
                raise ValueError(f"meta_step must be from 0 to {last}, got {at!r}")
            then = timeline.settings if at == last else timeline.run.settings_at(at)
            timeline.fork(at, then)
        if values:
            self.set(joined=True, **values)

    def pin(self) -> Ghost:
        """Keep the session as it is shown now as a ghost, to be compared with."""
        snapshot = self.snapshot()
        ghost = Ghost(f"{label(snapshot.settings)} · {snapshot.meta_step:,}", snapshot)
        self._ghosts = (*self._ghosts, ghost)[-MOST_GHOSTS:]
        self.changed.set()
        return ghost

    def unpin(self, ghost: Ghost | None = None) -> None:
        """Let a ghost go; None: all."""
        self._ghosts = tuple(g for g in self._ghosts if ghost is not None and g is not ghost)
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
        self._looking = self._cursor = None
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
            InterruptedReplay: The session has gone elsewhere meanwhile.
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

    def recipe(self) -> Recipe:
        """What determines the session as it is shown now, to be shared and repeated."""
        with self._player.visit():
            timeline = self._timeline
            at = timeline.meta_step if self._looking is None else self._looking
            run, chosen = timeline.run, timeline.settings
            settings = chosen if at == timeline.meta_step else run.settings_at(at)
            before = run.until(at)
        then = before.settings_at(at)
        log = [(e.meta_step, e.name, e.value) for e in before.log]
        log += [(at, n, getattr(settings, n)) for n in LIVE if getattr(settings, n) != getattr(then, n)]
        tasks, model = names_of(run.source, settings)
        return Recipe(run.start.changed(events=log), at, tasks, model)

    def adaptation_curve(
        self,
        snapshot: Snapshot,
        *,
        split: Split = "validation",
        tasks: int | None = None,
        part: int | None = None,
    ) -> AdaptationCurve:
        """Query loss over inner steps on held-out tasks, at a snapshot.

        Args:
            snapshot: When.
            split: "validation" while settings are being chosen, "test" for a result.
            tasks: Held-out tasks, ≥ 1; None takes those of the live curves.
            part: Measure on the first so many of them, ≥ 1; None: on all.
        """
        return snapshot.observer.adaptation_curve(snapshot, split=split, tasks=tasks, part=part)

    def untrained_curve(self, snapshot: Snapshot, part: int | None = None) -> AdaptationCurve:
        """The live curve for θ₀, the parameters at meta-step 0, with the settings of a snapshot."""
        return snapshot.observer.untrained_curve(snapshot, part)

    def portrait(
        self, snapshot: Snapshot, task: int = 0, points: Points | None = None
    ) -> AnyPortrait | None:
        """A task of the live curve by its number, from 0; None if it cannot be drawn.

        Args:
            snapshot: When. Inside of a meta-step it is the task of that meta-step which the walk
                has come to, whatever `task` says.
            task: Number of the task.
            points: Support points in place of the task's own, if `editable`.
        """
        if snapshot.cursor is not None:
            return snapshot.observer.training_portrait(snapshot, snapshot.cursor)
        return snapshot.observer.portrait(snapshot, task, points)

    def editable(self, snapshot: Snapshot) -> bool:
        """Whether support points can be set by hand, as those of functions of one variable."""
        return snapshot.observer.editable(snapshot)

    def _advance(self) -> None:
        self._timeline.advance()
        self._recent.append((time.monotonic(), self._timeline.meta_step))
        while self._recent[-1][0] - self._recent[0][0] > RATE_SECONDS:
            self._recent.popleft()

    def _rest(self) -> None:
        """As after something was done to the session that training does not do."""
        self._looking: int | None = None
        self._cursor: Cursor | None = None
        self._recent: deque[tuple[float, int]] = deque()
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

    def _begin(self, source: Source, settings: Settings) -> None:
        with self._resting() as timeline:
            timeline.begin(source, settings)

    def _rate(self) -> float:
        if not self.playing or len(self._recent) < 2:
            return 0.0
        (first, start), (last, end) = self._recent[0], self._recent[-1]
        return (end - start) / (last - first)
