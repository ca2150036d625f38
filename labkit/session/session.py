"""The live session: meta-training that can be steered, rewound, forked and compared."""

from collections.abc import Callable
from typing import Literal, Self

import torch

from labkit.session.live import LiveTimeline
from labkit.session.observe import MOST_GHOSTS, Ghost
from labkit.session.settings import LIVE, ParameterError, Settings, label
from labkit.session.sharing import Recipe
from labkit.session.source import Source, dtype_of, named_or_given, source_of
from labkit.session.task_source import check_task_source
from labkit.session.timeline import Timeline
from labkit.tasks import TaskFamily
from labkit.training import HELD_OUT, ModelSource


class Session(LiveTimeline):
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
        source = Source(model, tasks, dtype, batch_norm, test_tasks, test_steps)
        super().__init__(Timeline(source, settings))
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
    ) -> Self:
        """The session that a recipe describes, at meta-step 0; `run(recipe.meta_step)` repeats it.

        Args:
            recipe: As from `recipe()` or `read_share_code`.
            model: Needed where the recipe says "custom".
            tasks: Needed where the recipe says "custom".
            test_tasks: As for `Session`.
            test_steps: As for `Session`.

        Raises:
            ParameterError: A model or tasks are needed, or given although the recipe names them.

        Example:
            >>> recipe = Recipe(Settings(meta_batch=2), 3, tasks="Sinusoid", model="sinusoid_mlp")
            >>> session = Session.from_recipe(recipe)
            >>> session.run(recipe.meta_step)
            >>> session.recipe() == recipe
            True
        """
        return cls(
            recipe.settings,
            model=named_or_given("model", recipe.model, model),
            tasks=named_or_given("tasks", recipe.tasks, tasks),
            dtype=dtype_of(recipe),
            batch_norm=recipe.batch_norm,
            test_tasks=test_tasks,
            test_steps=test_steps,
        )

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
            values: Those of `labkit.session.settings.changes.LIVE`.

        Raises:
            ParameterError: A value is not allowed, the setting only counts at the start, or the
                session looks back.
            ValueError: The model or the tasks cannot do it.
        """
        _check_live(values)
        with self._editing:
            if (looking := self._looking) is not None:
                raise ParameterError(
                    f"the session looks back at meta-step {looking}: fork there to go on with "
                    "other settings, or return with look(None)"
                )
            settings = self.settings.changed(**values)
            if settings == self.settings:
                return
            self._timeline.check(settings)
            with self._timeline.lock:
                self._timeline.choose(values, joined=joined)
                self._cursor = None
        self._subscribers.notify()

    def reset(self) -> None:
        """Back to meta-step 0 of `specification`; paused.

        Raises:
            ParameterError: What was prescribed does not go together with settings of now.
        """
        with self._resting() as (timeline, _):
            timeline.begin(timeline.run.source, self.specification)

    def reseed(self, seed: int | None = None) -> None:
        """Back to meta-step 0 with another seed, if none is given the next one; paused.

        Raises:
            ParameterError: The seed is not allowed, or as for `reset`.
        """
        with self._resting() as (timeline, _):
            settings = self.specification
            other = settings.changed(seed=settings.seed + 1 if seed is None else seed)
            timeline.begin(timeline.run.source, other)

    def restart(self, source: Source, settings: Settings) -> None:
        """Back to meta-step 0 with another model, other tasks or any other settings; paused.

        Raises:
            ValueError: As for `Session`; everything is then as it was, but paused.
        """
        check_task_source(source.tasks, settings)
        with self._resting() as (timeline, _):
            timeline.begin(source, settings)

    def load(self, recipe: Recipe) -> None:
        """Back to meta-step 0 of a session that was shared, and replay it from there; it plays.

        Args:
            recipe: What determines it. Where tasks or model are "custom" this session's are taken.

        Raises:
            ValueError: They do not fit; everything is then as it was, but paused.
        """
        self.restart(source_of(recipe, self.source), recipe.settings)
        if recipe.meta_step:
            self.play(until=recipe.meta_step)

    def undo(self) -> None:
        """Back to before the last change, fork or reset, as if it had not happened; paused.

        What was trained since then comes back with `redo`. Without anything to undo, nothing
        happens.
        """
        with self._resting() as (timeline, _):
            if timeline.edits.done:
                timeline.undo()

    def redo(self) -> None:
        """Back to where the session stood before `undo`; paused."""
        with self._resting() as (timeline, _):
            if timeline.edits.undone:
                timeline.redo()

    def look(self, meta_step: int | None) -> None:
        """Show the session after an earlier meta-step; None returns. Pauses, and changes nothing.

        Raises:
            ValueError: So many meta-steps have not been taken.
        """
        with self._editing, self._between_steps():
            last = self._timeline.meta_step
            if meta_step is not None:
                _check_place(meta_step, last)
            self._player.pause()
            self._looking = None if meta_step == last else meta_step
            self._cursor = None
        self._subscribers.notify()

    def fork(self, meta_step: int | None = None, **values: object) -> None:
        """Go on from an earlier meta-step with other settings; paused.

        The run that is left stays as it was, for `undo`; pin it before to compare with it.

        Args:
            meta_step: Where; None: where the session looks, or stands.
            values: Settings to change, as for `set`.

        Raises:
            ValueError: There is no such meta-step, or as for `set`.
        """
        _check_live(values)
        with self._resting() as (timeline, looked_at):
            last = timeline.meta_step
            at = next((m for m in (meta_step, looked_at) if m is not None), last)
            _check_place(at, last)
            then = timeline.settings if at == last else timeline.run.settings_at(at)
            settings = then.changed(**values)
            timeline.check(settings)
            timeline.fork(at, settings)

    def pin(self) -> Ghost:
        """Keep the session as it is shown now as a ghost, to be compared with.

        What is kept already is not kept twice.
        """
        snapshot = self.snapshot()
        for kept in self._ghosts:
            if kept.snapshot.shows_the_same_as(snapshot):
                return kept
        ghost = Ghost(f"{label(snapshot.settings)} · {snapshot.meta_step:,}", snapshot)
        with self._timeline.lock:
            self._ghosts = (*self._ghosts, ghost)[-MOST_GHOSTS:]
        self._subscribers.notify()
        return ghost

    def unpin(self, ghost: Ghost | None = None) -> None:
        """Let a ghost go; None: all."""
        with self._timeline.lock:
            self._ghosts = tuple(g for g in self._ghosts if ghost is not None and g is not ghost)
        self._subscribers.notify()

    def recipe(self) -> Recipe:
        """What determines the session as it is shown now, to be shared and repeated."""
        with self._between_steps():
            timeline = self._timeline
            run, at = timeline.run, self._looking
            if at is None:
                at = timeline.meta_step
            settings = timeline.settings if at == timeline.meta_step else run.settings_at(at)
            return run.recipe(at, settings)


def _check_live(values: dict[str, object]) -> None:
    fixed = [name for name in values if name in Settings.model_fields and name not in LIVE]
    if fixed:
        raise ParameterError(
            f"{fixed[0]} decides how a session begins and cannot change while it runs; make a "
            f"new Session. These can change: {', '.join(LIVE)}"
        )


def _check_place(meta_step: object, last: int) -> None:
    if type(meta_step) is not int or not 0 <= meta_step <= last:
        raise ValueError(f"meta_step must be a whole number from 0 to {last}, got {meta_step!r}")
