"""A learner's meta-steps, one by one or many whose losses are looked at together."""

from abc import abstractmethod
from contextlib import suppress
from typing import Any

import torch

from labkit.core import Algorithm, Params, check_count
from labkit.training.engine import StepEngine
from labkit.training.learner_tests import LearnerTests
from labkit.training.model import TaskLoss, step_statistics
from labkit.training.step import (
    DivergedError,
    MetaParameters,
    MetaStep,
    Moved,
    Unread,
    batch_of,
    drawn_for,
    judge,
)

MOST_UNREAD = 64
"""Meta-steps between two looks at their losses, for which a GPU is waited for."""


class LearnerSteps(LearnerTests):
    """Moves what a learner has: θ, a learned α, averages of batch norm, the stream of tasks."""

    meta_batch: int
    meta_clip: float | None
    meta_step: int
    _moved: MetaParameters
    _constants: Params
    _task_stream: torch.Generator
    _engine: StepEngine
    _has_steps: bool

    @property
    @abstractmethod
    def algorithm(self) -> Algorithm:
        """What is done to tasks."""

    @property
    @abstractmethod
    def loss_fn(self) -> TaskLoss:
        """(params, batch of one task) → 0-d loss as in meta-training."""

    def step(self) -> MetaStep:
        """Draw `meta_batch` tasks and move θ once.

        Returns:
            `MetaStep`: losses before and after adaptation on the query data of those tasks.

        Raises:
            DivergedError: The loss or the meta-gradient is not finite; θ is left as it was.
        """
        return self._take(1)[0]

    def train(self, meta_steps: int) -> list[MetaStep]:
        """Take `meta_steps` meta-steps; see `step`."""
        check_count("meta_steps", meta_steps, 0)
        steps: list[MetaStep] = []
        while len(steps) < meta_steps:
            steps += self._take(min(meta_steps - len(steps), MOST_UNREAD))
        return steps

    def _take(self, meta_steps: int) -> list[MetaStep]:
        """Some meta-steps; their losses are read at the end, for which a GPU is waited for once."""
        unread: list[Unread] = []
        try:
            while len(unread) < meta_steps:
                self._go_on(unread, meta_steps)
        except BaseException:
            # as if the last one had not been tried; those before it stay, if they were finite
            with suppress(DivergedError):
                self._read(unread)
            raise
        return self._read(unread)

    def _go_on(self, unread: list[Unread], most: int) -> None:
        """Add meta-steps, as long as no schedule changes what is done, up to so many in all."""
        now = self.algorithm.at(self.meta_step)
        loss_fn, like = self.loss_fn, self._moved.like
        rule, given = self._moved.rule(self.meta_clip), self._moved.movable(now)
        chain = self._engine.chain(now, rule, loss_fn, given, random=self.draws_random)
        statistics: Params = {}
        first = len(unread)
        try:
            going_on = True
            while going_on:
                before = self._task_stream.get_state()
                try:
                    drawn = drawn_for(self.tasks, self.meta_batch, self._task_stream, like)
                    with self.randomness(f"meta-step {self.meta_step}"):
                        losses = chain.take(drawn)
                        if self._has_steps:
                            statistics = self._statistics(loss_fn, drawn, chain.end())
                except BaseException:
                    # with other settings the same tasks come again
                    self._task_stream.set_state(before)
                    raise
                self.meta_step += 1
                unread.append(Unread(self.meta_step - 1, now.inner_steps, before, losses))
                # averages of batch norm are read by the next one
                going_on = len(unread) < most and not self._has_steps
                going_on = going_on and self.algorithm.at(self.meta_step) is now
        finally:
            if len(unread) > first:
                self._moved.take(chain.end())
                self._constants = self._constants | statistics

    def _statistics(self, loss_fn: TaskLoss, drawn: Any, moved: Moved) -> Params:
        """Averages for batch norm after a meta-step; θ is as before it."""
        if not moved.going:
            return {}
        params = self._moved.params
        batch = batch_of(self.tasks, drawn, params)
        return step_statistics(loss_fn, self.current_algorithm(), params, batch)

    def _read(self, unread: list[Unread]) -> list[MetaStep]:
        """What was measured; after one that is not finite, back to before it."""
        numbers = torch.stack([each.losses for each in unread]).tolist() if unread else []
        steps = []
        for each, losses in zip(unread, numbers, strict=True):
            try:
                steps.append(judge(losses, each.inner_steps, each.meta_step))
            except DivergedError:
                self._moved.go_on()
                self._task_stream.set_state(each.task_stream)
                self.meta_step = each.meta_step
                raise
        return steps
