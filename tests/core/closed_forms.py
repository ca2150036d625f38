"""Losses differentiated by hand, and what every algorithm makes of them, in numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from labkit.core.types import Batch, LossFn, Params

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Data: TypeAlias = dict[str, Array]

SHAPES = {"body": (2,), "head.weight": (2, 1), "head.bias": (2,)}
SIZE = sum(prod(shape) for shape in SHAPES.values())
IN_HEAD = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
TASKS = 3
MOST_STEPS = 5
LABELS = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 1]])  # (tasks, points): each has both classes


def split(vector: Array) -> dict[str, Array]:
    """A vector over θ as one array per parameter."""
    ends = np.cumsum([prod(shape) for shape in SHAPES.values()])[:-1]
    parts = zip(SHAPES.items(), np.split(vector, ends), strict=True)
    return {name: part.reshape(shape) for (name, shape), part in parts}


def tensors(arrays: Any) -> Any:
    """The same pytree with tensors in place of arrays."""
    return tree_map(torch.tensor, arrays)


class Term(Protocol):
    """A summand of a loss: its value, for numpy and torch alike, and its derivatives by hand."""

    def draw(self, rng: np.random.Generator, lead: tuple[int, ...]) -> Data: ...
    def value(self, theta: Any, data: Any, /) -> Any: ...
    def gradient(self, theta: Array, data: Data, /) -> Array: ...
    def hessian(self, theta: Array, data: Data, /) -> Array: ...


class Quadratic:
    """½(θ−c)ᵀA(θ−c), with matrices that do not commute."""

    def draw(self, rng: np.random.Generator, lead: tuple[int, ...]) -> Data:
        root = rng.normal(size=(*lead, SIZE, SIZE))
        matrix = np.eye(SIZE) / 2 + root @ root.swapaxes(-1, -2) / SIZE
        return {"matrix": matrix, "centre": rng.normal(size=(*lead, SIZE))}

    def value(self, theta: Any, data: Any, /) -> Any:
        delta = theta - data["centre"]
        return delta @ data["matrix"] @ delta / 2

    def gradient(self, theta: Array, data: Data, /) -> Array:
        return data["matrix"] @ (theta - data["centre"])

    def hessian(self, _: Array, data: Data, /) -> Array:
        return data["matrix"]


class Cubic:
    """Σ_i a_i (u_i·θ)³/6, whose Hessian is another one everywhere."""

    def draw(self, rng: np.random.Generator, lead: tuple[int, ...]) -> Data:
        directions = rng.normal(size=(*lead, 4, SIZE)) / np.sqrt(SIZE)
        return {"directions": directions, "weights": 0.4 * rng.normal(size=(*lead, 4))}

    def value(self, theta: Any, data: Any, /) -> Any:
        return (data["weights"] * (data["directions"] @ theta) ** 3).sum() / 6

    def gradient(self, theta: Array, data: Data, /) -> Array:
        along = data["directions"] @ theta
        return data["directions"].T @ (data["weights"] * along**2) / 2

    def hessian(self, theta: Array, data: Data, /) -> Array:
        along = data["directions"] @ theta
        return data["directions"].T @ np.diag(data["weights"] * along) @ data["directions"]


class Linear:
    """b·θ."""

    def draw(self, rng: np.random.Generator, lead: tuple[int, ...]) -> Data:
        return {"slope": rng.normal(size=(*lead, SIZE))}

    def value(self, theta: Any, data: Any, /) -> Any:
        return data["slope"] @ theta

    def gradient(self, _: Array, data: Data, /) -> Array:
        return data["slope"]

    def hessian(self, _theta: Array, _data: Data, /) -> Array:
        return np.zeros((SIZE, SIZE))


class LeastSquares:
    """‖Xθ − y‖²/2n."""

    def draw(self, rng: np.random.Generator, lead: tuple[int, ...]) -> Data:
        return {"x": rng.normal(size=(*lead, 8, SIZE)), "y": rng.normal(size=(*lead, 8))}

    def value(self, theta: Any, data: Any, /) -> Any:
        return ((data["x"] @ theta - data["y"]) ** 2).mean() / 2

    def gradient(self, theta: Array, data: Data, /) -> Array:
        return data["x"].T @ (data["x"] @ theta - data["y"]) / len(data["y"])

    def hessian(self, _: Array, data: Data, /) -> Array:
        return data["x"].T @ data["x"] / len(data["y"])


TERMS: dict[str, Term] = {
    "quadratic": Quadratic(),
    "cubic": Cubic(),
    "linear": Linear(),
    "least squares": LeastSquares(),
}


class TorchLoss:
    """The terms that a batch has data for, and features linear in the body."""

    def __call__(self, params: Params, batch: Batch) -> Tensor:
        theta = torch.cat([params[name].flatten() for name in SHAPES])
        values = [TERMS[name].value(theta, batch[name]) for name in TERMS if name in batch]
        return torch.stack(values).sum()

    def embed(self, params: Params, batch: Batch, head: str) -> tuple[Tensor, Tensor]:
        assert head == "head.weight"
        return (batch["points"] @ params["body"]).unsqueeze(-1), batch["labels"]


class TorchStepwiseLoss(TorchLoss):
    """The same with data of their own for every inner step."""

    def at_step(self, step: int) -> LossFn:
        def here(batch: Batch) -> Batch:
            return tree_map(lambda data: data[step], {n: batch[n] for n in TERMS if n in batch})

        return lambda params, batch: self(params, here(batch))


@dataclass(frozen=True)
class Losses:
    """The loss of every task, and if `stepwise` another one at every inner step."""

    data: dict[str, Data]  # arrays (tasks, steps, …) if stepwise, else (tasks, …)
    stepwise: bool

    def _sum(self, part: str, theta: Array, task: int, step: int) -> Any:
        at = (task, step) if self.stepwise else (task,)
        here = tree_map(lambda array: array[at], self.data)
        return sum(getattr(TERMS[name], part)(theta, here[name]) for name in here)

    def value(self, theta: Array, task: int, step: int) -> float:
        return float(self._sum("value", theta, task, step))

    def gradient(self, theta: Array, task: int, step: int) -> Array:
        return np.asarray(self._sum("gradient", theta, task, step))

    def hessian(self, theta: Array, task: int, step: int) -> Array:
        return np.asarray(self._sum("hessian", theta, task, step))


@dataclass(frozen=True)
class Family:
    """A batch of tasks, for torch as `loss`, `params` and `batches`."""

    support: Losses
    query: Losses
    theta: Array
    points: Array  # (tasks, points, 2)

    @property
    def loss(self) -> LossFn:
        return TorchStepwiseLoss() if self.support.stepwise else TorchLoss()

    @property
    def params(self) -> Params:
        return {name: torch.tensor(array) for name, array in split(self.theta).items()}

    @property
    def batches(self) -> tuple[Batch, Batch]:
        labelled = {"points": self.points, "labels": LABELS}
        return tensors({**self.support.data, **labelled}), tensors(self.query.data)


def draw_family(support: list[str], query: list[str], *, stepwise: bool = True) -> Family:
    """Random tasks whose support and query losses are sums of the named terms."""
    rng = np.random.default_rng(0)
    lead = (TASKS, MOST_STEPS + 1) if stepwise else (TASKS,)

    def draw(names: list[str]) -> Losses:
        return Losses({name: TERMS[name].draw(rng, lead) for name in names}, stepwise)

    points = rng.normal(size=(*LABELS.shape, 2))
    return Family(draw(support), draw(query), rng.normal(size=SIZE), points)


FAMILIES = {
    "quadratics": draw_family(["quadratic"], ["quadratic"]),
    "cubics": draw_family(["quadratic", "cubic"], ["quadratic", "cubic"]),
    "linear": draw_family(["linear"], ["quadratic"]),
    "least squares": draw_family(["least squares"], ["least squares"], stepwise=False),
}


@dataclass(frozen=True)
class Reference:
    """What an algorithm makes of one task."""

    gradient: Array  # ∂/∂θ, or what replaces it
    objective: float
    loss: float  # L_query(θ_K)
    alpha: Array | None = None  # ∂/∂α_k per element, (K, 6)


def descend(
    family: Family, task: int, start: Array, sizes: Array, pull: float = 0.0
) -> list[Array]:
    """θ_0 … θ_K by θ_{k+1} = θ_k − α_k ⊙ (g_k + λ (θ_k − θ_0)), from `sizes` (K, 6)."""
    path = [start]
    for k, alpha in enumerate(sizes):
        gradient = family.support.gradient(path[k], task, k) + pull * (path[k] - start)
        path.append(path[k] - alpha * gradient)
    return path


def unrolled(
    family: Family,
    task: int,
    start: Array,
    sizes: Array,
    order: int,
    weights: Sequence[float] | None = None,
) -> Reference:
    """λ_k = λ_{k+1} − H_k (α_k ⊙ λ_{k+1}) + w_k ∇L_query(θ_k), and ∂/∂α_k = −λ_{k+1} ⊙ g_k."""
    steps = len(sizes)
    w = [0.0] * steps + [1.0] if weights is None else [0.0, *weights]
    path = descend(family, task, start, sizes)
    lam = w[steps] * family.query.gradient(path[steps], task, steps)
    by_step = np.zeros_like(sizes)
    for k in reversed(range(steps)):
        by_step[k] = -lam * family.support.gradient(path[k], task, k)
        if order == 2:
            # α ⊙ comes before H: with α per element, I − diag(α) H is not symmetric
            lam = lam - family.support.hessian(path[k], task, k) @ (sizes[k] * lam)
        lam = lam + w[k] * family.query.gradient(path[k], task, k)
    losses = [family.query.value(theta, task, k) for k, theta in enumerate(path)]
    return Reference(lam, float(np.dot(w, losses)), losses[-1], by_step)


def anil(family: Family, task: int, sizes: Array, order: int) -> Reference:
    """MAML with α = 0 outside the head."""
    result = unrolled(family, task, family.theta, sizes * IN_HEAD, order)
    assert result.alpha is not None
    return replace(result, alpha=result.alpha * IN_HEAD)


def proto_maml(family: Family, task: int, sizes: Array, order: int) -> Reference:
    """MAML from θ_0 = (w, 2p, −p²), p_c = m_c·w with m_c the mean point of class c: Jᵀλ_0."""
    body, of_class = family.theta[:2], LABELS[task] == np.array([[0], [1]])  # (classes, points)
    means = of_class @ family.points[task] / of_class.sum(1, keepdims=True)
    p = means @ body
    jacobian = np.zeros((SIZE, SIZE))  # no column of the head: it is replaced
    jacobian[:, :2] = np.vstack([np.eye(2), 2 * means, -2 * p[:, None] * means])
    result = unrolled(family, task, np.concatenate([body, 2 * p, -(p**2)]), sizes, order)
    return replace(result, gradient=jacobian.T @ result.gradient)


def imaml(family: Family, task: int, sizes: Array, proximal: float) -> Reference:
    """(I + H/λ)⁻¹ ∇L_query at θ_K, the end of K steps under a pull back to θ."""
    steps = len(sizes)
    end = descend(family, task, family.theta, sizes, proximal)[-1]
    matrix = np.eye(SIZE) + family.support.hessian(end, task, steps) / proximal
    gradient = np.linalg.solve(matrix, family.query.gradient(end, task, steps))
    loss = family.query.value(end, task, steps)
    return Reference(gradient, loss, loss)


def without_query(family: Family, task: int, sizes: Array, *, move: bool) -> Reference:
    """Reptile, θ − θ_K, or, if nothing moves, a random initialisation, 0."""
    end = descend(family, task, family.theta, sizes)[-1]
    loss = family.query.value(end, task, len(sizes))
    return Reference(move * (family.theta - end), loss, loss)


def joint_training(family: Family, task: int, sizes: Array) -> Reference:
    """½ (∇L_support + ∇L_query) at θ; θ_K only measures."""
    at, support, query = (family.theta, task, 0), family.support, family.query
    gradient = (support.gradient(*at) + query.gradient(*at)) / 2
    objective = (support.value(*at) + query.value(*at)) / 2
    measured = without_query(family, task, sizes, move=False)
    return replace(measured, gradient=gradient, objective=objective)
