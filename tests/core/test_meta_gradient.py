"""`meta_gradient` against closed forms, finite differences and a hand-unrolled implementation."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import mse_loss

from labkit import MAML, meta_gradient
from labkit.core.types import LossFn, Params
from tests.core.quadratics import SIZE, flat, loss, path_by_hand, quadratics

EXACT: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}


def step_sizes(form: str, inner_steps: int) -> tuple[Any, list[Tensor]]:
    """α in one of its forms, and as one vector over θ per step."""
    generator = torch.Generator().manual_seed(7)

    def draw(*shape: int) -> Tensor:
        return 0.05 + 0.1 * torch.rand(shape, generator=generator, dtype=torch.float64)

    def one(granularity: str) -> tuple[Any, Tensor]:
        if granularity == "number":
            value = draw()
            return float(value), value.expand(SIZE)
        if granularity == "tensor":
            entry = {"first": draw(), "rest": draw()}
            return entry, torch.cat([entry["first"].expand(1), entry["rest"].expand(SIZE - 1)])
        entry = {"first": draw(1), "rest": draw(1, SIZE - 1)}
        return entry, flat(entry)

    granularity, _, per_step = form.partition(" per ")
    if per_step:
        pairs = [one(granularity) for _ in range(inner_steps)]
        return [alpha for alpha, _ in pairs], [vector for _, vector in pairs]
    alpha, vector = one(granularity)
    return alpha, [vector] * inner_steps


FORMS = ["number", "tensor", "element", "number per step", "tensor per step", "element per step"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("inner_steps", [1, 2, 5])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_closed_form(form: str, inner_steps: int, order: Any, reduction: Any) -> None:
    """∂/∂θ = M_0 … M_{K−1} g_q (order 1: g_q); ∂/∂α_k = −λ_{k+1} ⊙ g_k, summed as α is shared."""
    problem = quadratics()
    alpha, vectors = step_sizes(form, inner_steps)
    tasks = len(problem.support[0])
    gradient = torch.zeros(SIZE, dtype=torch.float64)
    by_step = torch.zeros(inner_steps, SIZE, dtype=torch.float64)
    objective = 0.0
    for i in range(tasks):
        a, c, b, d = problem.task(i)
        path = path_by_hand(problem, i, vectors)
        delta = path[-1] - d
        objective += float(delta @ b @ delta / 2)
        lam = b @ delta
        for k in reversed(range(inner_steps)):
            by_step[k] -= lam * (a @ (path[k] - c))
            if order == 2:
                # transposed: with α per element, I − diag(α)A is not symmetric
                lam = lam - a @ (vectors[k] * lam)
        gradient += lam
    divisor = tasks if reduction == "mean" else 1

    result = meta_gradient(
        loss,
        problem.params,
        problem.support,
        problem.query,
        alpha=alpha,
        inner_steps=inner_steps,
        order=order,
        reduction=reduction,
    )

    torch.testing.assert_close(flat(result.params), gradient / divisor, **EXACT)
    assert float(result.loss) == pytest.approx(objective / divisor, rel=1e-11)
    assert result.task_losses.shape == (tasks,)
    expected = by_step / divisor
    found = result.alpha
    if not form.endswith("step"):
        found, expected = [found], expected.sum(0, keepdim=True)  # type: ignore[list-item]
    for entry, per_element in zip(found, expected, strict=True):
        if form.startswith("number"):
            torch.testing.assert_close(entry, per_element.sum(), **EXACT)
        elif form.startswith("tensor"):
            torch.testing.assert_close(entry["first"], per_element[0], **EXACT)
            torch.testing.assert_close(entry["rest"], per_element[1:].sum(), **EXACT)
        else:
            torch.testing.assert_close(flat(entry), per_element, **EXACT)


class Curved(nn.Module):
    """A network whose Hessian changes along the inner path, with a tied and an unused parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Linear(3, 3)
        self.third = nn.Linear(3, 2)
        self.second.weight = nn.Parameter(torch.empty(3, 3))
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.second(torch.tanh(self.first(x))))
        hidden = torch.tanh(nn.functional.linear(hidden, self.second.weight))
        out: Tensor = self.third(hidden)
        return out


def curved_problem() -> tuple[LossFn, Params, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """A smooth regression problem with three tasks, in float64."""
    generator = torch.Generator().manual_seed(3)
    with torch.random.fork_rng():
        net = Curved().double()
    params = {
        name: 0.7 * torch.randn(p.shape, generator=generator, dtype=torch.float64)
        for name, p in net.named_parameters()
    }

    def draw(points: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(3, points, 2, generator=generator, dtype=torch.float64)
        return x, torch.sin(2 * x) + x.flip(-1)

    def curved_loss(p: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
        return mse_loss(functional_call(net, p, (batch[0],)), batch[1])

    return curved_loss, params, draw(5), draw(4)


def unrolled(
    loss_fn: LossFn, params: Params, support: Any, query: Any, alpha: float, steps: int, order: int
) -> tuple[Tensor, Params]:
    """The same by a plain loop with torch.autograd, one task at a time: independent code."""
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    total = torch.zeros((), dtype=torch.float64)
    tasks = len(support[0])
    for i in range(tasks):
        theta: Params = leaves
        for _ in range(steps):
            inner = loss_fn(theta, (support[0][i], support[1][i]))
            grads = torch.autograd.grad(
                inner, list(theta.values()), create_graph=order == 2, allow_unused=True
            )
            theta = {
                name: p if g is None else p - alpha * g
                for (name, p), g in zip(theta.items(), grads, strict=True)
            }
        total = total + loss_fn(theta, (query[0][i], query[1][i])) / tasks
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return total.detach(), {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(params.items(), grads, strict=True)
    }


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("order", [1, 2])
def test_hand_unrolled_autograd(steps: int, order: Any) -> None:
    problem = curved_problem()
    result = meta_gradient(*problem, alpha=0.1, inner_steps=steps, order=order)
    total, expected = unrolled(*problem, 0.1, steps, order)
    assert float(result.loss) == pytest.approx(float(total), rel=1e-12)
    for name, gradient in expected.items():
        torch.testing.assert_close(result.params[name], gradient, **EXACT)
    assert not result.params["unused"].any()


@pytest.mark.parametrize("steps", [1, 3])
def test_central_differences(steps: int) -> None:
    """(F(θ + h v) − F(θ − h v)) / 2h along random v, and the same for α."""
    loss_fn, params, support, query = curved_problem()

    def objective(theta: Params, alpha: float) -> float:
        result = meta_gradient(loss_fn, theta, support, query, alpha=alpha, inner_steps=steps)
        return float(result.loss)

    result = meta_gradient(loss_fn, params, support, query, alpha=0.1, inner_steps=steps)
    generator = torch.Generator().manual_seed(11)
    h = 1e-5
    for _ in range(5):
        v = {n: torch.randn(p.shape, generator=generator).double() for n, p in params.items()}
        ahead, behind = (
            objective({n: p + sign * h * v[n] for n, p in params.items()}, 0.1) for sign in (1, -1)
        )
        along = sum(float((result.params[n] * v[n]).sum()) for n in params)
        assert along == pytest.approx((ahead - behind) / (2 * h), rel=1e-7, abs=1e-9)
    slope = (objective(params, 0.1 + h) - objective(params, 0.1 - h)) / (2 * h)
    assert isinstance(result.alpha, Tensor)
    assert float(result.alpha) == pytest.approx(slope, rel=1e-7, abs=1e-9)


def test_gradcheck_of_adaptation() -> None:
    """torch.autograd.gradcheck of θ ↦ θ' in float64."""
    loss_fn, params, support, _ = curved_problem()
    names = list(params)
    task = (support[0][0], support[1][0])

    def adapted(*values: Tensor) -> tuple[Tensor, ...]:
        theta = dict(zip(names, values, strict=True))
        result = MAML(alpha=0.2, inner_steps=2).adapt(loss_fn, theta, task)
        return tuple(result.params.values())

    inputs = tuple(params[name].clone().requires_grad_() for name in names)
    assert torch.autograd.gradcheck(adapted, inputs)


def test_alpha_zero_and_no_steps_are_joint_training() -> None:
    loss_fn, params, support, query = curved_problem()
    joint = meta_gradient(loss_fn, params, support, query, alpha=0.1, inner_steps=0)
    for order in (1, 2):
        still = meta_gradient(
            loss_fn, params, support, query, alpha=0.0, inner_steps=3, order=order
        )
        for name in params:
            torch.testing.assert_close(still.params[name], joint.params[name], **EXACT)


def test_orders_agree_when_the_inner_loss_is_linear() -> None:
    _, params, support, query = curved_problem()

    def linear_then_square(p: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
        total = sum((v.sum() for v in p.values()), torch.zeros((), dtype=torch.float64))
        return torch.where(batch[1][0, 0] == 0, total**2, total * batch[0].mean())

    # a query whose first target is 0 takes the square, a support never does
    marked = (query[0], query[1].index_fill(1, torch.tensor([0]), 0.0))
    first, second = (
        meta_gradient(
            linear_then_square, params, support, marked, alpha=0.1, inner_steps=3, order=order
        )
        for order in (1, 2)
    )
    for name in params:
        torch.testing.assert_close(first.params[name], second.params[name], **EXACT)


def test_orders_differ_when_it_is_not() -> None:
    problem = curved_problem()
    first, second = (
        meta_gradient(*problem, alpha=0.1, inner_steps=3, order=order) for order in (1, 2)
    )
    assert not torch.allclose(
        first.params["first.weight"], second.params["first.weight"], rtol=0.01
    )


def test_order_of_tasks_does_not_matter() -> None:
    loss_fn, params, support, query = curved_problem()
    swap: Callable[[Any], Any] = lambda batch: tuple(t.flip(0) for t in batch)  # noqa: E731
    one = meta_gradient(loss_fn, params, support, query, alpha=0.1, inner_steps=2)
    two = meta_gradient(loss_fn, params, swap(support), swap(query), alpha=0.1, inner_steps=2)
    torch.testing.assert_close(one.task_losses.flip(0), two.task_losses, **EXACT)
    for name in params:
        torch.testing.assert_close(one.params[name], two.params[name], **EXACT)


def test_support_and_query_are_not_mixed_up() -> None:
    loss_fn, params, support, query = curved_problem()
    right = meta_gradient(loss_fn, params, support, query, alpha=0.1, inner_steps=1)
    wrong = meta_gradient(loss_fn, params, support, support, alpha=0.1, inner_steps=1)
    assert float(right.loss) != pytest.approx(float(wrong.loss), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reduction": "max"}, "reduction must be 'mean' or 'sum', got 'max'"),
        ({"inner_steps": -1}, "inner_steps must be"),
        ({"order": 0}, "order must be"),
        ({"alpha": [0.1, 0.1]}, "alpha has 2 entries for inner_steps=1"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        meta_gradient(*curved_problem(), **({"alpha": 0.1, "inner_steps": 1} | arguments))
