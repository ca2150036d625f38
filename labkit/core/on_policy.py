"""Data that depend on the parameters: every loss is taken on a batch drawn with those it is at.

A task's support or query data may be a function (params, generator) → batch. Random numbers are
fixed for each task and inner step before anything is computed, so tasks side by side, one after
another, in chunks or computed again all see the same batches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol, TypeAlias, final, runtime_checkable

import torch
from torch import Tensor

from labkit.core.pytrees import register_node, tree_leaves, tree_map
from labkit.core.types import Batch, LossFn, Params, StepwiseLoss, TaskList
from labkit.core.vectorize import TasksError

Sampler: TypeAlias = Callable[[Any, torch.Generator], Batch]
"""(params, generator) → batch of one task; in a task family f_θ, `predict`, in place of params."""

SEEDS = 2**32
"""Seeds of a generator on the CPU that differ."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class OnPolicy:
    """Data of tasks that are drawn with the parameters, by functions that all tasks share.

    As a function it is (params, generator) → batch, where batch = batch(params, noise, task). The
    random numbers do not depend on the parameters, so tasks can go side by side, and the engine can
    record and compile what follows from them. The derivative of a loss goes through `batch`, unless
    that detaches what it returns.

    Args:
        noise: generator → pytree of tensors: all random numbers of one batch of one task.
        batch: (params, noise, data of one task) → batch, by operations on tensors alone. To be
            recorded it must be the same function in each batch of tasks, such as a method.
        tasks: Pytree of tensors, what tells the tasks apart, (tasks, …); for `adapt`, of one task,
            without that axis.

    Raises:
        ValueError: `noise` or `batch` cannot be called.

    Example:
        A reward of −(x − c)²/2 for an action x = w + noise; the path-wise gradient at w = 0 is
        mean(x) − c, which with these numbers is −2 + mean(noise).

        >>> from labkit.core import adapt
        >>> action = OnPolicy(
        ...     noise=lambda generator: torch.randn(9999, generator=generator),
        ...     batch=lambda params, noise, goal: (params["w"] + noise, goal),
        ...     tasks=torch.tensor(2.0),
        ... )
        >>> loss = lambda params, batch: ((batch[0] - batch[1]) ** 2).mean() / 2
        >>> theta, generator = {"w": torch.tensor(0.0)}, torch.Generator().manual_seed(0)
        >>> path = adapt(loss, theta, action, alpha=1.0, inner_steps=1, generator=generator).path
        >>> round(float(path[1]["w"]), 1)
        2.0
    """

    noise: Callable[[torch.Generator], Any]
    batch: Callable[[Any, Any, Any], Batch]
    tasks: Any

    def __post_init__(self) -> None:
        for name in ("noise", "batch"):
            if not callable(getattr(self, name)):
                raise ValueError(
                    f"OnPolicy takes {name} as a function, got {getattr(self, name)!r}"[:300]
                )

    def __call__(self, params: Any, generator: torch.Generator) -> Batch:
        """The batch that this generator gives for these parameters."""
        return self.batch(params, self.noise(generator), self.tasks)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Data that are drawn with the parameters, with their random numbers: a pytree of tensors.

    Attributes:
        source: The functions of an `OnPolicy`, (noise, batch), or a `Sampler` alone.
        by_step: Other random numbers at each inner step, as for support data.
        tasks: Pytree of tensors, (tasks, …); empty for a `Sampler`.
        seeds: Of the random numbers of each task, (tasks,).
        noise: Pytree of tensors, (tasks, steps, …); empty before `with_noise`.
    """

    source: Any
    by_step: bool
    tasks: Any
    seeds: Any
    noise: Any = ()

    def at(self, params: Any, step: int, like: Params) -> Batch:
        """The batch of one task that is drawn with the parameters at an inner step.

        Args:
            params: What the functions take: θ_step, or f with it.
            step: 0 … K.
            like: θ, for the precision and the device of the random numbers.

        Raises:
            TasksError: Tasks are side by side, and the numbers are not drawn yet.
        """
        stage = step if self.by_step else 0
        if callable(self.source):
            return self.source(params, self._generator(stage))
        draw, batch = self.source
        if tree_leaves(self.noise):
            noise = tree_map(itemgetter(stage), self.noise)
        else:
            noise = draw(self._generator(stage))
        reference = next(iter(like.values()))

        def cast(leaf: Tensor) -> Tensor:
            return leaf.to(reference.device, reference.dtype if leaf.is_floating_point() else None)

        return batch(params, tree_map(cast, noise), self.tasks)

    def with_noise(self, steps: int) -> "Draws":
        """The same with the random numbers of so many inner steps, where they can be drawn first.

        Args:
            steps: How many; data that are not drawn by step have them once.
        """
        if callable(self.source) or tree_leaves(self.noise):
            return self
        draw, stages = self.source[0], range(steps if self.by_step else 1)

        def of_task(seed: Tensor) -> Any:
            return _stacked([draw(_generator(seed, stage)) for stage in stages])

        seeds = self.seeds.cpu()
        noise = _stacked([of_task(seed) for seed in seeds]) if seeds.ndim else of_task(seeds)
        noise = tree_map(lambda leaf: leaf.to(self.seeds.device), noise)
        return Draws(self.source, self.by_step, self.tasks, self.seeds, noise)

    def _generator(self, stage: int) -> torch.Generator:
        try:
            return _generator(self.seeds, stage)
        except RuntimeError as error:  # of functorch: the tasks are side by side
            raise TasksError(
                "are drawn by a function of the parameters and a generator",
                "Give an OnPolicy, whose random numbers are drawn first, or take vectorize='auto' "
                "or False, which computes tasks one after another",
                side_by_side=True,
                who="the support and query data",
            ) from error


register_node(
    Draws,
    lambda d: ((d.tasks, d.seeds, d.noise), (d.source, d.by_step)),
    lambda children, context: Draws(*context, *children),
)


def _generator(seed: Tensor, stage: int) -> torch.Generator:
    return torch.Generator().manual_seed((int(seed) + stage) % SEEDS)


def _stacked(trees: list[Any]) -> Any:
    return tree_map(lambda *leaves: torch.stack(leaves), *trees)


def drawing(data: Batch, generator: torch.Generator | None, *, by_step: bool) -> Batch:
    """Data of tasks with seeds for those that are functions; all other data as they are.

    Args:
        data: Support or query data of tasks: an `OnPolicy`, a `TaskList` of functions, or data.
        generator: Draws the seeds.
        by_step: Other random numbers at each inner step.

    Raises:
        ValueError: Data are functions and there is no generator; or one function is to serve all
            tasks.
    """
    if isinstance(data, OnPolicy):
        return _with_seeds(data, _seeds((_count(data.tasks),), generator), by_step)
    if isinstance(data, TaskList) and any(map(callable, data)):
        seeds = _seeds((len(data),), generator)
        pairs = zip(data, seeds, strict=True)
        return TaskList(
            [_with_seeds(one, s, by_step) if callable(one) else one for one, s in pairs]
        )
    if callable(data):
        raise ValueError(
            "support and query of several tasks were given as one function: give a TaskList with "
            "a function (params, generator) -> batch for each task, or an OnPolicy"
        )
    return data


def drawing_alone(data: Batch, generator: torch.Generator | None, *, by_step: bool) -> Batch:
    """The same for the data of one task, without a task axis."""
    return _with_seeds(data, _seeds((), generator), by_step) if callable(data) else data


def with_noise(data: Batch, steps: int) -> Batch:
    """Data with the random numbers of the inner steps, which lets tasks go side by side."""
    return data.with_noise(steps) if isinstance(data, Draws) else data


def sources_of(inputs: Any) -> tuple[Any, ...]:
    """The functions that draw support and query data, which a recording holds fixed."""
    if type(inputs) is not tuple:
        return ()
    return tuple(part.source for part in inputs if isinstance(part, Draws))


@runtime_checkable
class DrawingLoss(Protocol):
    """A loss function that draws its data itself, with the parameters that it is given."""

    def draw(self, params: Params, data: Batch) -> Batch:
        """The batch of one task, drawn where data are `Draws`."""
        ...


@final
@dataclass(frozen=True, slots=True)
class _OnPolicyLoss:
    loss_fn: LossFn
    step: int

    def __call__(self, params: Params, batch: Batch) -> Tensor:
        if isinstance(batch, Draws):
            batch = batch.at(params, self.step, params)
        return self.loss_fn(params, batch)


def loss_at(loss_fn: LossFn, step: int) -> LossFn:
    """The loss at one inner step, on data that are drawn there with the parameters."""
    here = loss_fn.at_step(step) if isinstance(loss_fn, StepwiseLoss) else loss_fn
    return here if isinstance(here, DrawingLoss) else _OnPolicyLoss(here, step)


def _with_seeds(data: Sampler, seeds: Tensor, by_step: bool) -> Draws:
    if not isinstance(data, OnPolicy):
        return Draws(data, by_step, (), seeds)
    leaves = [leaf for leaf in tree_leaves(data.tasks) if isinstance(leaf, Tensor)]
    seeds = seeds.to(leaves[0].device) if leaves else seeds
    return Draws((data.noise, data.batch), by_step, data.tasks, seeds)


def _seeds(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    if generator is None:
        raise ValueError(
            "support or query data are a function (params, generator) -> batch: give the "
            "generator, such as generator=torch.Generator().manual_seed(0)"
        )
    return torch.randint(SEEDS, shape, generator=generator)


def _count(tasks: Any) -> int:
    leaves = tree_leaves(tasks)
    sizes = {len(leaf) if isinstance(leaf, Tensor) and leaf.ndim else None for leaf in leaves}
    if len(sizes) != 1 or not (count := sizes.pop()):
        raise ValueError(
            "OnPolicy takes tasks as a pytree of tensors whose first axis is the task, the same "
            f"number ≥ 1 in each; got {[getattr(leaf, 'shape', leaf) for leaf in leaves]}"[:300]
        )
    return int(count)
