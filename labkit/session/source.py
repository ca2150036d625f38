"""What a session is made from: a model, a task family, and how both are tested."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, final

import torch

from labkit.core import Algorithm, Vectorize, check_count
from labkit.session.settings import Settings, algorithm_of
from labkit.tasks import TaskFamily
from labkit.training import HELD_OUT, Ensemble, MetaLearner, ModelSource


@final
@dataclass(frozen=True, slots=True)
class Source:
    """The parts of a session that do not change while it runs; arguments as for `Session`."""

    model: ModelSource
    tasks: Callable[..., TaskFamily]
    dtype: torch.dtype | None = None
    batch_norm: Literal["transductive"] | None = None
    test_tasks: int = HELD_OUT
    test_steps: int = 10
    vectorize: Vectorize = "auto"

    def __post_init__(self) -> None:
        check_count("test_tasks", self.test_tasks, 1)
        check_count("test_steps", self.test_steps, 1)
        if self.batch_norm not in {None, "transductive"}:
            raise ValueError(
                f"batch_norm must be 'transductive' or None, got {self.batch_norm!r}: a session "
                "tracks θ only, and averages per step belong to a MetaLearner"
            )

    def learner(self, settings: Settings) -> MetaLearner:
        """A learner at meta-step 0."""
        first = settings.changed(algorithm="maml", alpha_learned="no")
        learner = MetaLearner(
            self.model,
            self.tasks(**settings.task_options),
            algorithm_of(first, ()),
            beta=settings.beta,
            meta_optimizer=settings.meta_optimizer,
            meta_batch=settings.meta_batch,
            seed=settings.seed,
            dtype=self.dtype,
            batch_norm=self.batch_norm,
            vectorize=self.vectorize,
        )
        # ANIL and Proto-MAML need the names of the parameters
        learner.algorithm = algorithm_of(settings, tuple(learner.params))
        return learner

    def ensemble(
        self,
        settings: Settings,
        algorithm: Algorithm,
        alphas: Sequence[float],
        betas: Sequence[float],
    ) -> Ensemble:
        """Learners at meta-step 0 with an α and a β each, and the rest by the settings.

        Raises:
            ValueError: As for `Ensemble`, or the source has `batch_norm`.
        """
        if self.batch_norm is not None:
            raise ValueError(
                f"batch_norm = {self.batch_norm!r}: learners trained side by side have no batch "
                "norm; take a model without it"
            )
        return Ensemble(
            self.model,
            self.tasks(**settings.task_options),
            algorithm,
            alphas=alphas,
            betas=betas,
            meta_optimizer=settings.meta_optimizer,
            meta_batch=settings.meta_batch,
            seed=settings.seed,
            dtype=self.dtype,
            vectorize=self.vectorize,
        )


@final
class Families:
    """The task families of a source, each created once.

    Args:
        source: Creates them.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._families: dict[tuple[tuple[str, int], ...], TaskFamily] = {}

    def of(self, settings: Settings) -> TaskFamily:
        """The family for the task options of these settings."""
        key = tuple(settings.task_options.items())
        if key not in self._families:
            self._families[key] = self._source.tasks(**settings.task_options)
        return self._families[key]


def check_task_source(tasks: object, settings: Settings) -> None:
    """Reject what is no function that creates a task family from settings.

    Raises:
        ValueError: It is none, or does not accept the task options of these settings.
    """
    names = ", ".join(settings.task_options)
    if not callable(tasks):
        raise ValueError(
            f"tasks must be a function from {names} to a task family, such as Sinusoid, got "
            f"{tasks!r}; for an existing family give `lambda {names}: family`"
        )
    try:
        inspect.signature(tasks).bind(**settings.task_options)
    except TypeError as error:
        raise ValueError(
            f"tasks must take {names} by name, as {type(settings).__name__} has them, and {tasks!r}"
            f" does not: {error}"
        ) from error
