"""The parameters of a run, described once: for notebooks, papermill, widgets and errors."""

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from labkit.session.settings.algorithms import algorithm_names, incompatibility_message
from labkit.session.settings.changes import (
    LIVE,
    Change,
    Value,
    checked_changes,
    in_force,
    message_on_event,
)
from labkit.session.settings.parameters import (
    CheckedModel,
    ParameterError,
    allowed_values,
    expected_message,
)
from labkit.session.settings.run_options import RunOptions, adopt_run_options

__all__ = [
    "LIVE",
    "ClassificationSettings",
    "ParameterError",
    "Settings",
    "allowed",
    "notebook_settings",
]


_NAMES, _NAMES_OF_CLASSES = (algorithm_names(classes=classes) for classes in (False, True))

if TYPE_CHECKING:  # the names are those of the registry, which a type checker cannot read
    AlgorithmName: TypeAlias = str
    FewShotAlgorithmName: TypeAlias = str
else:
    AlgorithmName = Literal[_NAMES]
    FewShotAlgorithmName = Literal[_NAMES_OF_CLASSES]


def _how_trained(names: tuple[str, ...]) -> str:
    return f"how θ is meta-trained: {', '.join(names[:-1])} or {names[-1]}"


class Settings(CheckedModel):
    """The parameters of a run: every field is a notebook parameter of the same name.

    Numbers must be numbers: text such as "1e-3" is rejected, and so are NaN and infinities.

    Raises:
        ParameterError: From `Settings.checked`, for a value that is not allowed or a name that is
            unknown.

    Example:
        >>> Settings(alpha=0.02).changed(order=1)
        Settings(alpha=0.02, beta=0.001, inner_steps=1, order=1, algorithm='maml', \
alpha_learned='no', shots=10, meta_batch=25, meta_steps=2000, meta_optimizer='adam', seed=0, \
events=())
    """

    alpha: float = Field(default=0.01, ge=0, description="inner step size α")
    beta: float = Field(default=0.001, ge=0, description="meta step size β")
    inner_steps: int = Field(default=1, ge=0, description="gradient steps K on each task")
    order: Literal[1, 2] = Field(
        default=2, description="2: through the inner steps, exact; 1: first-order approximation"
    )
    algorithm: AlgorithmName = Field(default="maml", description=_how_trained(_NAMES))
    alpha_learned: Literal["no", "scalar", "tensor", "element"] = Field(
        default="no",
        description="whether α is learned: no, one scalar, per tensor or per element",
    )
    shots: int = Field(default=10, ge=1, description="support points per task")
    meta_batch: int = Field(default=25, ge=1, description="tasks per meta-step")
    meta_steps: int = Field(default=2000, ge=1, description="meta-steps to train when run headless")
    meta_optimizer: Literal["adam", "sgd"] = Field(
        default="adam", description="what moves θ: adam or sgd"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="decides θ₀ and all tasks")
    events: tuple[Change, ...] = Field(
        default=(), description="settings that change on the way: [meta_step, name, value], …"
    )

    @property
    def task_words(self) -> str:
        """The size of a task, in words."""
        return f"{self.shots} shot{'' if self.shots == 1 else 's'}"

    @property
    def task_options(self) -> dict[str, int]:
        """The size of a task, as a task family takes it by name."""
        return {"shots": self.shots}

    @field_validator("order", mode="before")
    @classmethod
    def _order_is_whole(cls, value: object) -> object:
        # Literal compares by ==, and True == 1 == 1.0
        if type(value) is not int:
            raise ValueError
        return value

    @field_validator("events", mode="before")
    @classmethod
    def _events_are_changes(cls, value: object) -> tuple[Change, ...]:
        def value_of(name: str, value: object) -> Value:
            try:
                changed: Value = getattr(cls(**{name: value}), name)  # type: ignore[arg-type]
            except ValidationError:
                raise ParameterError(expected_message(cls, name, value)) from None
            return changed

        return checked_changes(value, value_of)

    @field_serializer("events")
    def _events_as_lists(self, events: tuple[Change, ...]) -> list[list[Value]]:
        # as a notebook's parameters cell, YAML and JSON have them
        return [list(change) for change in events]

    @model_validator(mode="after")
    def _algorithm_can_be_made(self) -> Self:
        start = {name: getattr(self, name) for name in LIVE}
        if words := incompatibility_message(start):
            raise ParameterError(words)
        for number, values in in_force(start, self.events):
            if words := incompatibility_message(values):
                raise ParameterError(message_on_event(number, self.events[number], words))
        return self

    def changed(self, **values: object) -> Self:
        """A copy with other values, checked."""
        return self.checked({**self.model_dump(), **values})


class ClassificationSettings(Settings):
    """The parameters of a run on N-way K-shot classification tasks.

    Example:
        >>> ClassificationSettings(ways=3).task_words
        '3-way 1-shot'
    """

    algorithm: FewShotAlgorithmName = Field(
        default="maml", description=_how_trained(_NAMES_OF_CLASSES)
    )
    ways: int = Field(default=5, ge=2, description="classes per task")
    shots: int = Field(default=1, ge=1, description="support points per class")

    @property
    def task_words(self) -> str:
        """The size of a task, in words."""
        return f"{self.ways}-way {self.shots}-shot"

    @property
    def task_options(self) -> dict[str, int]:
        """The size of a task, as a task family takes it by name."""
        return {"ways": self.ways, "shots": self.shots}


AnySettings = TypeVar("AnySettings", bound=CheckedModel)


def notebook_settings(
    namespace: Mapping[str, Any],
    kind: type[AnySettings] = Settings,  # type: ignore[assignment]  # python/mypy#3737
) -> AnySettings:
    """The settings that a notebook's parameters cell, and papermill after it, have assigned.

    papermill may also give `checkpoint`, a folder: trainings then save their states there now and
    then, and continue from there when papermill runs the notebook again.

    Args:
        namespace: The notebook's `globals()`.
        kind: Which parameters there are: `Settings`, `ClassificationSettings` with `ways`,
            or one of `labkit.paper`.

    Returns:
        The checked settings.

    Raises:
        ParameterError: A value is not allowed, or papermill has injected a name that is unknown.

    Example:
        >>> notebook_settings({"alpha": 0.1}).alpha
        0.1
    """
    names = [name for name in kind.model_fields if name in namespace]
    injected = _injected_names(namespace.get("In", ()))
    options = [name for name in injected if name in RunOptions.model_fields]
    if options:
        adopt_run_options({name: namespace[name] for name in options})
        injected = [name for name in injected if name not in options]
    return kind.checked({name: namespace[name] for name in dict.fromkeys([*names, *injected])})


def allowed(name: str, kind: type[Settings] = Settings) -> str:
    """What a parameter may be, in words.

    Example:
        >>> allowed("inner_steps"), allowed("order")
        ('a whole number ≥ 0', '1 or 2')
    """
    return allowed_values(name, kind)


def _injected_names(history: Any) -> list[str]:
    """Names assigned by papermill's cell, which is the last one that begins with '# Parameters'."""
    for source in reversed(list(history)):
        if source.startswith("# Parameters\n"):
            targets = [
                t
                for node in ast.parse(source).body
                if isinstance(node, ast.Assign)
                for t in node.targets
            ]
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []
