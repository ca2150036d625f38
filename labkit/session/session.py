"""The live session: settings that change while the meta-training runs, and what it recorded."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch

from labkit.core.checks import check_count
from labkit.core.maml import MAML
from labkit.core.types import Params
from labkit.session.history import Event, History, TrainingCurve
from labkit.session.player import Player
from labkit.session.settings import ParameterError, Settings
from labkit.session.task_source import check_held_out, check_task_source
from labkit.tasks.family import AnyPortrait, Split, TaskFamily
from labkit.training.evaluation import AdaptationCurve
from labkit.training.held_out import HELD_OUT
from labkit.training.meta_learner import MetaLearner
from labkit.training.parameters import ModelSource

LIVE = ("alpha", "beta", "inner_steps", "order")
"""Settings that may change between two meta-steps; the others decide how a session begins."""

RATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session between two meta-steps; nothing in it changes any more.

    Attributes:
        settings: As chosen; they hold from the next meta-step on.
        meta_step: Meta-steps taken.
        params: A copy of θ.
        curve: Meta-training losses so far.
        events: Changes so far.
        playing: Whether the training runs.
        rate: Meta-steps per second of late, 0 while paused.
        seconds: Time spent in meta-steps since the start or the last reset.
        failure: What stopped the training, or None.
    """

    settings: Settings
    meta_step: int
    params: Params
    curve: TrainingCurve
    events: tuple[Event, ...]
    playing: bool
    rate: float
    seconds: float
    failure: BaseException | None


class Session:
    """Meta-training that can be played, paused, stepped, reset and steered while it runs.

    Settings are immutable and swapped whole; a change takes effect at the next meta-step and is
    recorded as an `Event`. Settings, seed and events determine every θ. `play` trains in a
    background thread; `run` trains in the caller's, to the same numbers.

    Args:
        settings: What determines the run.
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
        check_count("test_tasks", test_tasks, 1)
        check_count("test_steps", test_steps, 1)
        if batch_norm not in {None, "transductive"}:
            raise ValueError(
                f"batch_norm must be 'transductive' or None, got {batch_norm!r}: a session follows "
                "θ alone, and averages per step belong to a MetaLearner"
            )
        self.test_tasks, self._test_steps = test_tasks, test_steps
        self._settings = settings
        self._model, self._tasks = model, tasks
        self._dtype, self._batch_norm = dtype, batch_norm
        # torch.func.functional_call is not thread-safe on one module: who watches has their own
        self._observer = self._new_learner()
        self._observer_lock = threading.Lock()
        check_held_out(self._observer)
        self._untrained: tuple[object, AdaptationCurve] | None = None
        self._player = Player(self._advance, self.changed)
        self._begin()

    def _begin(self) -> None:
        self._learner = self._new_learner()
        self._applied = self._settings
        self._history = History()
        self._recent: deque[tuple[float, int]] = deque()
        self._seconds = 0.0

    @property
    def settings(self) -> Settings:
        """The settings as chosen; they hold from the next meta-step on."""
        return self._settings

    @property
    def playing(self) -> bool:
        """Whether the background training runs."""
        return self._player.playing

    def set(self, **values: object) -> None:
        """Change α, β, inner steps or order from the next meta-step on; the latest value wins.

        Raises:
            ParameterError: A value is not allowed, or the setting only counts at the start.
        """
        fixed = [name for name in values if name in Settings.model_fields and name not in LIVE]
        if fixed:
            raise ParameterError(
                f"{fixed[0]} decides how a session begins and cannot change while it runs; make a "
                f"new Session. These can change: {', '.join(LIVE)}"
            )
        self._settings = self._settings.changed(**values)
        self.changed.set()

    def play(self) -> None:
        """Train in the background until `pause`; while playing, nothing happens."""
        self._player.play()

    def pause(self) -> None:
        """Stop after the meta-step under way; while paused, nothing happens."""
        self._player.pause()

    def step(self) -> None:
        """Take one meta-step in the background; while playing, nothing happens."""
        self._player.step()

    def reset(self) -> None:
        """Back to meta-step 0 with the same seed and the settings as they are now; paused."""
        self._player.pause()
        with self._player.visit():
            self._player.failure = None
            self._begin()
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
        while self._learner.meta_step < meta_steps:
            with self._player.visit():
                self._advance()
        self.changed.set()

    def snapshot(self) -> Snapshot:
        """The session between two meta-steps; waits for the one under way."""
        with self._player.visit():
            return Snapshot(
                settings=self._settings,
                meta_step=self._learner.meta_step,
                params={name: p.clone() for name, p in self._learner.params.items()},
                curve=self._history.curve(),
                events=tuple(self._history.events),
                playing=self.playing,
                rate=self._rate(),
                seconds=self._seconds,
                failure=self._player.failure,
            )

    def adaptation_curve(
        self, snapshot: Snapshot, *, split: Split = "validation", tasks: int | None = None
    ) -> AdaptationCurve:
        """Query loss over inner steps on held-out tasks, at a snapshot.

        Args:
            snapshot: When.
            split: "validation" while settings are being chosen, "test" for a result.
            tasks: Held-out tasks, ≥ 1; None takes `test_tasks`.
        """
        with self._observing(snapshot) as observer:
            return observer.adaptation_curve(
                max(self._test_steps, snapshot.settings.inner_steps),
                tasks=self.test_tasks if tasks is None else tasks,
                params=snapshot.params,
                split=split,
            )

    def untrained_curve(self, snapshot: Snapshot) -> AdaptationCurve:
        """The live curve for θ₀, the parameters at meta-step 0, with the settings of a snapshot."""
        settings = snapshot.settings
        key = (settings.alpha, settings.inner_steps)
        if self._untrained is None or self._untrained[0] != key:
            at_start = replace(snapshot, params=self._observer.params)
            self._untrained = key, self.adaptation_curve(at_start)
        return self._untrained[1]

    def portrait(self, snapshot: Snapshot, task: int = 0) -> AnyPortrait | None:
        """A task of the live curve by its number, from 0; None if it cannot be drawn."""
        with self._observing(snapshot) as observer:
            return observer.portrait(
                task=task, tasks=self.test_tasks, params=snapshot.params, split="validation"
            )

    @contextmanager
    def _observing(self, snapshot: Snapshot) -> Iterator[MetaLearner]:
        with self._observer_lock:
            self._observer.algorithm = _algorithm(snapshot.settings)
            yield self._observer

    def _advance(self) -> None:
        settings = self._settings
        changes = [
            Event(self._learner.meta_step, name, getattr(settings, name))
            for name in LIVE
            if getattr(settings, name) != getattr(self._applied, name)
        ]
        started = time.perf_counter()
        self._learner.algorithm = _algorithm(settings)
        self._learner.beta = settings.beta
        step = self._learner.step()
        self._seconds += time.perf_counter() - started
        self._applied = settings
        self._history.events += changes
        self._history.append(step, self._seconds)
        self._recent.append((time.monotonic(), self._learner.meta_step))
        while self._recent[-1][0] - self._recent[0][0] > RATE_SECONDS:
            self._recent.popleft()

    def _new_learner(self) -> MetaLearner:
        settings = self._settings
        return MetaLearner(
            self._model,
            self._tasks(**settings.task_options),
            _algorithm(settings),
            beta=settings.beta,
            meta_optimizer=settings.meta_optimizer,
            meta_batch=settings.meta_batch,
            seed=settings.seed,
            dtype=self._dtype,
            batch_norm=self._batch_norm,
        )

    def _rate(self) -> float:
        if not self.playing or len(self._recent) < 2:
            return 0.0
        (first, start), (last, end) = self._recent[0], self._recent[-1]
        return (end - start) / (last - first)


def _algorithm(settings: Settings) -> MAML:
    return MAML(alpha=settings.alpha, inner_steps=settings.inner_steps, order=settings.order)
