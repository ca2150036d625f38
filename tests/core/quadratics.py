"""Tasks whose meta-gradient is known in closed form.

L_support = ½(θ−c)ᵀA(θ−c), L_query = ½(θ−d)ᵀB(θ−d). With M_k = I − α_k A, g_k = A(θ_k − c) and
g_q = B(θ_K − d), the meta-gradient is M_0 M_1 … M_{K−1} g_q.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.core.types import Params

SIZE = 4


@dataclass(frozen=True)
class Quadratics:
    """A batch of quadratic tasks: matrices (tasks, size, size), centres (tasks, size)."""

    support: tuple[Tensor, Tensor]
    query: tuple[Tensor, Tensor]
    theta: Tensor

    @property
    def params(self) -> Params:
        """θ split over two names, which makes dicts matter."""
        return {"first": self.theta[:1], "rest": self.theta[1:].reshape(1, -1)}

    def task(self, i: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A, c, B, d of one task."""
        return (self.support[0][i], self.support[1][i], self.query[0][i], self.query[1][i])


def flat(params: Params) -> Tensor:
    """θ as one vector."""
    return torch.cat([params["first"].flatten(), params["rest"].flatten()])


def loss(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
    """½(θ−c)ᵀA(θ−c)."""
    matrix, centre = batch
    delta = flat(params) - centre
    return delta @ matrix @ delta / 2


def quadratics(tasks: int = 3, seed: int = 0) -> Quadratics:
    """Random tasks with symmetric matrices that do not commute, in float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def matrices() -> Tensor:
        root = draw(tasks, SIZE, SIZE)
        return root @ root.transpose(1, 2) / SIZE

    return Quadratics((matrices(), draw(tasks, SIZE)), (matrices(), draw(tasks, SIZE)), draw(SIZE))


def path_by_hand(problem: Quadratics, i: int, alphas: list[Tensor]) -> list[Tensor]:
    """θ_0 … θ_K for one task; each entry of `alphas` broadcasts against θ."""
    a, c, _, _ = problem.task(i)
    path = [problem.theta]
    for alpha in alphas:
        path.append(path[-1] - alpha * (a @ (path[-1] - c)))
    return path
