"""What is measured and drawn beside the training, on a learner of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from labkit.core import Algorithm, Params
from labkit.session.observe.cursor import Cursor
from labkit.session.observe.snapshot import Snapshot
from labkit.session.settings import Settings, algorithm_of
from labkit.session.source import Families, Source
from labkit.session.task_source import check_held_out
from labkit.session.torch_threads import threads, threads_for
from labkit.session.trainer import initial_alpha
from labkit.tasks import AnyPortrait, Portrait, Split, TaskBatch
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

Points = tuple[tuple[float, float], ...]
"""Support points that were set by hand: x and y of each."""


class Observer:
    """Adaptation curves and portraits at snapshots of a session.

    torch.func.functional_call is not thread-safe on one module, so that who watches has their own.

    Args:
        source: Model and tasks.
        settings: With which the session begins.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source = source
        self._learner = source.learner(settings)
        self._lock = threading.RLock()
        self._families, self._names = Families(source), tuple(self._learner.params)
        self._drawn: dict[tuple[object, ...], TaskBatch] = {}
        self.seed = settings.seed
        self.initial: Params = self._learner.params
        """θ₀."""
        self.threads = threads_for(self.initial)
        """How many of torch's threads the model is worth."""
        self._untrained: tuple[object, AdaptationCurve | None] = (None, None)

    def check(self, settings: Settings) -> None:
        """Try what settings ask of model and tasks, before they are taken.

        Raises:
            ValueError: The model or the task family cannot do it.
        """
        with self._lock:
            self._take(settings)
            learner = self._learner
            check_held_out(learner)
            draw(learner.tasks, settings.meta_batch, stream(self.seed, "trial"), self.initial)

    def adaptation_curve(
        self,
        snapshot: Snapshot,
        *,
        split: Split,
        tasks: int | None,
        part: int | None,
        between: Between | None,
    ) -> AdaptationCurve:
        """As for `Session`."""
        with self._at(snapshot) as learner:
            batch = self._held_out_tasks(snapshot.settings, split, tasks)
            if part is not None:
                batch = map_batch(lambda tensor: tensor[:part], batch)
            inner_steps = max(self.source.test_steps, snapshot.settings.inner_steps)
            return learner.curve_on(batch, inner_steps, params=snapshot.params, between=between)

    def untrained_curve(
        self, snapshot: Snapshot, part: int | None, between: Between | None
    ) -> AdaptationCurve:
        """The live curve for θ₀ and α as both were at first, with the settings of a snapshot."""
        settings = snapshot.settings
        key = (settings.changed(beta=1, meta_batch=1, meta_optimizer="adam"), part)
        # key and curve in one, for who comes here at the same time
        known, curve = self._untrained
        if curve is None or known != key:
            alpha = initial_alpha(algorithm_of(settings, self._names), self.initial)
            begun = replace(snapshot, params=self.initial, alpha=alpha)
            curve = self.adaptation_curve(
                begun, split="validation", tasks=None, part=part, between=between
            )
            self._untrained = key, curve
        return curve

    def portrait(
        self, snapshot: Snapshot, task: int, points: Points | None = None
    ) -> AnyPortrait | None:
        """A held-out task of the split "validation", with support points set by hand if given."""
        with self._at(snapshot) as learner:
            one = one_task(self._held_out_tasks(snapshot.settings, "validation"), task)
            if points is not None:
                one = _with_points(one, points)
            family = on_split(learner.tasks, "validation")
            return learner.portrait_of(one, family=family, params=snapshot.params)

    def training_portrait(self, snapshot: Snapshot, cursor: Cursor) -> AnyPortrait | None:
        """A task of the next meta-step, as it is adapted to in training."""
        settings = snapshot.settings
        with self._at(snapshot) as learner:
            generator = torch.Generator().set_state(snapshot.task_stream)
            batch = draw(learner.tasks, settings.meta_batch, generator, snapshot.params)
            return learner.portrait_of(one_task(batch, cursor.task), params=snapshot.params)

    def editable(self, snapshot: Snapshot) -> bool:
        """Whether support points can be set by hand: where portraits show them, x and y, as is."""
        with self._at(snapshot):
            portrait = self.portrait(snapshot, 0)
            one = one_task(self._held_out_tasks(snapshot.settings, "validation"), 0)
        return isinstance(portrait, Portrait) and _as_shown(one.support, portrait)

    @contextmanager
    def _at(self, snapshot: Snapshot) -> Iterator[MetaLearner]:
        with self._lock, threads(self.threads):
            self._take(snapshot.settings)
            algorithm: Algorithm = self._learner.algorithm
            # what was learned, in place of how it is learned
            self._learner.algorithm = replace(algorithm, alpha=snapshot.alpha)  # type: ignore[type-var]
            yield self._learner

    def _take(self, settings: Settings) -> None:
        self._learner.tasks = self._families.of(settings)
        self._learner.algorithm = algorithm_of(settings, self._names)

    def _held_out_tasks(
        self, settings: Settings, split: Split, tasks: int | None = None
    ) -> TaskBatch:
        tasks = self.source.test_tasks if tasks is None else tasks
        key = (*settings.task_options.items(), split, tasks)
        if key not in self._drawn:
            # at most two at a time: those that are watched, and those of a result
            self._drawn = dict([*self._drawn.items()][-1:])
            self._drawn[key] = self._learner.held_out(tasks, on_split(self._learner.tasks, split))
        return self._drawn[key]


def _as_shown(support: object, portrait: Portrait) -> bool:
    if not isinstance(support, tuple) or len(support) != 2:
        return False
    shown = (portrait.support_x, portrait.support_y)
    return all(
        isinstance(data, Tensor) and data.numel() == points.numel() and data.flatten().equal(points)
        for data, points in zip(support, shown, strict=True)
    )


def _with_points(one: TaskBatch, points: Points) -> TaskBatch:
    """The task with other support points, (1, points, 1) each of x and y."""
    x, y = one.support
    columns = x.new_tensor(points).T
    return replace(one, support=(columns[0].reshape(1, -1, 1), columns[1].reshape(1, -1, 1).to(y)))
