"""The live session: meta-training that can be steered, rewound, forked and compared."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, final

import torch

from labkit.core import Vectorize, check_count
from labkit.session.checkpoints import SESSION, saved_session, session_content
from labkit.session.history import TrainingCurve
from labkit.session.locks import SessionLocks
from labkit.session.observe import (
    MOST_GHOSTS,
    MOST_KEPT,
    Cursor,
    Ghost,
    Points,
    Snapshot,
    Stride,
    next_cursor,
)
from labkit.session.player import Player
from labkit.session.progress import Progress
from labkit.session.run import InterruptedReplayError
from labkit.session.run_checkpoint import RunCheckpoint
from labkit.session.settings import LIVE, Change, ParameterError, Settings, label
from labkit.session.sharing import Recipe, dtype_of, named_or_custom, source_of
from labkit.session.source import Source, check_task_source
from labkit.session.subscribers import Subscribers
from labkit.session.threads import keep_threads, threads
from labkit.session.timeline import Timeline
from labkit.session.trainer import Trainer
from labkit.tasks import AnyPortrait, Split, TaskFamily
from labkit.training import (
    HELD_OUT,
    AdaptationCurve,
    Between,
    DivergedError,
    MetaLearner,
    ModelSource,
    read_checkpoint,
    write_checkpoint,
)


@final
class Session:
    """Meta-training that can be played, paused, stepped, steered, rewound, forked and compared.

    Settings are immutable and swapped whole; a change takes effect at the next meta-step and is
    recorded as an `Event`. Settings, seed and events determine every θ. `play` trains in a
    background thread; `run` trains in the caller's, to the same numbers.

    Args:
        settings: Determine the run; `settings.events` are applied when their meta-steps come.
        model: Any module, or a function that creates one from a generator.
        tasks: A function that creates the task family from `shots`, such as `Sinusoid`; with
            `ClassificationSettings` from `ways` and `shots`, such as `Emoji`. It gets them by name.
        dtype: Floating-point type of θ and the data; None keeps the module's.
        batch_norm: "transductive" for modules with batch norm, see `MetaLearner`.
        test_tasks: Held-out tasks of the live curves; fewer for large models.
        test_steps: Inner steps to which adaptation curves go, ≥ 1; more if training takes more.
        vectorize: As for `MetaLearner`.

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
        vectorize: Vectorize = "auto",
    ) -> None:
        check_task_source(tasks, settings)
        source = Source(model, tasks, dtype, batch_norm, test_tasks, test_steps, vectorize)
        self._locks = SessionLocks()
        self._timeline = Timeline(source, settings, self._locks)
        self._subscribers = Subscribers()
        self._player = Player(self._play_on, self._subscribers.notify, self._locks)
        self._looking: int | None = None
        self._past: tuple[object, Snapshot] | None = None
        self._cursor: Cursor | None = None
        self._until: int | None = None
        self._ghosts: tuple[Ghost, ...] = ()

    @classmethod
    def from_recipe(
        cls,
        recipe: Recipe,
        *,
        model: ModelSource | None = None,
        tasks: Callable[..., TaskFamily] | None = None,
        test_tasks: int = HELD_OUT,
        test_steps: int = 10,
    ) -> "Session":
        """The session that a recipe describes, at meta-step 0; `run(recipe.meta_step)` repeats it.

        Args:
            recipe: As from `recipe()` or `read_share_code`.
            model: Needed where the recipe says "custom".
            tasks: Needed where the recipe says "custom".
            test_tasks: As for `Session`.
            test_steps: As for `Session`.

        Raises:
            ParameterError: A model or tasks are missing, or given although the recipe names them.

        Example:
            >>> recipe = Recipe(Settings(meta_batch=2), 3, tasks="Sinusoid", model="sinusoid_mlp")
            >>> session = Session.from_recipe(recipe)
            >>> session.run(recipe.meta_step)
            >>> session.recipe() == recipe
            True
        """
        return cls(
            recipe.settings,
            model=named_or_custom("model", recipe.model, model),
            tasks=named_or_custom("tasks", recipe.tasks, tasks),
            dtype=dtype_of(recipe),
            batch_norm=recipe.batch_norm,
            test_tasks=test_tasks,
            test_steps=test_steps,
        )

    @property
    def settings(self) -> Settings:
        """The settings as chosen; they take effect at the next meta-step."""
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
    def watched(self) -> bool:
        """Whether there are subscribers: views that show every change."""
        return bool(self._subscribers)

    @property
    def looking(self) -> int | None:
        """The earlier meta-step that is shown, or None."""
        return self._looking

    @property
    def last_step(self) -> int:
        """Meta-steps taken in all, wherever the session looks."""
        return self._timeline.meta_step

    @property
    def ghosts(self) -> tuple[Ghost, ...]:
        """Runs that were kept for comparison, the oldest first."""
        return self._ghosts

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._timeline.edits.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self._timeline.edits.undone)

    @property
    def specification(self) -> Settings:
        """The settings with which a reset begins: those of now, with the same scheduled changes.

        A setting that got its value from a scheduled change begins as the run did, and the change
        is applied again.
        """
        with self._locks.choice:
            return self._timeline.run.restart_settings(self._timeline.settings)

    @property
    def ahead(self) -> tuple[Change, ...]:
        """Scheduled changes that have not been applied yet."""
        with self._locks.choice:
            return self._timeline.run.ahead(self._timeline.meta_step)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call a function after every change that a view could show, until it is unsubscribed.

        It is called in whichever thread changes the session, after every meta-step while the
        session plays, and never while a lock of the session is held. It should only note that
        there is something new: a view pulls one `snapshot()` when it has time to draw it. What
        changes before `subscribe` returns may go unnoticed, so a view draws once after it.

        Args:
            callback: Returns quickly, such as `threading.Event.set`. If it raises, the error is
                reported through `threading.excepthook` and the callback is called no more;
                training and other subscribers continue.

        Returns:
            A function that ends this subscription and nothing else; calling it again is harmless.

        Example:
            >>> from labkit.tasks import Sinusoid, sinusoid_mlp
            >>> session = Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid)
            >>> unsubscribe = session.subscribe(lambda: print("changed"))
            >>> session.set(alpha=0.02)
            changed
            >>> unsubscribe()
            >>> session.set(alpha=0.03)
        """
        return self._subscribers.subscribe(callback)

    def play(self, until: int | None = None) -> None:
        """Train in the background until `pause`; while playing, nothing happens.

        Args:
            until: Pause automatically after this many meta-steps in all; if they have been taken
                already, nothing happens.
        """
        with self._locks.choice:
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
        """Advance by one inner step, one task or one meta-step; while playing, nothing happens.

        The first two walk through the next meta-step, which moves θ after its last task. The
        meta-step is taken in the background; no walk begins before it is over.
        """
        with self._locks.choice:
            if self.playing and stride != "meta_step":
                return
            self._looking = None
            settings = self.settings
            sizes = {"inner_steps": settings.inner_steps, "meta_batch": settings.meta_batch}
            self._cursor = next_cursor(self._cursor, stride, **sizes)
            if self._cursor is None:
                self._player.step()
        self._subscribers.notify()

    def wait(self, timeout: float = 10.0) -> None:
        """Return once the background training rests.

        Raises:
            TimeoutError: It does not rest within `timeout` seconds.
        """
        self._player.wait(timeout)

    def close(self) -> None:
        """Pause and end the background thread; the session can be played again later."""
        self._player.close()
        self._subscribers.notify()

    def run(self, meta_steps: int) -> None:
        """Train in this thread until `meta_steps` meta-steps have been taken in all.

        Whoever has started this process may ask for an earlier end, as a search does that gives up
        a trial, and for checkpoints, from which a run that was interrupted continues.

        Raises:
            ValueError: `meta_steps` is not a whole number ≥ 0.
            RuntimeError: The session is playing.
            DivergedError: Loss or meta-gradient left the finite numbers; `session` is this one.
        """
        check_count("meta_steps", meta_steps, 0)
        if self.playing:
            raise RuntimeError("the session is playing: pause it before you call run")
        with self._locks.choice:
            self._looking, self._cursor, self._until = None, None, None
            self._player.forget()
        progress, first = Progress(meta_steps), self._timeline.meta_step
        checkpoint = RunCheckpoint(lambda: f"{meta_steps} {self.recipe()} {self._fingerprints()}")
        checkpoint.take_up(self._take_up)
        if self._timeline.meta_step > first:
            progress.catch_up(first, self._timeline.run.history.columns()[:2].T.tolist())
        try:
            with threads(self.threads):
                while self._timeline.meta_step < meta_steps and not progress.should_stop:
                    with self._locks.turn.visit():
                        self._advance()
                    history = self._timeline.run.history
                    progress.add(len(history), *history.latest)
                    if checkpoint.due:
                        checkpoint.write(self._content())
            checkpoint.end(self._content)
        except DivergedError as error:
            error.session = self
            raise
        finally:
            self._subscribers.notify()

    def hold(self, seconds: float) -> None:
        """Let the training rest, except for a meta-step now and then: a person waits for an answer.

        Args:
            seconds: From now on, in place of an earlier hold; 0 ends it.
        """
        self._player.hold(seconds)

    def set(self, *, joined: bool = False, **values: object) -> None:
        """Change settings from the next meta-step on; the latest value wins.

        Args:
            joined: They belong to the change before, as in dragging: both are undone together.
            values: Live settings, by name.

        Raises:
            ParameterError: A value is not allowed, the setting only counts at the start, or the
                session shows an earlier meta-step.
            ValueError: The model or the tasks cannot serve it.
        """
        _check_live(values)
        with self._locks.edit:
            if (looking := self._looking) is not None:
                raise ParameterError(
                    f"you are viewing meta-step {looking}. Call fork() to continue from there with "
                    "other settings, or look(None) to return"
                )
            settings = self.settings.changed(**values)
            if settings == self.settings:
                return
            self._timeline.check(settings)
            with self._locks.choice:
                self._timeline.choose(values, joined=joined)
                self._cursor = None
        self._subscribers.notify()

    def reset(self) -> None:
        """Back to meta-step 0 of `specification`; paused.

        Raises:
            ParameterError: Scheduled changes are incompatible with the present settings.
        """
        with self._editing() as (timeline, _):
            timeline.begin(timeline.run.source, self.specification)

    def reseed(self, seed: int | None = None) -> None:
        """Back to meta-step 0 with another seed, by default the next one; paused.

        Raises:
            ParameterError: The seed is not allowed, or as for `reset`.
        """
        with self._editing() as (timeline, _):
            settings = self.specification
            other = settings.changed(seed=settings.seed + 1 if seed is None else seed)
            timeline.begin(timeline.run.source, other)

    def restart(self, source: Source, settings: Settings) -> None:
        """Back to meta-step 0 with another model, other tasks or any other settings; paused.

        Raises:
            ValueError: As for `Session`; everything is then as it was, but paused.
        """
        check_task_source(source.tasks, settings)
        with self._editing() as (timeline, _):
            timeline.begin(source, settings)

    def load(self, origin: Recipe | str | Path) -> None:
        """Continue a session that was saved or shared; it can be undone.

        Args:
            origin: The file of a session that `save` wrote: this one has then all that it had,
                paused, and continues bit for bit. Or a recipe: this one goes back to meta-step 0
                and replays it from there, and plays. Where the tasks or the model of a recipe are
                "custom", those of this session serve.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is damaged, no checkpoint of a session or of a newer version, or
                belongs to other tasks or another model; or the recipe does not fit. The message
                says which; everything is then as it was, but a recipe pauses.
        """
        if isinstance(origin, Recipe):
            self.restart(source_of(origin, self.source), origin.settings)
            if origin.meta_step:
                self.play(until=origin.meta_step)
            return
        content = read_checkpoint(origin, SESSION)
        saved = saved_session(content, origin, self.source, self._locks)
        with self._editing() as (timeline, _):
            timeline.resume(saved.run, saved.trainer, saved.settings, undoable=True)
            self._ghosts = saved.ghosts

    def save(self, path: str | Path) -> None:
        """Write the session at its last meta-step; `load` resumes it exactly.

        θ, α, the meta-optimiser, the random streams, settings, scheduled changes and changes made,
        the losses of every meta-step and the kept runs; not what could be undone. The file is
        safetensors with a checksum, and is complete or absent. A playing session keeps playing.

        Args:
            path: Of the file; its folder exists.

        Example:
            >>> from tempfile import TemporaryDirectory
            >>> from labkit.tasks import Sinusoid, sinusoid_mlp
            >>> one, other = (
            ...     Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
            ...     for _ in range(2)
            ... )
            >>> one.run(3)
            >>> with TemporaryDirectory() as folder:
            ...     one.save(f"{folder}/session")
            ...     other.load(f"{folder}/session")
            >>> other.last_step
            3
        """
        write_checkpoint(path, SESSION, self._content())

    def undo(self) -> None:
        """Back to before the last change, fork or reset, as if it had not happened; paused.

        `redo` restores what was trained since. Without anything to undo, nothing happens.
        """
        with self._editing() as (timeline, _):
            if timeline.edits.done:
                timeline.undo()

    def redo(self) -> None:
        """Back to where the session was before `undo`; paused."""
        with self._editing() as (timeline, _):
            if timeline.edits.undone:
                timeline.redo()

    def look(self, meta_step: int | None) -> None:
        """Show the session after an earlier meta-step; None returns. Pauses, and changes nothing.

        Raises:
            ValueError: Fewer meta-steps have been taken.
        """
        with self._locks.edit, self._locks.between_steps():
            last = self._timeline.meta_step
            if meta_step is not None:
                _check_meta_step(meta_step, last)
            self._player.pause()
            self._looking = None if meta_step == last else meta_step
            self._cursor = None
        self._subscribers.notify()

    def fork(self, meta_step: int | None = None, **values: object) -> None:
        """Continue from an earlier meta-step with other settings; paused.

        The run that is left stays as it was, for `undo`; pin it first to compare with it.

        Args:
            meta_step: Where; None: where the session looks, or is.
            values: Settings to change, as for `set`.

        Raises:
            ValueError: There is no such meta-step, or as for `set`.
        """
        _check_live(values)
        with self._editing() as (timeline, looked_at):
            last = timeline.meta_step
            at = next((m for m in (meta_step, looked_at) if m is not None), last)
            _check_meta_step(at, last)
            then = timeline.settings if at == last else timeline.run.settings_at(at)
            settings = then.changed(**values)
            timeline.check(settings)
            timeline.fork(at, settings)

    def pin(self, *, latest: bool = False) -> Ghost:
        """Keep the run as it is shown now, to compare with.

        The same state is not kept twice.

        Args:
            latest: Keep it as it is at its end, also while an earlier meta-step is shown.
        """
        snapshot = self._latest() if latest else self.snapshot()
        for kept in self._ghosts:
            if kept.snapshot.shows_the_same_as(snapshot):
                return kept
        ghost = Ghost(f"{label(snapshot.settings)} · {snapshot.meta_step:,}", snapshot)
        with self._locks.choice:
            self._ghosts = (*self._ghosts, ghost)[-MOST_GHOSTS:]
        self._subscribers.notify()
        return ghost

    def unpin(self, ghost: Ghost | None = None) -> None:
        """Remove a kept run; None: all."""
        with self._locks.choice:
            self._ghosts = tuple(g for g in self._ghosts if ghost is not None and g is not ghost)
        self._subscribers.notify()

    def recipe(self) -> Recipe:
        """The recipe of the session as it is shown now, to share and repeat."""
        with self._locks.between_steps():
            timeline = self._timeline
            run, at = timeline.run, self._looking
            if at is None:
                at = timeline.meta_step
            settings = timeline.settings if at == timeline.meta_step else run.settings_at(at)
            return run.recipe(at, settings)

    def training_curve(self, most: int | None = None) -> TrainingCurve:
        """Losses of meta-training in at most `most` entries; None: of every meta-step."""
        with self._locks.between_steps():
            return self._timeline.run.history.curve(most)

    def snapshot(self, meta_step: int | None = None) -> Snapshot:
        """The session between two meta-steps, or as it was at the earlier one that it shows.

        Waits for the meta-step under way, and for those that have to be repeated.

        Args:
            meta_step: As it was after so many; what the session shows stays. None: what it shows.

        Raises:
            InterruptedReplayError: The session has moved on meanwhile.
            ValueError: Fewer meta-steps have been taken.
        """
        looking, timeline = self._looking, self._timeline
        if meta_step is not None:
            _check_meta_step(meta_step, self.last_step)
            with self._locks.replay:
                trainer = timeline.past(meta_step, lambda: self._timeline is not timeline)
                with self._locks.between_steps():
                    return self._snapshot_of(trainer, timeline.run.settings_at(meta_step))
        if looking is None:
            return self._latest()
        with self._locks.replay:
            if self._looking != looking:
                raise InterruptedReplayError
            # the run stays: whoever changes it takes this lock too
            run = timeline.run
            key = (run, looking, run.meta_step, self._player.failure)
            if self._past is not None and self._past[0] == key:
                return self._past[1]
            trainer = timeline.past(looking, lambda: self._looking != looking)
            with self._locks.between_steps():
                snapshot = self._snapshot_of(trainer, run.settings_at(looking))
            self._past = key, snapshot
            return snapshot

    def adaptation_curve(
        self,
        snapshot: Snapshot,
        *,
        split: Split = "validation",
        tasks: int | None = None,
        part: int | None = None,
        between: Between | None = None,
    ) -> AdaptationCurve:
        """Query loss over inner steps on held-out tasks, at a snapshot.

        Args:
            snapshot: When.
            split: "validation" while settings are being chosen, "test" for a result.
            tasks: Held-out tasks, ≥ 1; None takes those of the live curves.
            part: Measure on the first `part` of them, ≥ 1; None: on all.
            between: Called now and then; an exception that it raises ends the measurement.
        """
        return snapshot.observer.adaptation_curve(
            snapshot, split=split, tasks=tasks, part=part, between=between
        )

    def learner(self, snapshot: Snapshot | None = None) -> MetaLearner:
        """A `MetaLearner` as this session is, to adapt, measure or train on without it.

        It has θ, α and the settings, and draws the next tasks; its meta-optimiser remembers nothing
        of earlier gradients.

        Args:
            snapshot: When; None: now.
        """
        snapshot = self.snapshot() if snapshot is None else snapshot
        return snapshot.observer.learner(snapshot, snapshot.meta_step)

    def untrained_curve(
        self, snapshot: Snapshot, *, part: int | None = None, between: Between | None = None
    ) -> AdaptationCurve:
        """The live curve for θ₀, the parameters at meta-step 0, with the settings of a snapshot.

        Args:
            snapshot: When.
            part: As for `adaptation_curve`; the curve of all tasks is taken where it is known.
            between: As for `adaptation_curve`.
        """
        return snapshot.observer.untrained_curve(snapshot, part=part, between=between)

    def portrait(
        self, snapshot: Snapshot, task: int = 0, points: Points | None = None
    ) -> AnyPortrait | None:
        """A task of the live curve by its number, from 0; None if it cannot be drawn.

        Args:
            snapshot: When. Within a meta-step it is the task of that meta-step at the cursor,
                whatever `task` says.
            task: Number of the task.
            points: Support points in place of the task's own, if `editable`; of a navigation task
                its goal, alone.
        """
        if snapshot.cursor is not None:
            return snapshot.observer.training_portrait(snapshot, snapshot.cursor.task)
        return snapshot.observer.portrait(snapshot, task, points)

    def editable(self, snapshot: Snapshot) -> bool:
        """Whether support points, of functions of one variable, or a goal can be set by hand."""
        return snapshot.observer.editable(snapshot)

    def _content(self) -> dict[str, Any]:
        """All that a checkpoint holds."""
        with self._locks.between_steps():
            return session_content(self._timeline, self._ghosts)

    def _fingerprints(self) -> dict[str, str]:
        with self._locks.between_steps():
            return self._timeline.trainer.fingerprints()

    def _take_up(self, content: dict[str, Any], path: Path) -> None:
        """Continue from the checkpoint of this training in an earlier attempt."""
        saved = saved_session(content, path, self.source, self._locks)
        with self._editing() as (timeline, _):
            timeline.resume(saved.run, saved.trainer, saved.settings, undoable=False)

    def _latest(self) -> Snapshot:
        with self._locks.between_steps():
            return self._snapshot_of(self._timeline.trainer, self._timeline.settings)

    def _snapshot_of(self, trainer: Trainer, settings: Settings) -> Snapshot:
        run, meta_step, params = self._timeline.run, trainer.meta_step, trainer.params
        return Snapshot(
            settings=settings,
            meta_step=meta_step,
            params=params,
            alpha=trainer.alpha(settings),
            task_stream=trainer.task_stream,
            curve=run.history.curve(),
            start=run.start.changed(events=()),
            events=run.log,
            playing=self.playing,
            rate=self._player.rate,
            seconds=run.history.seconds,
            failure=self._player.failure,
            last_step=run.meta_step,
            cursor=self._cursor if trainer is self._timeline.trainer else None,
            state=trainer.state(),
            observer=self._timeline.observer,
            path=(*run.states.path(meta_step - 1, MOST_KEPT), (meta_step, params)),
        )

    def _play_on(self) -> None:
        keep_threads(self.threads)  # the thread is the player's own
        self._advance()

    def _advance(self) -> None:
        self._timeline.advance()
        until = self._until  # others may change it meanwhile
        if until is not None and self._timeline.meta_step >= until:
            self._player.pause()

    @contextmanager
    def _editing(self) -> Iterator[tuple[Timeline, int | None]]:
        """A time in which the session is paused and the timeline changes by one edit.

        Yields the timeline and the earlier meta-step that was shown. An error inside leaves the
        session paused, and otherwise as it was.
        """
        try:
            with self._locks.edit:
                self._player.pause()
                looked_at, self._looking = self._looking, None  # a replay for it can stop
                try:
                    with self._locks.replay, self._locks.between_steps():
                        self._player.pause()  # somebody may have played meanwhile
                        yield self._timeline, looked_at
                        self._looking, self._cursor, self._past = None, None, None
                        self._player.forget()
                except BaseException:  # after an interrupt too the session looks where it did
                    self._looking = looked_at
                    raise
        finally:
            self._subscribers.notify()


def _check_live(values: dict[str, object]) -> None:
    fixed = [name for name in values if name in Settings.model_fields and name not in LIVE]
    if fixed:
        raise ParameterError(
            f"{fixed[0]} decides how a session begins and cannot change while it runs; create a "
            f"new Session. These can change: {', '.join(LIVE)}"
        )


def _check_meta_step(meta_step: object, last: int) -> None:
    if type(meta_step) is not int or not 0 <= meta_step <= last:
        raise ValueError(f"meta_step must be a whole number from 0 to {last}, got {meta_step!r}")
