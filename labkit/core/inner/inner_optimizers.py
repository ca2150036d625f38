"""What turns an inner gradient into an inner step: plain descent, momentum, Adam; with clipping."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias, final

import torch
from torch import Tensor

from labkit.core.checks import check_positive, is_number
from labkit.core.types import Params

OptimizerState: TypeAlias = dict[str, Params]
"""What an inner optimiser remembers between inner steps: name → one tensor per parameter."""


class InnerOptimizer(ABC):
    """θ_{k+1} = θ_k − α_k ⊙ d_k, where d_k comes from the gradients so far; differentiable."""

    __slots__ = ()

    @abstractmethod
    def start(self, params: Params) -> OptimizerState:
        """The state before the first inner step; every adaptation starts from it."""

    @abstractmethod
    def direction(
        self, gradient: Params, state: OptimizerState, step: int
    ) -> tuple[Params, OptimizerState]:
        """d_k and the new state, from the gradient at θ_k and step k ≥ 0."""


@final
@dataclass(frozen=True, slots=True)
class GradientDescent(InnerOptimizer):
    """Plain gradient descent, as in the paper: d_k = g_k.

    Args:
        clip: Longest gradient, in units of the gradient; g ← g · min(1, clip/‖g‖) over all adapted
            parameters together. None does not clip.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, eq. 1.
    """

    clip: float | None = None

    def __post_init__(self) -> None:
        _check_clip(self.clip)

    def start(self, params: Params) -> OptimizerState:  # noqa: ARG002
        """Nothing to remember."""
        return {}

    def direction(
        self,
        gradient: Params,
        state: OptimizerState,
        step: int,  # noqa: ARG002
    ) -> tuple[Params, OptimizerState]:
        """The gradient, clipped."""
        return clipped(gradient, self.clip), state


@final
@dataclass(frozen=True, slots=True)
class Momentum(InnerOptimizer):
    """Heavy-ball momentum: v_k = μ v_{k−1} + g_k with v_{−1} = 0, and d_k = v_k.

    Args:
        momentum: μ, in [0, 1).
        clip: As for `GradientDescent`.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Polyak 1964; the same form as `torch.optim.SGD(momentum=μ)`.

    Example:
        With a gradient that is always 1, the directions are 1, 1 + μ, 1 + μ + μ².

        >>> optimizer, g = Momentum(0.5), {"w": torch.tensor(1.0)}
        >>> state = optimizer.start(g)
        >>> for step in range(3):
        ...     d, state = optimizer.direction(g, state, step)
        >>> d["w"]
        tensor(1.7500)
    """

    momentum: float = 0.9
    clip: float | None = None

    def __post_init__(self) -> None:
        _check_share("momentum", self.momentum)
        _check_clip(self.clip)

    def start(self, params: Params) -> OptimizerState:
        """V = 0."""
        return {"velocity": {name: torch.zeros_like(p) for name, p in params.items()}}

    def direction(
        self,
        gradient: Params,
        state: OptimizerState,
        step: int,  # noqa: ARG002
    ) -> tuple[Params, OptimizerState]:
        """v_k = μ v_{k−1} + g_k."""
        g = clipped(gradient, self.clip)
        velocity = {name: self.momentum * v + g[name] for name, v in state["velocity"].items()}
        return velocity, {"velocity": velocity}


@final
@dataclass(frozen=True, slots=True)
class Adam(InnerOptimizer):
    """Adam in the inner loop: d_k = m̂_k / √(v̂_k + ε²).

    m_k = β₁ m_{k−1} + (1 − β₁) g_k, v_k = β₂ v_{k−1} + (1 − β₂) |g_k|², each divided by
    1 − βᵢ^{k+1}. ε is under the root, so d is differentiable where a gradient is 0.

    Args:
        beta1: β₁, in [0, 1).
        beta2: β₂, in [0, 1).
        epsilon: ε > 0, in units of the gradient.
        clip: As for `GradientDescent`.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Kingma, Ba 2015, arXiv:1412.6980, Algorithm 1, with ε moved under the root.

    Example:
        The first direction is g/√(g² + ε²), whatever the size of g.

        >>> optimizer, g = Adam(), {"w": torch.tensor([-3.0, 0.0, 0.5])}
        >>> optimizer.direction(g, optimizer.start(g), step=0)[0]["w"]
        tensor([-1.,  0.,  1.])
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip: float | None = None

    def __post_init__(self) -> None:
        _check_share("beta1", self.beta1)
        _check_share("beta2", self.beta2)
        check_positive("epsilon", self.epsilon)
        _check_clip(self.clip)

    def start(self, params: Params) -> OptimizerState:
        """M = v = 0; v is real also where a parameter is complex."""
        return {
            "first": {name: torch.zeros_like(p) for name, p in params.items()},
            "second": {name: torch.zeros_like(p.real) for name, p in params.items()},
        }

    def direction(
        self, gradient: Params, state: OptimizerState, step: int
    ) -> tuple[Params, OptimizerState]:
        """m̂_k / √(v̂_k + ε²)."""
        g = clipped(gradient, self.clip)
        first = {n: self.beta1 * m + (1 - self.beta1) * g[n] for n, m in state["first"].items()}
        second = {
            n: self.beta2 * v + (1 - self.beta2) * _squared(g[n])
            for n, v in state["second"].items()
        }
        bias1, bias2 = 1 - self.beta1 ** (step + 1), 1 - self.beta2 ** (step + 1)
        direction = {
            n: m / bias1 / torch.sqrt(second[n] / bias2 + self.epsilon**2) for n, m in first.items()
        }
        return direction, {"first": first, "second": second}


def check_inner_optimizer(optimizer: object) -> None:
    """Raise ValueError unless this is an `InnerOptimizer`."""
    if not isinstance(optimizer, InnerOptimizer):
        raise ValueError(
            "inner_optimizer must be GradientDescent(), Momentum() or Adam() (or an InnerOptimizer "
            f"of yours), got {optimizer!r}"
        )


def clipped(gradient: Params, clip: float | None) -> Params:
    """The gradient, shortened to norm `clip` over all tensors together if it is longer."""
    if clip is None:
        return gradient
    squares = torch.stack([_squared(g).sum() for g in gradient.values()]).sum()
    # by the square, since the norm itself has no derivative at 0
    scale = clip * torch.rsqrt(torch.clamp(squares, min=clip**2))
    return {name: g * scale.to(g.dtype) for name, g in gradient.items()}


def _squared(g: Tensor) -> Tensor:
    return (g * g.conj()).real if g.is_complex() else g * g


def _check_clip(clip: float | None) -> None:
    if clip is not None:
        check_positive("clip", clip)


def _check_share(name: str, value: float) -> None:
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}")
