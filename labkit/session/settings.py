"""The parameters of a run, described once: for notebooks, papermill, widgets and errors."""

import ast
import difflib
from collections.abc import Mapping
from typing import Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class ParameterError(ValueError):
    """A parameter that is unknown or not allowed; the message names it, its value and what is."""


class Settings(BaseModel):
    """What determines a run: every field is a notebook parameter of the same name.

    Numbers must be numbers: text such as "1e-3" is refused, and so are nan and infinities.

    Raises:
        ParameterError: From `Settings.checked`, for a value that is not allowed or a name that is
            unknown.

    Example:
        >>> Settings(alpha=0.02).changed(order=1)
        Settings(alpha=0.02, beta=0.001, inner_steps=1, order=1, shots=10, meta_batch=25, \
meta_steps=2000, meta_optimizer='adam', seed=0)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    alpha: float = Field(default=0.01, ge=0, description="inner step size α")
    beta: float = Field(default=0.001, ge=0, description="meta step size β")
    inner_steps: int = Field(default=1, ge=0, description="gradient steps K on each task")
    order: Literal[1, 2] = Field(
        default=2, description="2: through the inner steps, exact; 1: first-order approximation"
    )
    shots: int = Field(default=10, ge=1, description="support points per task")
    meta_batch: int = Field(default=25, ge=1, description="tasks per meta-step")
    meta_steps: int = Field(default=2000, ge=1, description="meta-steps to train when run headless")
    meta_optimizer: Literal["adam", "sgd"] = Field(
        default="adam", description="what moves θ: adam or sgd"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="decides θ₀ and all tasks")

    @property
    def task_words(self) -> str:
        """What a task is made of, in words."""
        return f"{self.shots} shots"

    @property
    def task_options(self) -> dict[str, int]:
        """What a task is made of, as a task family takes it by name."""
        return {"shots": self.shots}

    @field_validator("order", mode="before")
    @classmethod
    def _order_is_whole(cls, value: object) -> object:
        # Literal compares by ==, and True == 1 == 1.0
        if type(value) is not int:
            raise ValueError
        return value

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """Settings from values by name; fields that are not named keep their defaults.

        Raises:
            ParameterError: One line for each value that is not allowed and each unknown name.
        """
        try:
            return cls(**values)  # type: ignore[arg-type]  # pydantic judges the values
        except ValidationError as error:
            complaints = [
                _complaint(cls, str(entry["loc"][0]), entry["input"]) for entry in error.errors()
            ]
        raise ParameterError("\n".join(dict.fromkeys(complaints)))

    def changed(self, **values: object) -> Self:
        """A copy with other values, checked."""
        return self.checked({**self.model_dump(), **values})


class ClassificationSettings(Settings):
    """What determines a run on N-way K-shot classification tasks.

    Example:
        >>> ClassificationSettings(ways=3).task_words
        '3-way 1-shot'
    """

    ways: int = Field(default=5, ge=2, description="classes per task")
    shots: int = Field(default=1, ge=1, description="support points per class")

    @property
    def task_words(self) -> str:
        """What a task is made of, in words."""
        return f"{self.ways}-way {self.shots}-shot"

    @property
    def task_options(self) -> dict[str, int]:
        """What a task is made of, as a task family takes it by name."""
        return {"ways": self.ways, "shots": self.shots}


AnySettings = TypeVar("AnySettings", bound=Settings)


def notebook_settings(
    namespace: Mapping[str, Any],
    kind: type[AnySettings] = Settings,  # type: ignore[assignment]  # python/mypy#3737
) -> AnySettings:
    """The settings that a notebook's parameters cell, and papermill after it, have assigned.

    Args:
        namespace: The notebook's `globals()`.
        kind: Which parameters there are: `Settings`, or `ClassificationSettings` with `ways`.

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
    return kind.checked({name: namespace[name] for name in dict.fromkeys([*names, *injected])})


def allowed(name: str, kind: type[Settings] = Settings) -> str:
    """What a parameter may be, in words.

    Example:
        >>> allowed("inner_steps"), allowed("order")
        ('a whole number ≥ 0', '1 or 2')
    """
    schema = kind.model_json_schema()["properties"][name]
    if "enum" in schema:
        return " or ".join(repr(choice) for choice in schema["enum"])
    words = {"number": "a finite number", "integer": "a whole number"}[schema["type"]]
    ceiling = f" and < {schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else ""
    return f"{words} ≥ {schema['minimum']}{ceiling}"


def _complaint(kind: type[Settings], name: str, value: object) -> str:
    if name not in kind.model_fields:
        close = difflib.get_close_matches(name, kind.model_fields, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        known = ", ".join(kind.model_fields)
        return f"{name} = {value!r}: there is no parameter of this name{hint} There are: {known}"
    text = f"{name} = {value!r}: must be {allowed(name, kind)}"
    if isinstance(value, str) and not get_args(kind.model_fields[name].annotation):
        text += ", got text. In YAML write 0.001 or 1.0e-3; 1e-3 and quoted numbers are text"
    return text


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
