"""Measures and draws next to the training, on a separate learner."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, final

import torch
from torch import Tensor

from labkit.core import Algorithm, AnyAlpha, LearnedAlpha, LossFn, Params
from labkit.session.locks import OrderedLock
from labkit.session.settings import Settings, algorithm_of
from labkit.session.source import Families, Source
from labkit.session.threads import threads, threads_for
from labkit.session.trainer import initial_alpha
from labkit.tasks import (
    AnyPortrait,
    BoundedFamily,
    GoalFamily,
    PathPortrait,
    Portrait,
    Split,
    TaskBatch,
    TaskFamily,
)
from labkit.training import (
    AdaptationCurve,
    Between,
    MetaLearner,
    draw,
    map_batch,
    on_split,
    one_task,
    stream,
)

T = TypeVar("T")

Points = tuple[tuple[float, float], ...]
"""Support points set by hand: x and y of each; or the goal of a navigation task, alone."""

PATH_STEPS = 3
"""Paths are drawn after so many inner steps, also where K is less."""


class ModelState(Protocol):
    """What a measurement needs to know of a session; a `Snapshot` has it."""

    @property
    def settings(self) -> Settings:
        """As chosen."""
        ...

    @property
    def params(self) -> Params:
        """θ."""
        ...

    @property
    def alpha(self) -> AnyAlpha:
        """α with these settings."""
        ...

    @property
    def task_stream(self) -> Tensor:
        """State of the stream from which the next batch of tasks will be drawn."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Untrained:
    """The state at meta-step 0, with other settings."""

    settings: Settings
    params: Params
    alpha: AnyAlpha
    task_stream: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """All that a probe takes, at one state of a session.

    Attributes:
        learner: Its model and algorithm; its own θ is another one.
        loss_fn: (params, batch of one task) → 0-d loss; in evaluation mode for held-out tasks.
        family: What the tasks come from.
        batch: Held-out tasks, or those of the next meta-step.
        params: θ.
    """

    learner: MetaLearner
    loss_fn: LossFn
    family: TaskFamily
    batch: TaskBatch
    params: Params


@final
class Observer:
    """Adaptation curves and portraits at states of a session.

    `torch.func.functional_call` is not thread-safe on one module, so an observer has its own.

    Args:
        source: Model and tasks.
        settings: With which the session begins.
        lock: One thread at a time measures.
    """

    def __init__(self, source: Source, settings: Settings, lock: OrderedLock) -> None:
        self.source = source
        self._learner = source.learner(settings)
        self._lock = lock
        self._families, self._names = Families(source), tuple(self._learner.params)
        self._drawn: dict[tuple[object, ...], TaskBatch] = {}
        self.seed = settings.seed
        self.initial: Params = self._learner.params
        """θ₀."""
        self.model_name = type(self._learner.test_loss_fn.model).__name__
        """The class of the model, for messages."""
        self.threads = threads_for(self.initial)
        """How many of torch's threads the model is worth."""
        self._last_untrained: tuple[object, AdaptationCurve | None] = (None, None)

    def check(self, settings: Settings) -> None:
        """Try settings on model and tasks before they are adopted.

        Raises:
            ValueError: The model or the task family cannot serve them.
        """
        with self._lock:
            self._configure(settings)
            learner = self._learner
            _check_held_out(learner)
            draw(learner.tasks, settings.meta_batch, stream(self.seed, "trial"), self.initial)

    def adaptation_curve(
        self,
        state: ModelState,
        *,
        split: Split,
        tasks: int | None,
        part: int | None,
        between: Between | None,
    ) -> AdaptationCurve:
        """As for `Session`."""
        with self._at(state) as learner:
            batch = self._held_out_tasks(state.settings, split, tasks)
            if part is not None:
                batch = map_batch(lambda tensor: tensor[:part], batch)
            inner_steps = max(self.source.test_steps, state.settings.inner_steps)
            return learner.curve_on(batch, inner_steps, params=state.params, between=between)

    def learner(self, state: ModelState, meta_step: int) -> MetaLearner:
        """Create a learner with this θ and α, which continues with the next tasks.

        Args:
            state: Of the session.
            meta_step: When.
        """
        learner = self.source.learner(state.settings)
        like = learner.state()
        learner.restore(
            {**like, "params": state.params, "tasks": state.task_stream, "meta_step": meta_step}
        )
        if isinstance(learner.algorithm.alpha, LearnedAlpha):
            learner.alpha = state.alpha
        return learner

    def untrained_curve(
        self, state: ModelState, *, part: int | None, between: Between | None
    ) -> AdaptationCurve:
        """The live curve for θ₀ and the first α, with the settings of a state."""
        settings = state.settings
        key = settings.changed(beta=1, meta_batch=1, meta_optimizer="adam")
        # key and curve in one, for threads that come here at the same time
        last_key, last = self._last_untrained
        if last is not None and last_key == key:
            return last
        alpha = initial_alpha(algorithm_of(settings, self._names), self.initial)
        untrained = _Untrained(settings, self.initial, alpha, state.task_stream)
        curve = self.adaptation_curve(
            untrained, split="validation", tasks=None, part=part, between=between
        )
        if part is None:
            self._last_untrained = key, curve
        return curve

    def portrait(
        self, state: ModelState, task: int, points: Points | None = None
    ) -> AnyPortrait | None:
        """A held-out task of the split "validation", with `points` as its support if given.

        Of a task that is a goal they are the goal.

        Raises:
            ValueError: There is more than one point for a goal, or it is not finite.
        """
        with self._at(state) as learner:
            one = one_task(self._held_out_tasks(state.settings, "validation"), task)
            family = on_split(learner.tasks, "validation")
            if points is not None:
                one = _with_points(family, one, points)
            steps = None
            if isinstance(family, GoalFamily):
                steps = max(state.settings.inner_steps, PATH_STEPS)
            return learner.portrait_of(one, family=family, params=state.params, inner_steps=steps)

    def training_portrait(self, state: ModelState, task: int) -> AnyPortrait | None:
        """A task of the next meta-step, as the training adapts to it."""
        settings = state.settings
        with self._at(state) as learner:
            generator = torch.Generator().set_state(state.task_stream)
            batch = draw(learner.tasks, settings.meta_batch, generator, state.params)
            return learner.portrait_of(one_task(batch, task), params=state.params)

    def editable(self, state: ModelState) -> bool:
        """Whether support points or a goal can be set by hand: portraits show them as they are."""
        with self._at(state) as learner:
            portrait = self.portrait(state, 0)
            one = one_task(self._held_out_tasks(state.settings, "validation"), 0)
            goals = isinstance(learner.tasks, GoalFamily)
        if isinstance(portrait, PathPortrait):
            return goals
        return isinstance(portrait, Portrait) and _as_shown(one.support, portrait)

    def bound(self, state: ModelState) -> tuple[str, float, str] | None:
        """A metric, its bound on the tasks of the live curves, and its name; None if unknown."""
        with self._at(state) as learner:
            family = on_split(learner.tasks, "validation")
            batch = self._held_out_tasks(state.settings, "validation")
            return family.bound(batch.info) if isinstance(family, BoundedFamily) else None

    def probe(self, state: ModelState, tasks: int, measure: Callable[[Probed], T]) -> T:
        """Measure anything at a state, on the first of the held-out tasks of the live curves.

        Args:
            state: Such as a snapshot.
            tasks: How many of them, at most.
            measure: Gets all that a probe takes, and returns what it finds.
        """
        with self._at(state) as learner:
            batch = self._held_out_tasks(state.settings, "validation")
            family = on_split(learner.tasks, "validation")
            some = map_batch(lambda tensor: tensor[:tasks], batch)
            loss_fn = replace(learner.test_loss_fn, family=family)
            return measure(Probed(learner, loss_fn, family, some, state.params))

    def probe_next_step(self, state: ModelState, measure: Callable[[Probed], T]) -> T:
        """Measure anything at a state, on the tasks of its next meta-step, as it is trained.

        Args:
            state: Such as a snapshot.
            measure: As for `probe`; random numbers of the model do not come from the training's.
        """
        with self._at(state) as learner:
            generator = torch.Generator().set_state(state.task_stream)
            batch = draw(learner.tasks, state.settings.meta_batch, generator, state.params)
            with learner.randomness("a look at the next meta-step"):
                return measure(Probed(learner, learner.loss_fn, learner.tasks, batch, state.params))

    @contextmanager
    def _at(self, state: ModelState) -> Iterator[MetaLearner]:
        with self._lock, threads(self.threads):
            self._configure(state.settings)
            algorithm: Algorithm = self._learner.algorithm
            # the α that was learned, in place of how it is learned
            self._learner.algorithm = algorithm.with_alpha(state.alpha)
            yield self._learner

    def _configure(self, settings: Settings) -> None:
        self._learner.tasks = self._families.of(settings)
        self._learner.algorithm = algorithm_of(settings, self._names)

    def _held_out_tasks(
        self, settings: Settings, split: Split, tasks: int | None = None
    ) -> TaskBatch:
        tasks = self.source.test_tasks if tasks is None else tasks
        key = (*settings.task_options.items(), split, tasks)
        if key not in self._drawn:
            # at most two at a time: for the live curves, and for a result
            self._drawn = dict([*self._drawn.items()][-1:])
            self._drawn[key] = self._learner.held_out(tasks, split=split)
        return self._drawn[key]


def _check_held_out(learner: MetaLearner) -> None:
    """Draw a task of each split: one with too few classes is reported before training.

    Raises:
        ValueError: There are none to be drawn.
    """
    for split in ("validation", "test"):
        try:
            learner.held_out(1, split=split)
        except ValueError as error:
            raise ValueError(f"no {split} tasks can be drawn: {error}") from error


def _as_shown(support: object, portrait: Portrait) -> bool:
    if not isinstance(support, tuple) or len(support) != 2:
        return False
    drawing = (portrait.support_x, portrait.support_y)
    return all(
        isinstance(data, Tensor) and data.numel() == points.numel() and data.flatten().equal(points)
        for data, points in zip(support, drawing, strict=True)
    )


def _with_points(family: TaskFamily, one: TaskBatch, points: Points) -> TaskBatch:
    """The task with another goal, or other support points, (1, points, 1) each of x and y."""
    if isinstance(family, GoalFamily):
        if len(points) != 1:
            raise ValueError(f"a task has one goal, got {len(points)} points: give one (x, y)")
        return family.with_goal(one, points[0])
    x, y = one.support
    columns = x.new_tensor(points).T
    return replace(one, support=(columns[0].reshape(1, -1, 1), columns[1].reshape(1, -1, 1).to(y)))
