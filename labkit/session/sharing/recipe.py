"""All that determines the state of a session, as data that can be written down and passed on."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypeVar, final, get_args

import torch

from labkit.session.settings import (
    ClassificationSettings,
    ParameterError,
    Settings,
    message_on,
)
from labkit.session.sharing.named_sources import CUSTOM, MODELS, TASKS, source_named, split_name
from labkit.session.source import Source, check_task_source

Argument = TypeVar("Argument")

Precision: TypeAlias = Literal["float16", "bfloat16", "float32", "float64"]


@final
@dataclass(frozen=True, slots=True)
class Recipe:
    """What a session was made of, what was changed on the way, and how far it has come.

    Two sessions of one recipe have the same θ. Tasks and models of labkit go by their names; the
    recipe of a session with somebody's own says "custom" there, and whoever has them gives them.

    Args:
        settings: As at meta-step 0; their `events` are all changes since.
        meta_step: Meta-steps taken, ≥ 0.
        tasks: Name of the task family, see `name_of`, or "custom".
        model: Name of the model, or "custom".
        dtype: Floating-point type of θ and the data, such as "float64"; None keeps the module's.
        batch_norm: As the session's.

    Raises:
        ParameterError: A value is none of these, or the tasks do not take these settings.

    Example:
        >>> Recipe(Settings(), meta_step=100, tasks="Sinusoid", model="sinusoid_mlp").meta_step
        100
    """

    settings: Settings
    meta_step: int = 0
    tasks: str = CUSTOM
    model: str = CUSTOM
    dtype: Precision | None = None
    batch_norm: Literal["transductive"] | None = None

    def __post_init__(self) -> None:
        if type(self.settings) not in {Settings, ClassificationSettings}:
            raise ParameterError(
                message_on("settings", self.settings, "must be Settings or ClassificationSettings")
            )
        if type(self.meta_step) is not int or not 0 <= self.meta_step < 2**63:
            raise ParameterError(
                message_on("meta_step", self.meta_step, f"must be a whole number ≥ 0 and < {2**63}")
            )
        _check_choice("dtype", self.dtype, (*get_args(Precision), None))
        _check_choice("batch_norm", self.batch_norm, ("transductive", None))
        _check_name("tasks", self.tasks, TASKS)
        _check_name("model", self.model, MODELS)
        try:
            if self.tasks != CUSTOM:
                check_task_source(source_named(self.tasks), self.settings)
        except ValueError as error:
            raise ParameterError(message_on("tasks", self.tasks, str(error))) from error
        try:
            if self.model != CUSTOM:
                inspect.signature(source_named(self.model)).bind(None)
        except (TypeError, ValueError) as error:
            raise ParameterError(message_on("model", self.model, str(error))) from error


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        words = f"must be {' or '.join(repr(choice) for choice in choices)}"
        raise ParameterError(message_on(name, value, words))


def _check_name(argument: str, text: object, names: tuple[str, ...]) -> None:
    if not isinstance(text, str) or (text != CUSTOM and split_name(text)[0] not in names):
        words = f"must be {CUSTOM!r} or one of {', '.join(names)}"
        raise ParameterError(message_on(argument, text, words))


def precision_of(dtype: torch.dtype | None) -> Precision | None:
    """How a recipe names a floating-point type."""
    names: dict[torch.dtype | None, Precision] = {
        getattr(torch, name): name for name in get_args(Precision)
    }
    return names.get(dtype)


def dtype_of(recipe: Recipe) -> torch.dtype | None:
    """The floating-point type that a recipe names."""
    return None if recipe.dtype is None else getattr(torch, recipe.dtype)


def source_of(recipe: Recipe, present: Source) -> Source:
    """The source of a recipe; "custom" tasks and models are those of the present source."""
    tasks = present.tasks if recipe.tasks == CUSTOM else source_named(recipe.tasks)
    model = present.model if recipe.model == CUSTOM else source_named(recipe.model)
    source = replace(
        present, tasks=tasks, model=model, dtype=dtype_of(recipe), batch_norm=recipe.batch_norm
    )
    return present if source == present else source


def named_or_custom(
    argument: str, name: str, custom: Argument | None
) -> Argument | Callable[..., Any]:
    """The tasks or the model that a recipe names, or the custom ones if it says "custom".

    Raises:
        ParameterError: There are both, or neither.
    """
    if (custom is None) == (name == CUSTOM):
        problem = (
            "custom, so you must give it" if custom is None else f"{name}: leave the argument out"
        )
        raise ParameterError(f"{argument} of this recipe is {problem}")
    return source_named(name) if custom is None else custom
