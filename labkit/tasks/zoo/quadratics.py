"""Tasks whose losses are quadratic: every algorithm is linear in θ, and so solved."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any, final

import torch
from torch import Tensor

from labkit.core import check_count, is_number
from labkit.tasks.family import Portrait, Predictor, TaskBatch
from labkit.tasks.zoo.solved import Method, StepSize, check_method, check_theta, step_size
from labkit.tasks.zoo.tangents import loss_portrait


@final
@dataclass(frozen=True, slots=True, eq=False)
class Quadratics:
    """p(T) of a few tasks L_i(θ) = (θ − c_i)ᵀA_i(θ − c_i)/2, which come in turn.

    The model is `parameter_vector`. With M_i = I − diag(α) A_i, K inner steps lead to
    θ_K − c_i = M_iᴷ(θ − c_i), so each method moves θ by W_i(θ − c_i):

    exact W = (Mᴷ)ᵀ A Mᴷ, first order W = A Mᴷ, Reptile W = I − Mᴷ, joint W = A.

    All end at θ* = (ΣW_i)⁻¹ ΣW_i c_i, if β is small enough: SGD multiplies θ − θ* by I − β W̄.

    Args:
        curvatures: A_i, symmetric, (tasks, size, size).
        minima: c_i, (tasks, size).
        names: What each task is called; () for "task 1" and so on.
        shots: The support loss has its minimum at the mean of so many readings of c_i, ≥ 1.
        error: Standard deviation of a reading in each direction, ≥ 0. With 0 support and query
            are equal, and `shots` changes nothing. θ* does not depend on it.

    Raises:
        ValueError: The shapes do not fit, a matrix is not symmetric, or a number is out of range.

    Source:
        The algorithms applied to a quadratic; M_k of Finn et al. 2017, arXiv:1703.03400, §2.2.

    Example:
        >>> family = two_rails()
        >>> [round(family.fixed_point(m, alpha=0.2, inner_steps=1).item(), 6) for m in
        ...  ("exact", "first order", "joint")]
        [0.2, 0.5, 0.8]
        >>> round(family.largest_beta("first order", alpha=0.2, inner_steps=1), 6)
        2.5
    """

    curvatures: Tensor
    minima: Tensor
    names: tuple[str, ...] = ()
    shots: int = 1
    error: float = 0.0

    def __post_init__(self) -> None:
        check_count("shots", self.shots, 1)
        if not is_number(self.error) or not 0 <= self.error < float("inf"):
            raise ValueError(f"error must be a finite number ≥ 0, got {self.error!r}")
        matrices = torch.as_tensor(self.curvatures, dtype=torch.float64)
        minima = torch.as_tensor(self.minima, dtype=torch.float64)
        fits = minima.ndim == 2 and matrices.shape == (*minima.shape, minima.shape[-1])
        if not fits or not minima.numel():
            raise ValueError(
                "curvatures must have shape (tasks, size, size) and minima (tasks, size), got "
                f"{tuple(matrices.shape)} and {tuple(minima.shape)}"
            )
        if not (matrices.isfinite().all() and minima.isfinite().all()):
            raise ValueError("curvatures and minima must be finite")
        if not torch.equal(matrices, matrices.mT):
            raise ValueError("each curvature must be a symmetric matrix")
        names = tuple(self.names) or tuple(f"task {i + 1}" for i in range(len(minima)))
        if len(names) != len(minima):
            raise ValueError(f"expected {len(minima)} names, one a task, got {len(names)}")
        for name, value in (("curvatures", matrices), ("minima", minima), ("names", names)):
            object.__setattr__(self, name, value)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """The tasks in turn; support and query are dicts of curvature and minimum."""
        check_count("tasks", tasks, 1)
        index = torch.arange(tasks) % len(self.minima)
        curvature, minimum = self.curvatures[index], self.minima[index]
        off = torch.randn(minimum.shape, generator=generator, dtype=minimum.dtype)
        readings = minimum + off * (self.error / self.shots**0.5)
        return TaskBatch(
            support={"curvature": curvature, "minimum": readings},
            query={"curvature": curvature, "minimum": minimum},
            info={"task": index},
        )

    def loss(self, predict: Predictor, batch: dict[str, Tensor]) -> Tensor:
        """(θ − c)ᵀA(θ − c)/2 with θ = predict()."""
        off = predict() - batch["minimum"]
        loss: Tensor = off @ batch["curvature"] @ off / 2
        return loss

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> Portrait | None:
        """For one parameter: the task's loss over θ, and its tangent at each θ_k."""
        if self.minima.shape[1] > 1:
            return None
        number = int(task.info["task"])
        c, a = self.minima[number, 0], self.curvatures[number, 0, 0]
        return loss_portrait(
            lambda theta: a * (theta - c) ** 2 / 2,
            lambda theta: a * (theta - c),
            torch.stack([predict().detach()[0] for predict in predictors]),
            centre=task.support["minimum"].reshape(1),
            around=self.minima[:, 0],
            title=self.names[number],
        )

    def directions(
        self, method: Method, theta: Tensor, *, alpha: StepSize, inner_steps: int
    ) -> Tensor:
        """W_i(θ − c_i), (tasks, size)."""
        check_theta(theta, self.minima.shape[1], inner_steps)
        weights = self._weights(method, alpha, inner_steps)
        return torch.einsum("tij,tj->ti", weights, theta.detach().to(self.minima) - self.minima)

    def fixed_point(self, method: Method, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """θ* = (ΣW_i)⁻¹ ΣW_i c_i, (size,).

        Raises:
            ValueError: ΣW_i is singular: θ* is not one point.
        """
        weights = self._weights(method, alpha, inner_steps)
        total = weights.sum(0)
        if torch.linalg.matrix_rank(total, rtol=1e-12) < len(total):
            raise ValueError(
                f"{method} with alpha={alpha!r} and {inner_steps} inner steps has no single fixed "
                "point: the mean of its weights is singular"
            )
        pull = torch.einsum("tij,tj->i", weights, self.minima)
        end: Tensor = torch.linalg.solve(total, pull)
        return end

    def largest_beta(self, method: Method, *, alpha: StepSize, inner_steps: int) -> float:
        """Min 2 Re λ/|λ|² over the eigenvalues λ of W̄; 0 if one has Re λ ≤ 0, ∞ if all are 0."""
        values = torch.linalg.eigvals(self._weights(method, alpha, inner_steps).mean(0))
        return largest_step(values)

    def loss_after(self, theta: Tensor, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """[δᵀ(Mᴷ)ᵀA Mᴷδ + error²/shots · tr((I − Mᴷ)ᵀA(I − Mᴷ))]/2 with δ = θ − c, (tasks,)."""
        check_theta(theta, self.minima.shape[1], inner_steps)
        power = self._power(alpha, inner_steps)
        off = theta.detach().to(self.minima) - self.minima
        end = torch.einsum("tij,tj->ti", power, off)
        rest = torch.eye(len(theta), dtype=power.dtype) - power
        spread = torch.einsum("tji,tjk,tki->t", rest, self.curvatures, rest)
        return (
            torch.einsum("ti,tij,tj->t", end, self.curvatures, end)
            + self.error**2 / self.shots * spread
        ) / 2

    def curvature(self, theta: Tensor, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """The eigenvalue of diag(α) A of the largest size, the same at each step, (tasks, K)."""
        check_theta(theta, self.minima.shape[1], inner_steps)
        values = torch.linalg.eigvals(self._scaled(alpha)).real  # of √α A √α: real for α ≥ 0
        largest = values.gather(1, values.abs().argmax(1, keepdim=True))
        each: Tensor = largest.expand(-1, inner_steps)
        return each

    def best_alpha(self, theta: Tensor, *, per_element: bool = False) -> Tensor:
        """The α that makes the mean loss after one step from θ smallest, where `error` is 0.

        With g_i = A_i(θ − c_i): one number Σ g_iᵀg_i / Σ g_iᵀA_ig_i, 0-d; or, per element, the
        solution (size,) of Σ (g_i g_iᵀ ⊙ A_i) α = Σ g_i ⊙ g_i.

        Source:
            Li, Zhou, Chen, Li 2017, arXiv:1707.09835, learn it by gradient descent (Meta-SGD).

        Example:
            >>> family = two_curvatures()
            >>> family.best_alpha(torch.zeros(2)).item() * 65  # of a = 1, 4: Σa²/Σa³ = 17/65
            17.0
            >>> family.best_alpha(torch.zeros(2), per_element=True)  # 1/a
            tensor([1.0000, 0.2500], dtype=torch.float64)
        """
        check_theta(theta, self.minima.shape[1], 1)
        slope = self.directions("joint", theta, alpha=0.0, inner_steps=0)
        outer = torch.einsum("ti,tij,tj->ij", slope, self.curvatures, slope)
        squares = (slope * slope).sum(0)
        if per_element:
            best: Tensor = torch.linalg.solve(outer, squares)
            return best
        return squares.sum() / outer.sum()

    def _scaled(self, alpha: StepSize) -> Tensor:
        """diag(α) A_i, (tasks, size, size)."""
        return step_size(alpha, self.minima.shape[1])[:, None] * self.curvatures

    def _power(self, alpha: StepSize, inner_steps: int) -> Tensor:
        """M_iᴷ, (tasks, size, size)."""
        size = self.minima.shape[1]
        eye = torch.eye(size, dtype=torch.float64)
        power: Tensor = torch.linalg.matrix_power(eye - self._scaled(alpha), inner_steps)
        return power

    def _weights(self, method: Method, alpha: StepSize, inner_steps: int) -> Tensor:
        """W_i, (tasks, size, size)."""
        check_method(method)
        check_count("inner_steps", inner_steps, 0)
        power = self._power(alpha, inner_steps)
        weights: dict[str, Any] = {
            "exact": lambda: power.mT @ self.curvatures @ power,
            "first order": lambda: self.curvatures @ power,
            "Reptile": lambda: torch.eye(power.shape[-1], dtype=power.dtype) - power,
            "joint": lambda: self.curvatures,
        }
        chosen: Tensor = weights[method]()
        return chosen


def largest_step(values: Tensor) -> float:
    """Below which step size I − β W̄ shrinks everything, from the eigenvalues of W̄."""
    if (values.real <= 0).any():
        return 0.0
    return float((2 * values.real / values.abs() ** 2).min())


def two_rails(shots: int = 1, error: float = 0.0) -> Quadratics:
    """A flat task, θ²/2, and a steep one, 2(θ − 1)², of one parameter.

    At α = 0.2 and K = 1 exact MAML ends at 1/5, first-order MAML at 1/2 and joint training at 4/5.
    For α > 5/17 first-order MAML diverges whatever β is, although each task alone converges.

    Args:
        shots: As for `Quadratics`, and so is `error`.
        error: Standard deviation of a reading.

    Example:
        >>> two_rails().largest_beta("first order", alpha=0.3, inner_steps=1)
        0.0
    """
    return Quadratics(
        torch.tensor([[[1.0]], [[4.0]]]),
        torch.tensor([[0.0], [1.0]]),
        ("flat", "steep"),
        shots,
        error,
    )


def two_curvatures(shots: int = 1, error: float = 0.0) -> Quadratics:
    """(θ₁ − c₁)²/2 + 2(θ₂ − c₂)² for the four c in {−1, 1}²: no single α suits both directions.

    From θ = 0 the best single α, 17/65, leaves 36/325 of the loss after one step, and one α for
    each element, (1, 1/4), leaves nothing.

    Args:
        shots: As for `Quadratics`, and so is `error`.
        error: Standard deviation of a reading.

    Example:
        >>> two_curvatures().names
        ('(−1, −1)', '(−1, 1)', '(1, −1)', '(1, 1)')
    """
    corners = [(x, y) for x in (-1.0, 1.0) for y in (-1.0, 1.0)]
    return Quadratics(
        torch.diag(torch.tensor([1.0, 4.0])).expand(4, 2, 2),
        torch.tensor(corners),
        tuple(f"({x:.0f}, {y:.0f})".replace("-", "−") for x, y in corners),
        shots,
        error,
    )


def coupled_quadratics(shots: int = 1, error: float = 0.0) -> Quadratics:
    """Three valleys of two parameters, of curvature 4 across and ½ along, that point three ways.

    The long axes are 60° apart, so the Hessians do not commute: the directions of exact MAML,
    first-order MAML and Reptile differ by an angle, which one parameter cannot show.

    Args:
        shots: As for `Quadratics`, and so is `error`.
        error: Standard deviation of a reading.

    Example:
        >>> a, b, _ = coupled_quadratics().curvatures
        >>> bool((a @ b - b @ a).abs().max() > 1)
        True
    """
    matrices, minima = [], [(1.0, 0.0), (-0.5, 1.0), (0.0, -0.5)]
    for degrees in (0, 60, 120):
        across = pi * (degrees + 90) / 180
        normal = torch.tensor([cos(across), sin(across)], dtype=torch.float64)
        matrices.append(0.5 * torch.eye(2, dtype=torch.float64) + 3.5 * torch.outer(normal, normal))
    return Quadratics(
        torch.stack(matrices), torch.tensor(minima), ("0°", "60°", "120°"), shots, error
    )
