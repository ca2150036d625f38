"""What the parts of a `MetaLearner`, which come below it, read of it and leave in it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, final

from labkit.core import Algorithm, Params
from labkit.tasks import TaskBatch, TaskFamily
from labkit.training.evaluation import AdaptationCurve
from labkit.training.model import TaskLoss
from labkit.training.step import MetaStep


@final
@dataclass(frozen=True, slots=True)
class Selection:
    """How `MetaLearner.train(select_by=…)` has chosen.

    Attributes:
        meta_steps: Meta-steps after which it looked.
        scores: What it found there; the lowest is best.
        best: The meta-step whose state the learner has now.
        stopped: Whether patience ended the training.
    """

    meta_steps: tuple[int, ...]
    scores: tuple[float, ...]
    best: int
    stopped: bool


class LearnerView(Protocol):
    """A `MetaLearner`, whose methods and properties these are."""

    tasks: TaskFamily
    meta_batch: int
    selection: Selection | None

    @property
    def algorithm(self) -> Algorithm:
        """With its schedules."""
        ...

    @property
    def seed(self) -> int:
        """Of the run."""
        ...

    @property
    def meta_step(self) -> int:
        """Meta-steps so far."""
        ...

    @property
    def beta(self) -> float:
        """Of the next meta-step."""
        ...

    @property
    def params(self) -> Params:
        """θ."""
        ...

    @property
    def loss_fn(self) -> TaskLoss:
        """As in training."""
        ...

    @property
    def test_loss_fn(self) -> TaskLoss:
        """As in tests."""
        ...

    @property
    def task_chunk(self) -> int | None:
        """Tasks at once."""
        ...

    @property
    def draws_random(self) -> bool:
        """Whether the module does."""
        ...

    def current_algorithm(self) -> Algorithm:
        """At this meta-step."""
        ...

    def randomness(self, name: str) -> AbstractContextManager[None]:
        """Room for the module's own."""
        ...

    def step(self) -> MetaStep:
        """Take a meta-step."""
        ...

    def curve_on(self, batch: TaskBatch, inner_steps: int) -> AdaptationCurve:
        """Measure on a batch."""
        ...

    def state(self) -> dict[str, Any]:
        """A copy, for `restore`."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state."""
        ...
