"""What turns an inner gradient into an inner step: plain descent, momentum, Adam."""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, final

import torch
from torch import Tensor

from labkit.core.checks import check_positive, is_number
from labkit.core.types import Params

OptimizerState: TypeAlias = dict[str, Params]
"""What an inner optimiser remembers between inner steps: name → one tensor per parameter."""


class InnerOptimizer(ABC):
    """θ_{k+1} = θ_k − α_k ⊙ d_k, where d_k comes from the gradients so far; differentiable.

    For one of your own, define `start` and `direction`; a `direction` without its last argument
    does too.

    Example:
        A pull back to θ_0: d_k = g_k + λ(θ_k − θ_0).

        >>> class Proximal(InnerOptimizer):
        ...     def start(self, params):
        ...         return {"anchor": params}
        ...     def direction(self, gradient, state, step, params):
        ...         anchor = state["anchor"]
        ...         pull = {n: g + 0.5 * (params[n] - anchor[n]) for n, g in gradient.items()}
        ...         return pull, state
        >>> from labkit.core import adapt
        >>> loss = lambda p, c: (p["w"] - c) ** 2 / 2
        >>> theta, c = {"w": torch.tensor(0.0)}, torch.tensor(1.0)
        >>> adapt(loss, theta, c, alpha=0.5, inner_steps=2, inner_optimizer=Proximal()).params["w"]
        tensor(0.6250)
    """

    __slots__ = ()

    @abstractmethod
    def start(self, params: Params) -> OptimizerState:
        """The state before the first inner step; every adaptation starts from it."""

    @abstractmethod
    def direction(
        self, gradient: Params, state: OptimizerState, step: int, params: Params
    ) -> tuple[Params, OptimizerState]:
        """d_k and the new state, from the gradient at θ_k, step k ≥ 0, and θ_k.

        The parameters are those that adapt. With order 1 they count as constants here, as the
        gradient does.
        """


@final
@dataclass(frozen=True, slots=True)
class GradientDescent(InnerOptimizer):
    """Plain gradient descent, as in the paper: d_k = g_k.

    Args:
        clip: Longest gradient, in units of the gradient; g ← g · min(1, clip/‖g‖) over all adapted
            parameters together. None does not clip.
        weight_decay: λ ≥ 0; after clipping, g ← g + λθ_k, as in `torch.optim`.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, eq. 1.
    """

    clip: float | None = None
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_clip(self.clip)
        _check_weight_decay(self.weight_decay)

    def start(self, params: Params) -> OptimizerState:  # noqa: ARG002
        """Nothing to remember."""
        return {}

    def direction(
        self,
        gradient: Params,
        state: OptimizerState,
        step: int,  # noqa: ARG002
        params: Params,
    ) -> tuple[Params, OptimizerState]:
        """The gradient, clipped, with decay."""
        return _prepared(self, gradient, params), state


@final
@dataclass(frozen=True, slots=True)
class Momentum(InnerOptimizer):
    """Heavy-ball momentum: v_k = μ v_{k−1} + g_k with v_{−1} = 0, and d_k = v_k.

    Args:
        momentum: μ, in [0, 1).
        clip: As for `GradientDescent`.
        weight_decay: As for `GradientDescent`.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Polyak 1964; the same form as `torch.optim.SGD(momentum=μ)`.

    Example:
        With a gradient that is always 1, the directions are 1, 1 + μ, 1 + μ + μ².

        >>> optimizer, g = Momentum(0.5), {"w": torch.tensor(1.0)}
        >>> state = optimizer.start(g)
        >>> for step in range(3):
        ...     d, state = optimizer.direction(g, state, step, g)
        >>> d["w"]
        tensor(1.7500)
    """

    momentum: float = 0.9
    clip: float | None = None
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_share("momentum", self.momentum)
        _check_clip(self.clip)
        _check_weight_decay(self.weight_decay)

    def start(self, params: Params) -> OptimizerState:
        """V = 0."""
        return {"velocity": {name: torch.zeros_like(p) for name, p in params.items()}}

    def direction(
        self,
        gradient: Params,
        state: OptimizerState,
        step: int,  # noqa: ARG002
        params: Params,
    ) -> tuple[Params, OptimizerState]:
        """v_k = μ v_{k−1} + g_k."""
        g = _prepared(self, gradient, params)
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
        weight_decay: As for `GradientDescent`.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Kingma, Ba 2015, arXiv:1412.6980, Algorithm 1, with ε moved under the root.

    Example:
        The first direction is g/√(g² + ε²), whatever the size of g.

        >>> optimizer, g = Adam(), {"w": torch.tensor([-3.0, 0.0, 0.5])}
        >>> optimizer.direction(g, optimizer.start(g), 0, g)[0]["w"]
        tensor([-1.,  0.,  1.])
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip: float | None = None
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_weight_decay(self.weight_decay)
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
        self, gradient: Params, state: OptimizerState, step: int, params: Params
    ) -> tuple[Params, OptimizerState]:
        """m̂_k / √(v̂_k + ε²)."""
        g = _prepared(self, gradient, params)
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


def direction_of(
    optimizer: InnerOptimizer, gradient: Params, state: OptimizerState, step: int, params: Params
) -> tuple[Params, OptimizerState]:
    """d_k and the new state, also of an optimiser whose `direction` does not ask for θ_k."""
    if _sees_params(type(optimizer)):
        return optimizer.direction(gradient, state, step, params)
    return optimizer.direction(gradient, state, step)  # type: ignore[call-arg]


@lru_cache
def _sees_params(kind: type[InnerOptimizer]) -> bool:
    arguments = inspect.signature(kind.direction).parameters
    variadic = any(a.kind is inspect.Parameter.VAR_POSITIONAL for a in arguments.values())
    return variadic or len(arguments) > len(("self", "gradient", "state", "step"))


def _prepared(
    optimizer: "GradientDescent | Momentum | Adam", gradient: Params, params: Params
) -> Params:
    """The gradient, clipped and then with weight decay."""
    gradient = clipped(gradient, optimizer.clip)
    decay = optimizer.weight_decay
    return {n: g + decay * params[n] for n, g in gradient.items()} if decay else gradient


def _check_weight_decay(value: float) -> None:
    if not is_number(value) or not 0 <= value < float("inf"):
        raise ValueError(f"weight_decay must be a finite number ≥ 0, got {value!r}")


def _squared(g: Tensor) -> Tensor:
    return (g * g.conj()).real if g.is_complex() else g * g


def _check_clip(clip: float | None) -> None:
    if clip is not None:
        check_positive("clip", clip)


def _check_share(name: str, value: float) -> None:
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}")
