"""The meta-learner: a module, a task family and an algorithm, trained step by step."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils._pytree import tree_map

from labkit.core.maml import MAML
from labkit.core.types import Alpha, Params, Reduction
from labkit.tasks.family import DrawableFamily, Portrait, Predictor, TaskBatch, TaskFamily
from labkit.training.checkpoints import read_checkpoint, write_checkpoint
from labkit.training.evaluation import AdaptationCurve, adaptation_curve
from labkit.training.parameters import MetaOptimizer, make_optimizer, split_parameters
from labkit.training.streams import stream

ModelSource: TypeAlias = nn.Module | Callable[[torch.Generator], nn.Module]


HELD_OUT = 600
"""Held-out tasks that an adaptation curve is measured on, as in the paper."""


class DivergedError(ArithmeticError):
    """Meta-training left the finite numbers; θ is still that of the last good meta-step."""


@dataclass(frozen=True, slots=True)
class MetaStep:
    """What one meta-step measured on its own tasks.

    Attributes:
        loss_before: Query loss at θ, before adaptation, mean over the tasks.
        loss_after: Query loss at θ', after adaptation, mean over the tasks.
    """

    loss_before: float
    loss_after: float


class MetaLearner:
    """Meta-train any module on a task family.

    θ ← θ − β ∇_θ Σ_i L_i(θ'_i), with the sum or its mean over tasks, by SGD or Adam.

    Args:
        model: Any `torch.nn.Module`, used unmodified and never written to, or a function that
            makes one from a generator (then the seed decides the initial θ). Parameters with
            `requires_grad=False` and buffers stay constant.
        tasks: p(T).
        algorithm: What is done on each batch of tasks. May be replaced between meta-steps.
        beta: β ≥ 0, meta step size. May be changed between meta-steps.
        meta_optimizer: "adam" (as the paper's experiments) or "sgd" (as its Algorithm 1).
        meta_batch: Tasks per meta-step, ≥ 1.
        reduction: "mean" over tasks (as the paper's code) or "sum" (as its Algorithm 1).
        seed: ≥ 0; feeds the streams "init", "tasks" and "evaluation".
        dtype: Floating-point type of θ and the data; None keeps the module's.

    Raises:
        ValueError: An argument is out of its range, or the module has no trainable parameter.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, Algorithm 1.

    Example:
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=10), MAML(alpha=0.01), beta=1e-3)
        >>> steps = learner.train(2)
        >>> learner.meta_step, steps[0].loss_after < steps[0].loss_before
        (2, True)
    """

    def __init__(
        self,
        model: ModelSource,
        tasks: TaskFamily,
        algorithm: MAML,
        *,
        beta: float = 1e-3,
        meta_optimizer: MetaOptimizer = "adam",
        meta_batch: int = 25,
        reduction: Reduction = "mean",
        seed: int = 0,
        dtype: torch.dtype | None = None,
    ) -> None:
        if isinstance(meta_batch, bool) or not isinstance(meta_batch, int) or meta_batch < 1:
            raise ValueError(f"meta_batch must be a whole number ≥ 1, got {meta_batch!r}")
        if reduction not in get_args(Reduction):
            raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
        self.tasks = tasks
        self.algorithm = algorithm
        self.meta_batch = meta_batch
        self.reduction: Reduction = reduction
        self.seed = seed
        self.meta_step = 0
        # a copy of its own: functional_call puts parameters into the module while it runs
        self._model = (
            copy.deepcopy(model) if isinstance(model, nn.Module) else model(stream(seed, "init"))
        )
        self.params, self._constants = split_parameters(self._model, dtype)
        self._task_stream = stream(seed, "tasks")
        self._meta_optimizer = meta_optimizer
        self._optimizer = make_optimizer(meta_optimizer, list(self.params.values()))
        self.beta = beta

    @property
    def beta(self) -> float:
        """β, the meta step size."""
        return float(self._optimizer.param_groups[0]["lr"])

    @beta.setter
    def beta(self, value: float) -> None:
        if not 0 <= value < float("inf"):
            raise ValueError(f"beta must be a finite number ≥ 0, got {value!r}")
        self._optimizer.param_groups[0]["lr"] = value

    def predictor(self, params: Params) -> Predictor:
        """The function f with these parameters bound: what the module's forward would return."""
        everything = {**self._constants, **params}
        return lambda *args, **kwargs: functional_call(self._model, everything, args, kwargs)

    def loss_fn(self, params: Params, batch: Any) -> Tensor:
        """(params, batch of one task) → 0-d loss, as the core takes it."""
        return self.tasks.loss(self.predictor(params), batch)

    def step(self) -> MetaStep:
        """Draw `meta_batch` tasks and move θ once.

        Returns:
            `MetaStep`: losses before and after adaptation on the query data of those tasks.

        Raises:
            DivergedError: The loss or the meta-gradient is not finite; θ is left as it was.
        """
        task_stream = self._task_stream.get_state()
        try:
            result, gradients = self._measure()
        except BaseException:
            # as if it had not been tried: with other settings the same tasks come again
            self._task_stream.set_state(task_stream)
            raise
        for name, param in self.params.items():
            param.grad = gradients[name]
        self._optimizer.step()
        self.meta_step += 1
        return result

    def _measure(self) -> tuple[MetaStep, Params]:
        batch = self._to_model(self.tasks.sample(self.meta_batch, self._task_stream))
        before = vmap(self.loss_fn, in_dims=(None, 0))(self.params, batch.query).mean()
        gradient = self.algorithm.meta_gradient(
            self.loss_fn, self.params, batch.support, batch.query, reduction=self.reduction
        )
        result = MetaStep(float(before), float(gradient.task_losses.mean()))
        if not torch.isfinite(nn.utils.get_total_norm(gradient.params.values())):
            raise DivergedError(
                f"meta-step {self.meta_step + 1} has a meta-gradient that is not finite: the query "
                f"loss went from {result.loss_before:.3g} to {result.loss_after:.3g} by "
                f"{self.algorithm.inner_steps} inner step(s). θ was kept from meta-step "
                f"{self.meta_step}; take a smaller alpha, beta or inner_steps"
            )
        return result, gradient.params

    def train(self, meta_steps: int) -> list[MetaStep]:
        """Take `meta_steps` meta-steps; see `step`."""
        return [self.step() for _ in range(meta_steps)]

    def adaptation_curve(
        self,
        inner_steps: int = 10,
        *,
        tasks: int = HELD_OUT,
        alpha: Alpha | None = None,
        family: TaskFamily | None = None,
        params: Params | None = None,
    ) -> AdaptationCurve:
        """Query loss after 0 … `inner_steps` steps, over held-out tasks that are always the same.

        Args:
            inner_steps: Steps to test with, ≥ 0; may exceed the algorithm's.
            tasks: Number of held-out tasks, drawn from the stream "evaluation".
            alpha: α for testing, in any form that `adapt` takes; None takes the algorithm's
                `evaluation_alpha`: as trained, and half of it for steps beyond.
            family: Where the tasks come from; None takes the learner's. Another number of shots,
                for example, is `Sinusoid(shots=5)`.
            params: θ to test; None takes the present one.

        Returns:
            `AdaptationCurve` with mean, 95 % interval, median and share of diverged tasks.
        """
        batch = self._held_out(tasks, family or self.tasks)
        return adaptation_curve(
            self.loss_fn,
            self.params if params is None else params,
            batch.support,
            batch.query,
            alpha=self.algorithm.evaluation_alpha(inner_steps) if alpha is None else alpha,
            inner_steps=inner_steps,
        )

    def portrait(self, *, task: int = 0, params: Params | None = None) -> Portrait | None:
        """Draw one held-out task and the adaptation to it; None if the family cannot draw.

        Args:
            task: Number of the task, 0 to 599, among those of `adaptation_curve`.
            params: θ to draw; None takes the present one.

        Raises:
            ValueError: There is no task of this number.
        """
        if not isinstance(self.tasks, DrawableFamily):
            return None
        if not 0 <= task < HELD_OUT:
            raise ValueError(f"task must be from 0 to {HELD_OUT - 1}, got {task!r}")
        batch = self._held_out(HELD_OUT, self.tasks)
        one = _map(lambda tensor: tensor[task : task + 1], batch)
        theta = self.params if params is None else params
        support = tree_map(lambda tensor: tensor[0], one.support)
        path = self.algorithm.adapt(self.loss_fn, theta, support).path
        return self.tasks.portrait(one, [self.predictor(p) for p in path])

    def save(self, path: str | Path) -> None:
        """Write θ, the optimiser, the streams and the counter, so that `load` resumes exactly."""
        write_checkpoint(
            path,
            {
                "params": self.params,
                "constants": self._constants,
                "optimizer": self._optimizer.state_dict(),
                "meta_optimizer": self._meta_optimizer,
                "tasks": self._task_stream.get_state(),
                "seed": self.seed,
                "meta_step": self.meta_step,
            },
        )

    def load(self, path: str | Path) -> None:
        """Take up what `save` wrote; training goes on as if it had never stopped.

        Raises:
            ValueError: The file is no checkpoint, or one of another model or meta-optimiser; the
                learner is then unchanged.
        """
        shapes = {name: tuple(p.shape) for name, p in self.params.items()}
        state = read_checkpoint(path, shapes, self._meta_optimizer)
        # what can fail comes first, so that a bad file changes nothing
        task_stream = torch.Generator().set_state(state["tasks"])
        self._optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            for name, param in self.params.items():
                param.copy_(state["params"][name])
        self._constants = state["constants"]
        self._task_stream = task_stream
        self.seed = state["seed"]
        self.meta_step = state["meta_step"]

    def _held_out(self, tasks: int, family: TaskFamily) -> TaskBatch:
        return self._to_model(family.sample(tasks, stream(self.seed, "evaluation")))

    def _to_model(self, batch: TaskBatch) -> TaskBatch:
        """The batch on the device of θ, its floating-point tensors in the type of θ."""
        reference = next(iter(self.params.values()))

        def move(tensor: Tensor) -> Tensor:
            floating = tensor.is_floating_point()
            return tensor.to(reference.device, reference.dtype if floating else None)

        return _map(move, batch)


def _map(function: Callable[[Tensor], Tensor], batch: TaskBatch) -> TaskBatch:
    return TaskBatch(
        *(tree_map(function, part) for part in (batch.support, batch.query, batch.info))
    )
