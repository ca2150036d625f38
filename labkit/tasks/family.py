"""What a family of tasks p(T) must offer: the protocol, and the data of a batch of tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, TypeAlias, get_args, runtime_checkable

import torch
from torch import Tensor

Predictor: TypeAlias = Callable[..., Any]
"""f_θ with its parameters bound: what `model(...)` would return."""

Split: TypeAlias = Literal["train", "validation", "test"]
"""Disjoint parts of a family's classes, groups or places: to train on, to tune on, to report."""


def check_split(split: str) -> None:
    """Check that `split` is one of the three.

    Raises:
        ValueError: It is none of them.
    """
    if split not in get_args(Split):
        allowed = ", ".join(map(repr, get_args(Split)))
        raise ValueError(f"split must be one of {allowed}, got {split!r}")


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """A batch of tasks; the first axis of every tensor is the task.

    Where tasks have different numbers of points, support or query has a list in place of each
    tensor, with one tensor (points, …) for each task; or nested tensors. Every task then counts
    as if it were alone.

    Attributes:
        support: Pytree of tensors, data to adapt on, (tasks, shots, …).
        query: Pytree of tensors, data to be judged on, (tasks, queries, …).
        info: What defines each task, for drawing and reports, name → (tasks, …).
    """

    support: Any
    query: Any
    info: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskLocation:
    """Where a task is on a map, among the places of its family.

    Attributes:
        longitude: Degrees, east positive, on the scale of `others`.
        latitude: Degrees, north positive.
        others: Longitude and latitude of every place of the family, (places, 2).
    """

    longitude: float
    latitude: float
    others: Tensor


@dataclass(frozen=True, slots=True)
class Portrait:
    """One regression task and how the model adapts to it, as curves over x.

    Attributes:
        x: Grid, shape (points,).
        truth: True function on the grid, (points,); () if it is not known.
        predictions: Model on the grid after 0 … K inner steps, (K + 1, points).
        support_x: (shots,).
        support_y: (shots,).
        title: Which task this is, such as the name of a place; "" for none.
        x_label: What x is, with its unit.
        y_label: What y is, with its unit.
        place: Where the task is on a map; None if it has no location.
        attribution: Credit to show with the data; "" for none.
        losses: Query loss after 0 … K inner steps, (K + 1,); the learner that draws adds it.
    """

    x: Tensor
    truth: Tensor
    predictions: Tensor
    support_x: Tensor
    support_y: Tensor
    title: str = ""
    x_label: str = "x"
    y_label: str = "y"
    place: TaskLocation | None = None
    attribution: str = ""
    losses: Tensor | None = None


@dataclass(frozen=True, slots=True)
class ImagePortrait:
    """One image classification task, and the model's prediction after each inner step.

    Attributes:
        support: uint8, (ways, shots, height, width, channels), the images of each class.
        query: uint8, (ways, height, width, channels), one image of each class.
        names: Name of each class, (ways).
        probabilities: Of each class for each query image after 0 … K inner steps,
            (K + 1, ways, ways), the last axis sums to 1.
        attribution: Credit to show with the images; "" for none.
        losses: Query loss after 0 … K inner steps, (K + 1,); the learner that draws adds it.
    """

    support: Tensor
    query: Tensor
    names: tuple[str, ...]
    probabilities: Tensor
    attribution: str = ""
    losses: Tensor | None = None


@dataclass(frozen=True, slots=True)
class PathPortrait:
    """One navigation task, and some paths that the policy walks after each inner step.

    Attributes:
        paths: Positions after 0 … K inner steps, nan after the end of an episode,
            (K + 1, episodes, positions, 2).
        goal: Where the goal is at the start, (2,).
        obstacles: Discs (x, y, radius), (obstacles, 3).
        title: Which task this is; "" for none.
        attribution: Credit to show with the task; "" for none.
        losses: Query loss after 0 … K inner steps, (K + 1,); the learner that draws adds it.
    """

    paths: Tensor
    goal: Tensor
    obstacles: Tensor
    title: str = ""
    attribution: str = ""
    losses: Tensor | None = None


AnyPortrait: TypeAlias = Portrait | ImagePortrait | PathPortrait


class TaskFamily(Protocol):
    """p(T): samples tasks from an explicit generator and computes the loss on one task."""

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw a batch of `tasks` tasks; equal generator states give equal batches."""
        ...

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        """0-d loss of a predictor on the support or query data of one task (no task axis)."""
        ...


@runtime_checkable
class GenerativeFamily(Protocol):
    """A task family that draws all its random numbers first; the tasks then follow from them.

    What follows can be recorded and compiled together with the rest of a meta-step. Its `sample`
    is `tasks_of(noise(tasks, generator))`.
    """

    def noise(self, tasks: int, generator: torch.Generator) -> Any:
        """The random numbers of a batch: a pytree of tensors."""
        ...

    def tasks_of(self, noise: Any) -> TaskBatch:
        """The batch that these numbers determine, by operations on tensors alone."""
        ...


@runtime_checkable
class DrawableFamily(Protocol):
    """A task family that can draw one task and the model's adaptation to it."""

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> AnyPortrait | None:
        """Portrait of a batch of one task; predictors are f after 0 … K inner steps.

        None if data of this kind cannot be drawn.
        """
        ...


@runtime_checkable
class SplitFamily(Protocol):
    """A task family whose tasks for training, validation and test share nothing."""

    def on(self, split: Split) -> Self:
        """The same kind of tasks from another split."""
        ...


@runtime_checkable
class AugmentedFamily(Protocol):
    """A task family that may alter its training data at random; a learner measures without."""

    def without_augmentation(self) -> Self:
        """The same tasks, unaltered."""
        ...


@runtime_checkable
class StepwiseFamily(Protocol):
    """A task family whose loss differs from inner step to inner step, such as by mini-batches."""

    def at_step(self, step: int) -> TaskFamily:
        """The family whose `loss` counts at θ_step, for step = 0 … K.

        The query loss at θ' is that of step K. What tells support from query is in the data, such
        as a key of the support.
        """
        ...


@runtime_checkable
class MeasuredFamily(Protocol):
    """A task family that judges predictions by more than the loss."""

    def metrics(self, predict: Predictor, batch: Any) -> dict[str, Tensor]:
        """Name → 0-d measure on the support or query data of one task, such as the accuracy."""
        ...


@runtime_checkable
class PolicyFamily(Protocol):
    """A task family in which the model is a policy, whose data are drawn with it."""

    def divergence(self, old: Predictor, new: Predictor, batch: Any) -> Tensor:
        """Mean KL divergence of two policies in the states of one task's data, 0-d."""
        ...


@runtime_checkable
class PolicyGradientFamily(Protocol):
    """A task family whose loss has the derivative of an objective, not of its own value."""

    objective: str
    """"pathwise" where the derivative is that of the value too."""


@runtime_checkable
class PathwiseFamily(Protocol):
    """A family of policies in a world that has derivatives, with which others can be compared."""

    def comparable(self, objective: Any) -> Self:
        """The same tasks with another objective, on one scale for all of them."""
        ...

    def on_goals(self, info: dict[str, Tensor]) -> TaskBatch:
        """The tasks of a batch that has this `info`, drawn again."""
        ...

    @property
    def rough(self) -> str:
        """Why "pathwise" is not exact here, in words; "" if it is."""
        ...


@runtime_checkable
class GoalFamily(Protocol):
    """A task family in which a task is a goal, which a person may place elsewhere."""

    def with_goal(self, task: TaskBatch, goal: tuple[float, float]) -> TaskBatch:
        """A batch of one task with another goal, and the same random numbers."""
        ...


@runtime_checkable
class BoundedFamily(Protocol):
    """A task family with a value of a metric that no adaptation exceeds."""

    def bound(self, info: dict[str, Tensor]) -> tuple[str, float, str] | None:
        """The metric, its bound in the mean over tasks with this `info`, and what to call it."""
        ...


@runtime_checkable
class LabelledFamily(Protocol):
    """A family of classification tasks."""

    def labels(self, batch: Any) -> Tensor:
        """Class of each point of one task's support or query data, (points,), 0 … ways − 1."""
        ...
