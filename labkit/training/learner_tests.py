"""What a learner can be asked about tasks that its training never sees."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from labkit.core import Algorithm, Alpha, Params
from labkit.tasks import AnyPortrait, DrawableFamily, Split, TaskBatch, TaskFamily
from labkit.training.engine import CurveEngine
from labkit.training.evaluation import AdaptationCurve, Between
from labkit.training.held_out import HELD_OUT, held_out_tasks, on_split, one_task, task_portrait
from labkit.training.model import TaskLoss


class LearnerTests(ABC):
    """Adaptation curves and portraits, which leave the learner as it is."""

    tasks: TaskFamily
    seed: int
    _curves: CurveEngine

    @property
    @abstractmethod
    def params(self) -> Params:
        """θ now."""

    @property
    @abstractmethod
    def test_loss_fn(self) -> TaskLoss:
        """(params, batch of one task) → 0-d loss, as tests measure it."""

    @property
    @abstractmethod
    def task_chunk(self) -> int | None:
        """Tasks at once, for less memory; None: 25, or as many as have 8 MB."""

    @abstractmethod
    def current_algorithm(self) -> Algorithm:
        """The algorithm at this meta-step."""

    @property
    @abstractmethod
    def draws_random(self) -> bool:
        """Whether the model draws random numbers in its forward."""

    @abstractmethod
    def randomness(self, name: str) -> AbstractContextManager[None]:
        """Room for the model's own randomness, such as dropout; nothing where it has none."""

    def adaptation_curve(
        self,
        inner_steps: int = 10,
        *,
        tasks: int = HELD_OUT,
        alpha: Alpha | None = None,
        family: TaskFamily | None = None,
        params: Params | None = None,
        split: Split = "test",
    ) -> AdaptationCurve:
        """Query loss after 0 … `inner_steps` steps, over held-out tasks that are always the same.

        Args:
            inner_steps: Steps to test with, ≥ 0; may exceed the algorithm's.
            tasks: Number of held-out tasks, ≥ 1, drawn from the stream "evaluation".
            alpha: α for testing, in any form that `adapt` takes; None takes the algorithm's
                `evaluation_alpha`: as trained, and half of it for steps beyond.
            family: Where the tasks come from; None takes the learner's. Another number of shots,
                for example, is `Sinusoid(shots=5)`.
            params: θ to test; None takes the present one.
            split: Which of its tasks: "validation" to choose by, "test" to report.

        Returns:
            `AdaptationCurve`, with the family's other measures beside the loss.
        """
        batch = self.held_out(tasks, family, split)
        return self.curve_on(batch, inner_steps, alpha=alpha, params=params)

    def curve_on(
        self,
        batch: TaskBatch,
        inner_steps: int,
        *,
        alpha: Alpha | None = None,
        params: Params | None = None,
        between: Between | None = None,
    ) -> AdaptationCurve:
        """The same on tasks that are given, in the precision of θ and on its device.

        `between` is called now and then; what it raises ends the measuring.
        """
        with self.randomness("evaluation of the model"):
            return self._curves.curve(
                self.current_algorithm().testing(inner_steps, alpha),
                self.test_loss_fn,
                self.params if params is None else params,
                batch,
                task_chunk=self.task_chunk,
                random=self.draws_random,
                between=between,
            )

    def portrait(
        self,
        *,
        task: int = 0,
        tasks: int = HELD_OUT,
        params: Params | None = None,
        split: Split = "test",
    ) -> AnyPortrait | None:
        """Draw one held-out task and the adaptation to it; None if the family cannot draw.

        Args:
            task: Number of the task, from 0, among those of `adaptation_curve`.
            tasks: As for `adaptation_curve`.
            params: θ to draw; None takes the present one.
            split: As for `adaptation_curve`.

        Raises:
            ValueError: There is no task of this number.
        """
        family = on_split(self.tasks, split)
        if not isinstance(family, DrawableFamily):
            return None
        one = one_task(self.held_out(tasks, family), task)
        return self.portrait_of(one, family=family, params=params)

    def portrait_of(
        self, one: TaskBatch, *, family: TaskFamily | None = None, params: Params | None = None
    ) -> AnyPortrait | None:
        """Draw a batch of one task and the adaptation to it; None if the family cannot draw.

        Args:
            one: The task, of `family` and in the precision of θ.
            family: Whose task it is; None takes the learner's.
            params: θ to draw; None takes the present one.
        """
        return task_portrait(
            self.tasks if family is None else family,
            self.current_algorithm(),
            self.test_loss_fn,
            self.params if params is None else params,
            one,
        )

    def held_out(
        self, tasks: int = HELD_OUT, family: TaskFamily | None = None, split: Split = "test"
    ) -> TaskBatch:
        """The tasks of adaptation curves, on the device and in the precision of θ."""
        family = family or on_split(self.tasks, split)
        return held_out_tasks(family, tasks, self.seed, self.params)
