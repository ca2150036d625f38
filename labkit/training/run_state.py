"""The state of a training run: all that a checkpoint holds, and meta-steps that move it on."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from labkit.core import Algorithm, LearnedAlpha, Params, tree_leaves
from labkit.tasks import TaskBatch, TaskFamily
from labkit.training.engine import StepEngine
from labkit.training.model import TaskLoss, private_randomness, step_statistics, stream
from labkit.training.step import (
    DivergedError,
    MetaParameters,
    MetaStep,
    PendingLosses,
    StepOutput,
    batch_of,
    check_finite,
    draw_inputs,
)


class StepPlan(NamedTuple):
    """What the next meta-steps do.

    Attributes:
        algorithm: Its schedules are not applied.
        loss_fn: Module and family, as in training.
        meta_batch: Tasks per meta-step.
        meta_clip: Longest meta-gradient of θ; None: any.
        random: The module draws random numbers.
        by_size: Tasks of each size go separately.
        has_steps: The module has averages for each inner step, which meta-steps move.
    """

    algorithm: Algorithm
    loss_fn: TaskLoss
    meta_batch: int
    meta_clip: float | None
    random: bool
    by_size: bool
    has_steps: bool


@final
class RunState:
    """θ, α and their optimiser, constants, the stream of tasks and the number of meta-steps.

    Args:
        meta: θ, α, and the optimiser.
        constants: Frozen parameters and buffers.
        seed: The run's.
    """

    def __init__(self, meta: MetaParameters, constants: Params, seed: int) -> None:
        self.meta = meta
        self.constants = constants
        self.seed = seed
        self.task_stream = stream(seed, "tasks")
        self.meta_step = 0

    def to(self, device: torch.device | str, algorithm: Algorithm) -> None:
        """Move tensors to a device."""
        self.constants = {name: c.to(device) for name, c in self.constants.items()}
        self.meta = self.meta.to(device, algorithm)

    def as_dict(self) -> dict[str, Any]:
        """A copy, for `restore`."""
        return {
            **self.meta.state(),
            "constants": dict(self.constants),
            "tasks": self.task_stream.get_state(),
            "seed": self.seed,
            "meta_step": self.meta_step,
        }

    def fingerprints(self) -> dict[str, str]:
        """Name → text, equal where the parts of two states are equal to the last bit."""
        meta = self.meta.state()
        return {
            "seed": str(self.seed),
            "meta_step": str(self.meta_step),
            "θ": _digest(meta["params"]),
            "α": _digest(meta.get("alpha")),
            "the state of the meta-optimiser": _digest(meta["optimizer"]),
            "the stream of tasks": _digest(self.task_stream.get_state()),
        }

    def restore(self, state: dict[str, Any], source: str | Path) -> None:
        """Resume from what `as_dict` gave.

        Raises:
            ValueError: α was learned in another form; the state is then unchanged.
        """
        task_stream = torch.Generator().set_state(state["tasks"])
        self.meta.restore(state, source)
        own = self.constants
        self.constants = {name: saved.to(own[name]) for name, saved in state["constants"].items()}
        self.task_stream = task_stream
        self.seed = state["seed"]
        self.meta_step = state["meta_step"]

    def randomness(self, name: str, *, random: bool) -> AbstractContextManager[None]:
        """Room for a module's own randomness; nothing where it has none."""
        if not random:
            return nullcontext()
        device = next(iter(self.meta.like.values())).device
        return private_randomness(self.seed, name, device)

    def current(self, algorithm: Algorithm) -> Algorithm:
        """The algorithm at this meta-step: its schedules applied, its α as learned so far."""
        now = algorithm.at(self.meta_step)
        if not isinstance(now.alpha, LearnedAlpha):
            return now
        return now.with_alpha(self.meta.alpha(algorithm))

    def next_tasks(self, family: TaskFamily, meta_batch: int, inner_steps: int) -> TaskBatch:
        """The tasks of the next meta-step, which stay the next ones."""
        generator = torch.Generator().set_state(self.task_stream.get_state())
        inputs = draw_inputs(family, meta_batch, generator, self.meta.like, inner_steps)
        return batch_of(family, inputs, self.meta.like)

    def advance(
        self, meta_steps: int, extend: Callable[[list[PendingLosses]], None]
    ) -> list[MetaStep]:
        """Take meta-steps; read their losses at the end, which waits for a GPU only once.

        Args:
            meta_steps: How many.
            extend: Appends at least one to a list, by `extend` below.

        Raises:
            DivergedError: A meta-step is not finite; the state is that before it.
        """
        unread: list[PendingLosses] = []
        try:
            while len(unread) < meta_steps:
                extend(unread)
        except BaseException:
            # the last one counts as not tried; those before it stay, if they were finite
            with suppress(DivergedError):
                self._read(unread)
            raise
        return self._read(unread)

    def extend(
        self,
        engine: StepEngine,
        plan: StepPlan,
        unread: list[PendingLosses],
        most: int,
        *,
        vectorize: bool,
    ) -> None:
        """Append meta-steps until a schedule changes the algorithm, or there are `most`."""
        now = plan.algorithm.at(self.meta_step)
        loss_fn, like = plan.loss_fn, self.meta.like
        rule, state = self.meta.rule(plan.meta_clip), self.meta.state_for(now, self.meta_step)
        # sizes of tasks, like random numbers, are values that a recording would repeat
        random = plan.random or plan.by_size
        loop = engine.loop(now, rule, loss_fn, state, random=random, vectorize=vectorize)
        statistics: Params = {}
        first = len(unread)
        try:
            continues = True
            while continues:
                before = self.task_stream.get_state()
                try:
                    inputs = draw_inputs(
                        loss_fn.family, plan.meta_batch, self.task_stream, like, now.inner_steps
                    )
                    with self.randomness(f"meta-step {self.meta_step}", random=plan.random):
                        losses = loop.step(inputs, self.meta.step_size_at(self.meta_step))
                        if plan.has_steps:
                            statistics = self._statistics(plan, inputs, loop.output(), vectorize)
                except BaseException:
                    # the next attempt, with other settings, gets the same tasks
                    self.task_stream.set_state(before)
                    raise
                self.meta_step += 1
                unread.append(PendingLosses(self.meta_step - 1, now.inner_steps, before, losses))
                # the next meta-step reads the averages of batch norm
                continues = len(unread) < most and not plan.has_steps
                continues = continues and plan.algorithm.at(self.meta_step) is now
        finally:
            if len(unread) > first:
                self.meta.accept(loop.output())
                self.constants = self.constants | statistics

    def _statistics(
        self, plan: StepPlan, inputs: Any, output: StepOutput, vectorize: bool
    ) -> Params:
        """Averages for batch norm after a meta-step, measured at the θ before it."""
        if not output.finite:
            return {}
        params = self.meta.params
        batch = batch_of(plan.loss_fn.family, inputs, params)
        now = self.current(plan.algorithm)
        return step_statistics(plan.loss_fn, now, params, batch, vectorize=vectorize)

    def _read(self, unread: list[PendingLosses]) -> list[MetaStep]:
        """Read the losses; where one is not finite, return to the state before it."""
        numbers = torch.stack([each.losses for each in unread]).tolist() if unread else []
        steps = []
        for each, losses in zip(unread, numbers, strict=True):
            try:
                steps.append(check_finite(losses, each.inner_steps, each.meta_step))
            except DivergedError:
                self.meta.clear_divergence()
                self.task_stream.set_state(each.task_stream)
                self.meta_step = each.meta_step
                raise
        return steps


def _digest(values: Any) -> str:
    """A short text that changes with any bit of the tensors and numbers in a pytree."""
    content = hashlib.sha256()
    for leaf in tree_leaves(values):
        if isinstance(leaf, Tensor):
            raw = leaf.detach().cpu().contiguous().flatten().view(torch.uint8)
            content.update(raw.numpy().tobytes())
        else:
            content.update(repr(leaf).encode())
    return content.hexdigest()[:8]
