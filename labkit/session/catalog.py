"""Task families and models that a session can be switched to by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from labkit.session.settings import ClassificationSettings, Settings, message_on
from labkit.session.sharing import name_of
from labkit.session.source import Source
from labkit.tasks import (
    Emoji,
    Navigation,
    Sinusoid,
    TaskFamily,
    Tides,
    bent_valleys,
    conv4,
    coupled_quadratics,
    gaussian_policy,
    image_mlp,
    parameter_vector,
    sinusoid_mlp,
    tide_mlp,
    two_curvatures,
    two_rails,
)
from labkit.training import ModelSource

EMOJI_INPUTS = 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class Problem:
    """A task family with models that fit it, and settings that suit it.

    Attributes:
        tasks: As for `Session`.
        models: What a model is called → the model for some settings; the first is the usual one.
        settings: To begin with.
        options: Of `Source`, in addition to model and tasks.
    """

    tasks: Callable[..., Any]
    models: Mapping[str, Callable[[Settings], ModelSource]]
    settings: Settings
    options: Mapping[str, Any] = field(default_factory=dict)

    def source(self, model: str, settings: Settings, dtype: torch.dtype | None) -> Source:
        """The source of sessions of this problem."""
        return Source(self.models[model](settings), self.tasks, dtype, **self.options)

    def model_named(self, source: Source, settings: Settings) -> str | None:
        """The name of a source's model here; None if it is another one."""
        model = name_of(source.model)
        names = {name_of(make(settings)): name for name, make in self.models.items()}
        return names.get(model) if name_of(source.tasks) == name_of(self.tasks) else None


def _toy(tasks: Callable[..., TaskFamily], *, count: int, size: int, alpha: float) -> Problem:
    """A problem without a network: `count` tasks in turn, of which a meta-batch has each once."""
    model = parameter_vector if size == 1 else partial(parameter_vector, size=size)
    settings = Settings(
        alpha=alpha, beta=0.1, shots=1, meta_batch=count, meta_steps=400, meta_optimizer="sgd"
    )
    name = "θ, 1 number" if size == 1 else f"θ, {size} numbers"
    return Problem(tasks, {name: lambda _: model}, settings, {"test_tasks": count})


PROBLEMS: Mapping[str, Problem] = {
    "Sinusoid": Problem(
        Sinusoid,
        {
            "40-40 ReLU": lambda _: sinusoid_mlp,
            "100-100 ReLU": lambda _: partial(sinusoid_mlp, width=100),
        },
        Settings(),
    ),
    "Tides": Problem(
        Tides,
        {"64-64 tanh": lambda _: tide_mlp, "32-32 tanh": lambda _: partial(tide_mlp, width=32)},
        Settings(alpha=0.05),
        {"test_tasks": 200},
    ),
    "Emoji": Problem(
        Emoji,
        {
            "conv4": lambda s: partial(conv4, ways=_ways(s), channels=3, filters=32),
            "dense": lambda s: partial(image_mlp, ways=_ways(s), inputs=EMOJI_INPUTS),
        },
        ClassificationSettings(alpha=0.1, beta=0.003, meta_batch=8),
        {"batch_norm": "transductive", "test_tasks": 40, "test_steps": 3},
    ),
    "Navigation": Problem(
        partial(Navigation, queries=20, horizon=20),
        {
            "100-100 ReLU": lambda _: gaussian_policy,
            "32-32 ReLU": lambda _: partial(gaussian_policy, width=32),
        },
        Settings(alpha=0.1, beta=0.003, shots=20, meta_batch=20, meta_steps=100),
        {"test_tasks": 40, "test_steps": 3},
    ),
    "Two rails": _toy(two_rails, count=2, size=1, alpha=0.2),
    "Two curvatures": _toy(two_curvatures, count=4, size=2, alpha=0.2),
    "Coupled quadratics": _toy(coupled_quadratics, count=3, size=2, alpha=0.2),
    "Bent valleys": _toy(bent_valleys, count=2, size=1, alpha=0.2),
}
"""Name of a task family → the problem."""


def problem_of(source: Source) -> str | None:
    """The name of the tasks of a source; None if they are custom."""
    family = name_of(source.tasks)
    return next((name for name, p in PROBLEMS.items() if name_of(p.tasks) == family), None)


def switched(
    source: Source, settings: Settings, *, problem: str, model: str | None = None
) -> tuple[Source, Settings]:
    """Source and settings for another problem, or another model of the same one.

    Args:
        source: The present one; its precision stays.
        settings: The present ones. Another problem has its own settings, with the same seed.
        problem: One of `PROBLEMS`.
        model: One of its models; None: the usual one.

    Raises:
        ValueError: There is no such problem or model.
    """
    chosen = PROBLEMS.get(problem)
    if chosen is None:
        raise ValueError(message_on("tasks", problem, f"must be one of {', '.join(PROBLEMS)}"))
    if model not in (None, *chosen.models):
        raise ValueError(message_on("model", model, f"must be one of {', '.join(chosen.models)}"))
    if problem != problem_of(source):
        settings = chosen.settings.changed(seed=settings.seed, meta_steps=settings.meta_steps)
    model = model or next(iter(chosen.models))
    return chosen.source(model, settings, source.dtype), settings


def _ways(settings: Settings) -> int:
    if not isinstance(settings, ClassificationSettings):
        raise TypeError(f"a model for images needs ClassificationSettings, got {settings!r}")
    return settings.ways
