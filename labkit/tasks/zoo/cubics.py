"""Tasks with a cubic term: the curvature changes along the inner path."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from labkit.core import check_count, is_number
from labkit.tasks.family import Portrait, Predictor, TaskBatch
from labkit.tasks.zoo.quadratics import largest_step
from labkit.tasks.zoo.solved import Method, StepSize, check_method, check_theta, step_size
from labkit.tasks.zoo.tangents import loss_portrait

MOST_STEPS = 3
"""The mean direction is a polynomial of degree 3·2ᴷ − 1: its roots are good for K up to this."""


@final
@dataclass(frozen=True, slots=True)
class Cubics:
    """p(T) of a few tasks L_i(θ) = a_i u²/2 + b_i u³/6 of one parameter, u = θ − c_i, in turn.

    The model is `parameter_vector`. H(u) = a + bu and g(u) = au + bu²/2, so an inner step
    u ← u − α g(u) is a polynomial in θ, and so are the directions: exact Π(1 − αH(u_k)) g(u_K),
    first order g(u_K), Reptile u_0 − u_K, joint g(u_0). Their roots are the fixed points. The loss
    has its minimum at u = 0 and a maximum at u = −2a/b, beyond which it falls without end.

    Args:
        tasks: (a_i, b_i, c_i) of each task, a_i > 0.
        shots: Part of every family; here support and query are equal, whatever it is.

    Raises:
        ValueError: There is no task, or one is not three finite numbers with a > 0.

    Example:
        >>> family = bent_valleys()
        >>> [round(family.fixed_point(m, alpha=0.2, inner_steps=1).item(), 4) for m in
        ...  ("exact", "first order", "joint")]
        [0.2931, 0.5617, 0.7264]
    """

    tasks: tuple[tuple[float, float, float], ...]
    shots: int = 1

    def __post_init__(self) -> None:
        check_count("shots", self.shots, 1)
        for task in self.tasks:
            if len(task) != 3 or not all(map(is_number, task)) or not task[0] > 0:
                raise ValueError(f"a task must be (a, b, c), numbers with a > 0, got {task!r}")
        if not self.tasks or not self._table.isfinite().all():
            raise ValueError(f"tasks must be at least one, of finite numbers, got {self.tasks!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """Each task by its curvature and its bend."""
        return tuple(f"a = {a:g}, b = {b:g}, c = {c:g}" for a, b, c in self.tasks)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:  # noqa: ARG002
        """The tasks in turn; support and query are the same dict of a, b and c, each (tasks,)."""
        check_count("tasks", tasks, 1)
        index = torch.arange(tasks) % len(self.tasks)
        data = dict(zip("abc", self._table[index].T, strict=True))
        return TaskBatch(support=data, query=dict(data), info={"task": index})

    def loss(self, predict: Predictor, batch: dict[str, Tensor]) -> Tensor:
        """au²/2 + bu³/6 with u = predict() − c."""
        u = (predict() - batch["c"]).sum()
        return _loss(u, batch["a"], batch["b"])

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> Portrait:
        """The task's loss over θ, and its tangent at each θ_k."""
        number = int(task.info["task"])
        a, b, c = self._table[number]
        return loss_portrait(
            lambda theta: _loss(theta - c, a, b),
            lambda theta: _slope(theta - c, a, b),
            torch.stack([predict().detach()[0] for predict in predictors]),
            centre=c.reshape(1),
            around=self._table[:, 2],
            title=self.names[number],
        )

    def directions(
        self, method: Method, theta: Tensor, *, alpha: StepSize, inner_steps: int
    ) -> Tensor:
        """The polynomials at θ, (tasks, 1)."""
        check_method(method)
        check_theta(theta, 1, inner_steps)
        step, at = step_size(alpha, 1)[0], theta.detach().to(self._table)
        return torch.stack(
            [_direction(method, at - c, a, b, step, inner_steps) for a, b, c in self._table]
        )

    def fixed_point(self, method: Method, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """The root of the mean direction nearest to the mean of the minima, (1,).

        Raises:
            ValueError: There is none, or more inner steps than the roots are good for.
        """
        root, _ = self._root(method, alpha, inner_steps)
        return torch.tensor([root], dtype=torch.float64)

    def largest_beta(self, method: Method, *, alpha: StepSize, inner_steps: int) -> float:
        """2/D′(θ*) with D the mean direction; 0 if D′(θ*) ≤ 0: near θ* alone.

        Raises:
            ValueError: As for `fixed_point`.
        """
        root, direction = self._root(method, alpha, inner_steps)
        return largest_step(torch.tensor([direction.deriv()(root)], dtype=torch.float64))

    def loss_after(self, theta: Tensor, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """L(u_K) of each task, (tasks,)."""
        check_theta(theta, 1, inner_steps)
        step, at = step_size(alpha, 1)[0], theta.detach().to(self._table)
        return torch.stack(
            [
                _loss(_path((at - c)[0], a, b, step, inner_steps)[-1], a, b)
                for a, b, c in self._table
            ]
        )

    def curvature(self, theta: Tensor, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """α(a + bu_k) at u_0 … u_{K−1}, (tasks, K)."""
        check_theta(theta, 1, inner_steps)
        step, at = step_size(alpha, 1)[0], theta.detach().to(self._table)
        paths = [_path((at - c)[0], a, b, step, inner_steps)[:-1] for a, b, c in self._table]
        return torch.stack(
            [
                step * (a + b * torch.stack([*path, a])[:-1])
                for path, (a, b, _) in zip(paths, self._table, strict=True)
            ]
        )

    @property
    def _table(self) -> Tensor:
        """a, b and c, (tasks, 3), float64."""
        return torch.tensor(self.tasks, dtype=torch.float64)

    def _root(self, method: Method, alpha: StepSize, inner_steps: int) -> tuple[float, Polynomial]:
        check_method(method)
        check_count("inner_steps", inner_steps, 0)
        if inner_steps > MOST_STEPS:
            raise ValueError(
                f"the roots of cubics are known for up to {MOST_STEPS} inner steps, got "
                f"{inner_steps}"
            )
        step = float(step_size(alpha, 1)[0])
        total = Polynomial([0.0])
        for a, b, c in self.tasks:
            u = Polynomial([-c, 1.0])
            total = total + _direction(method, u, a, b, step, inner_steps) / len(self.tasks)
        roots = total.trim(1e-14).roots()
        real = [float(root.real) for root in roots if abs(root.imag) < 1e-7]
        if not real:
            raise ValueError(f"{method} with alpha={alpha!r} has no fixed point")
        middle = sum(c for _, _, c in self.tasks) / len(self.tasks)
        return min(real, key=lambda root: abs(root - middle)), total


def bent_valleys(shots: int = 1) -> Cubics:
    """A task that flattens to the left, 1/2 u² + u³/12, and a steep one that flattens to the right.

    Args:
        shots: As for `Cubics`.

    Example:
        >>> bent_valleys().curvature(torch.zeros(1), alpha=0.2, inner_steps=2).shape
        torch.Size([2, 2])
    """
    return Cubics(((1.0, 0.5, 0.0), (3.0, -1.0, 1.0)), shots)


def _loss(u: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return a * u**2 / 2 + b * u**3 / 6


def _slope(u: Any, a: Any, b: Any) -> Any:
    return a * u + b * u**2 / 2


def _path(u: Any, a: Any, b: Any, alpha: Any, inner_steps: int) -> list[Any]:
    """u_0 … u_K, of numbers, tensors or polynomials."""
    path = [u]
    for _ in range(inner_steps):
        path.append(path[-1] - alpha * _slope(path[-1], a, b))
    return path


def _direction(method: Method, u: Any, a: Any, b: Any, alpha: Any, inner_steps: int) -> Any:
    path = _path(u, a, b, alpha, inner_steps)
    if method == "Reptile":
        return path[0] - path[-1]
    if method == "joint":
        return _slope(path[0], a, b)
    direction = _slope(path[-1], a, b)
    if method == "exact":
        for at in path[:-1]:
            direction = direction * (1 - alpha * (a + b * at))
    return direction
