"""A learner that takes each meta-step with the settings that hold then."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit.core import Algorithm, AnyAlpha, LearnedAlpha, Params
from labkit.session.settings import Settings, algorithm_of
from labkit.session.source import Families, Source
from labkit.training import MetaStep


@dataclass(frozen=True, slots=True)
class State:
    """A learner between two meta-steps, from which it continues exactly; never written to.

    Attributes:
        settings: With which the last meta-step was taken.
        learner: What `MetaLearner.state` gave.
    """

    settings: Settings
    learner: dict[str, Any]

    @property
    def meta_step(self) -> int:
        """Meta-steps taken."""
        return int(self.learner["meta_step"])

    @property
    def nbytes(self) -> int:
        """Memory of its tensors, bytes."""
        return _nbytes(self.learner)


class Trainer:
    """Meta-trains what a source makes; settings may be others at each meta-step.

    Args:
        source: Model and tasks.
        settings: With which it begins.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self._settings = settings
        self._learner = source.learner(settings)
        self._families = Families(source)

    @property
    def settings(self) -> Settings:
        """With which the last meta-step was taken, or the first will be."""
        return self._settings

    @property
    def meta_step(self) -> int:
        """Meta-steps taken."""
        return self._learner.meta_step

    @property
    def params(self) -> Params:
        """A copy of θ."""
        return self._learner.params

    @property
    def task_stream(self) -> Tensor:
        """State of the stream that the next batch of tasks will be drawn from."""
        return self._learner.task_stream

    def alpha(self, settings: Settings) -> AnyAlpha:
        """α with these settings now: theirs, or what has been learned in that form so far."""
        algorithm = self._algorithm(settings)
        form = (settings.algorithm, settings.alpha_learned)
        now = (self._settings.algorithm, self._settings.alpha_learned)
        if isinstance(algorithm.alpha, LearnedAlpha) and form == now:
            return self._learner.alpha
        return initial_alpha(algorithm, self._learner.params)

    def advance(self, settings: Settings) -> MetaStep:
        """Take a meta-step; after what it raises only `restore` leads back."""
        if settings != self._settings:
            self._take(settings)
        return self._learner.step()

    def state(self) -> State:
        """A copy of all that decides what comes next."""
        return State(self._settings, self._learner.state())

    def restore(self, state: State) -> None:
        """Continue from a state of this source, with its seed."""
        self._take(state.settings)
        self._learner.restore(state.learner)

    def resume(self, state: State, path: str | Path) -> None:
        """Continue from a state that was read from a file.

        Args:
            state: Of this source, whatever it holds.
            path: Its origin, for the message.

        Raises:
            ValueError: The learner cannot continue from it exactly.
        """
        self._take(state.settings)
        self._learner.load_state_dict(state.learner, path)

    def fingerprints(self) -> dict[str, str]:
        """Name → text for all that decides what comes next."""
        return self._learner.fingerprints()

    def _take(self, settings: Settings) -> None:
        learner, algorithm = self._learner, self._algorithm(settings)
        learner.tasks = self._families.of(settings)
        learner.meta_batch = settings.meta_batch
        learner.meta_optimizer = settings.meta_optimizer
        learner.beta = settings.beta
        learner.algorithm = algorithm
        self._settings = settings

    def _algorithm(self, settings: Settings) -> Algorithm:
        return algorithm_of(settings, tuple(self._learner.params))


def initial_alpha(algorithm: Algorithm, params: Params) -> AnyAlpha:
    """α before any training."""
    alpha = algorithm.alpha
    if not isinstance(alpha, LearnedAlpha):
        return alpha
    return alpha.tensors(algorithm.adapted(params), algorithm.inner_steps)


def _nbytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.nbytes
    parts = value.values() if isinstance(value, dict) else value
    return sum(map(_nbytes, parts)) if isinstance(value, dict | list | tuple) else 0
