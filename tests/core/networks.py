"""Small smooth networks in float64, and MAML on them written out with torch.autograd."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, linear, mse_loss
from torch.utils._pytree import tree_map

from labkit.core.types import Batch, LossFn, Params

Problem: TypeAlias = tuple[LossFn, Params, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]
"""A loss, θ, and the support and query data (x, y) of some tasks."""

WAYS = 3


class Curved(nn.Module):
    """A network whose Hessian changes along the inner path, with a tied and an unused parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Linear(3, 3)
        self.third = nn.Linear(3, 2)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.second(torch.tanh(self.first(x))))
        hidden = torch.tanh(linear(hidden, self.second.weight))
        out: Tensor = self.third(hidden)
        return out


class Classifier:
    """The cross-entropy of a linear head on tanh features."""

    def __call__(self, params: Params, batch: Batch) -> Tensor:
        features, labels = self.embed(params, batch, "head.weight")
        return cross_entropy(linear(features, params["head.weight"], params["head.bias"]), labels)

    def embed(self, params: Params, batch: Batch, head: str) -> tuple[Tensor, Tensor]:
        assert head == "head.weight"
        x, labels = batch
        return torch.tanh(linear(x, params["body.weight"], params["body.bias"])), labels


def curved_problem(tasks: int = 3, seed: int = 3) -> Problem:
    """Smooth regression."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        net = Curved().double()
    params = {
        name: 0.7 * torch.randn(p.shape, generator=generator, dtype=torch.float64)
        for name, p in net.named_parameters()
    }

    def draw(points: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(tasks, points, 2, generator=generator, dtype=torch.float64)
        return x, torch.sin(2 * x) + x.flip(-1)

    def loss(p: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
        return mse_loss(functional_call(net, p, (batch[0],)), batch[1])

    return loss, params, draw(5), draw(4)


def classification_problem(tasks: int = 3, seed: int = 5) -> Problem:
    """Points around one centre per class of each task; parameters body.* and head.*."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    centres = 2 * normal(tasks, WAYS, 2)
    shapes = {"body.weight": (4, 2), "body.bias": (4,), "head.weight": (WAYS, 4), "head.bias": (3,)}

    def draw(points: int) -> tuple[Tensor, Tensor]:
        labels = (torch.arange(points) % WAYS).expand(tasks, points)
        return centres[:, labels[0]] + normal(tasks, points, 2), labels

    return Classifier(), {n: normal(*shape) for n, shape in shapes.items()}, draw(7), draw(6)


def one_task(batch: Batch, task: int) -> Batch:
    """The data of one task, without a task axis."""
    return tree_map(lambda tensor: tensor[task], batch)


def descend(
    loss_fn: LossFn,
    theta: Params,
    task: Batch,
    alpha: float | Tensor,
    steps: int,
    *,
    order: int = 1,
    moving: str = "",
) -> Params:
    """θ_K by K plain steps on the parameters whose names begin with `moving`."""
    for _ in range(steps):
        names = [name for name in theta if name.startswith(moving)]
        grads = torch.autograd.grad(
            loss_fn(theta, task),
            [theta[name] for name in names],
            create_graph=order == 2,
            allow_unused=True,
        )
        for name, gradient in zip(names, grads, strict=True):
            if gradient is not None:
                theta = {**theta, name: theta[name] - alpha * gradient}
    return theta


def unrolled(
    problem: Problem,
    alpha: float,
    steps: int,
    order: int,
    *,
    moving: str = "",
    start: Callable[[Params, Batch], Params] = lambda theta, _: theta,
) -> tuple[Tensor, Params, Tensor]:
    """The mean query loss after adaptation, one task at a time, and its gradients in θ and α."""
    loss_fn, params, support, query = problem
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    size = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    total = torch.zeros((), dtype=torch.float64)
    for task in range(len(query[0])):
        data = one_task(support, task)
        end = descend(loss_fn, start(leaves, data), data, size, steps, order=order, moving=moving)
        total = total + loss_fn(end, one_task(query, task)) / len(query[0])
    grads: tuple[Any, ...] = torch.autograd.grad(
        total, [*leaves.values(), size], allow_unused=True, materialize_grads=True
    )
    return total.detach(), dict(zip(leaves, grads[:-1], strict=True)), grads[-1]
