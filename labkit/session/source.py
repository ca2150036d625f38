"""What a session is made from: a model, a task family, and how both are tested."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import torch

from labkit.core import check_count
from labkit.session.settings import ParameterError, Settings, algorithm_of
from labkit.session.sharing import CUSTOM, Recipe, source_named
from labkit.tasks import TaskFamily
from labkit.training import HELD_OUT, MetaLearner, ModelSource

Given = TypeVar("Given")


@dataclass(frozen=True, slots=True)
class Source:
    """What does not change while a session runs; arguments as for `Session`."""

    model: ModelSource
    tasks: Callable[..., TaskFamily]
    dtype: torch.dtype | None = None
    batch_norm: Literal["transductive"] | None = None
    test_tasks: int = HELD_OUT
    test_steps: int = 10

    def __post_init__(self) -> None:
        check_count("test_tasks", self.test_tasks, 1)
        check_count("test_steps", self.test_steps, 1)
        if self.batch_norm not in {None, "transductive"}:
            raise ValueError(
                f"batch_norm must be 'transductive' or None, got {self.batch_norm!r}: a session "
                "follows θ alone, and averages per step belong to a MetaLearner"
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
        )
        # ANIL and Proto-MAML have to know the names of the parameters
        learner.algorithm = algorithm_of(settings, tuple(learner.params))
        return learner


class Families:
    """The task families of a source, each made once.

    Args:
        source: What makes them.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made: dict[tuple[tuple[str, int], ...], TaskFamily] = {}

    def of(self, settings: Settings) -> TaskFamily:
        """The family for what settings say of a task."""
        key = tuple(settings.task_options.items())
        if key not in self._made:
            self._made[key] = self._source.tasks(**settings.task_options)
        return self._made[key]


def source_of(recipe: Recipe, present: Source) -> Source:
    """What a recipe was made from; what is "custom" there is taken from the present source."""
    tasks = present.tasks if recipe.tasks == CUSTOM else source_named(recipe.tasks)
    model = present.model if recipe.model == CUSTOM else source_named(recipe.model)
    source = replace(
        present, tasks=tasks, model=model, dtype=dtype_of(recipe), batch_norm=recipe.batch_norm
    )
    return present if source == present else source


def named_or_given(argument: str, name: str, given: Given | None) -> Given | Callable[..., Any]:
    """What a recipe names, or what was given where it names nothing.

    Raises:
        ParameterError: Both, or neither.
    """
    if (given is None) == (name == CUSTOM):
        has = (
            "somebody's own, so that it must be given" if given is None else f"{name}: leave it out"
        )
        raise ParameterError(f"{argument} of this recipe is {has}")
    return source_named(name) if given is None else given


def dtype_of(recipe: Recipe) -> torch.dtype | None:
    """The floating-point type that a recipe names."""
    return None if recipe.dtype is None else getattr(torch, recipe.dtype)
