"""Steps of a policy on data it has drawn before: TRPO, and PPO with a penalty on the divergence.

Both take an objective L(θ) and a divergence D(θ) ≥ 0 from the present policy, of fixed data, and
call them as often as they need.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias, final

import torch
from torch import Tensor
from torch.func import grad, vjp

from labkit.core.checks import check_count, check_positive, is_number
from labkit.core.linalg import conjugate_gradient, inner_product
from labkit.core.types import Params

Function: TypeAlias = Callable[[Params], Tensor]
"""θ → 0-d tensor."""


class PolicySearch(ABC):
    """A meta-optimiser that looks at the objective of fixed data several times in a step."""

    __slots__ = ()

    @abstractmethod
    def search(
        self, objective: Function, divergence: Function, params: Params, beta: float
    ) -> Params:
        """The next θ.

        Args:
            objective: L, a loss.
            divergence: D, a mean KL divergence; 0 with a gradient of 0 at `params`.
            params: θ.
            beta: β.
        """


def fisher_product(divergence: Function, params: Params) -> Callable[[Params], Params]:
    """V ↦ F v, with F the Hessian of a divergence at its minimum, by two backward passes.

    Of a mean KL divergence from the policy at θ itself, F is the Fisher matrix.

    Args:
        divergence: θ → D(θ), 0-d.
        params: θ.

    Source:
        Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147; Schulman et al. 2015, arXiv:1502.05477,
        appendix C.

    Example:
        D = (3w)²/2 has F = 9.

        >>> product = fisher_product(lambda p: (3 * p["w"]) ** 2 / 2, {"w": torch.tensor(0.0)})
        >>> product({"w": torch.tensor(2.0)})
        {'w': tensor(18.)}
    """
    pull = vjp(grad(divergence), params)[1]

    def product(vector: Params) -> Params:
        image: Params = pull(vector)[0]
        return image

    return product


@final
@dataclass(frozen=True, slots=True)
class TRPO(PolicySearch):
    """The natural gradient step to the edge of a trust region, shortened until L has fallen.

    x solves F x = ∇L by conjugate gradients, with F the Fisher matrix; θ − s √(2δ / xᵀF x) x with
    the largest s = 1, r, r² … at which L is lower and D ≤ δ. Where there is none, θ stays. β is
    not used.

    Args:
        max_kl: δ > 0, largest mean KL divergence of the adapted policies.
        cg_steps: Conjugate-gradient steps, ≥ 1.
        damping: Added to F, > 0.
        backtracks: Shorter steps that are tried, ≥ 0.
        shrink: r, between 0 and 1.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Schulman, Levine, Moritz, Jordan, Abbeel 2015, arXiv:1502.05477, appendix C; as the
        meta-optimiser: Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3 (δ = 0.01).

    Example:
        L = w and D = w²/2: F = 1, and the edge of D ≤ 0.02 is at 0.2.

        >>> trpo = TRPO(max_kl=0.02, damping=1e-9)
        >>> theta = {"w": torch.tensor(0.0, dtype=torch.float64)}
        >>> step = trpo.search(lambda p: p["w"], lambda p: p["w"] ** 2 / 2, theta, 1.0)
        >>> round(float(step["w"]), 6)
        -0.2
    """

    max_kl: float = 0.01
    cg_steps: int = 10
    damping: float = 1e-5
    backtracks: int = 15
    shrink: float = 0.8

    def __post_init__(self) -> None:
        for name in ("max_kl", "damping"):
            check_positive(name, getattr(self, name))
        check_count("cg_steps", self.cg_steps, 1)
        check_count("backtracks", self.backtracks, 0)
        if not is_number(self.shrink) or not 0 < self.shrink < 1:
            raise ValueError(f"shrink must be a number between 0 and 1, got {self.shrink!r}")

    def search(
        self,
        objective: Function,
        divergence: Function,
        params: Params,
        beta: float,  # noqa: ARG002
    ) -> Params:
        """The next θ."""
        gradient, before = torch.func.grad_and_value(objective)(params)
        product = fisher_product(divergence, params)

        def damped(vector: Params) -> Params:
            return {n: v + self.damping * vector[n] for n, v in product(vector).items()}

        direction = conjugate_gradient(damped, gradient, self.cg_steps)
        curvature = inner_product(direction, damped(direction))
        if not curvature > 0:  # there is no way down, or a number is not finite
            return params
        length = float((2 * self.max_kl / curvature).sqrt())
        for tries in range(self.backtracks + 1):
            size = length * self.shrink**tries
            step = {name: p - size * direction[name] for name, p in params.items()}
            with torch.no_grad():
                if objective(step) < before and divergence(step) <= self.max_kl:
                    return step
        return params


@final
@dataclass(frozen=True, slots=True)
class PPO(PolicySearch):
    """Several steps of Adam on L + κ D, with the same data.

    Each search starts Adam without memory, with β as its step size. A step is the last where the
    divergence has passed `max_kl`.

    Args:
        updates: Steps on the same data, ≥ 1.
        kl_penalty: κ ≥ 0.
        max_kl: Divergence after which no more steps are taken, > 0.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Schulman, Wolski, Dhariwal, Radford, Klimov 2017, arXiv:1707.06347, §4; with a
        meta-gradient: Rothfuss et al. 2019, arXiv:1810.06784.

    Example:
        The first step of Adam has length β.

        >>> theta = {"w": torch.tensor(0.0)}
        >>> PPO(updates=1).search(lambda p: p["w"], lambda p: p["w"] ** 2, theta, 0.5)["w"]
        tensor(-0.5000)
    """

    updates: int = 5
    kl_penalty: float = 1.0
    max_kl: float = 0.03

    def __post_init__(self) -> None:
        check_count("updates", self.updates, 1)
        check_positive("max_kl", self.max_kl)
        penalty = self.kl_penalty
        if not is_number(penalty) or not isfinite(penalty) or penalty < 0:
            raise ValueError(f"kl_penalty must be a finite number ≥ 0, got {penalty!r}")

    def search(
        self, objective: Function, divergence: Function, params: Params, beta: float
    ) -> Params:
        """The next θ."""
        parameters = {name: p.detach().clone().requires_grad_() for name, p in params.items()}
        adam = torch.optim.Adam(list(parameters.values()), lr=beta)

        def penalised(theta: Params) -> tuple[Tensor, Tensor]:
            apart = divergence(theta)
            return objective(theta) + self.kl_penalty * apart, apart

        for number in range(self.updates):
            here = {name: p.detach() for name, p in parameters.items()}
            gradient, (_, apart) = torch.func.grad_and_value(penalised, has_aux=True)(here)
            if number and not apart <= self.max_kl:
                break
            for name, parameter in parameters.items():
                parameter.grad = gradient[name]
            adam.step()
        return {name: p.detach() for name, p in parameters.items()}
