"""Meta-gradients on small networks against finite differences and loops written out by hand."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from torch.utils._pytree import tree_leaves, tree_map

from labkit import (
    ANIL,
    IMAML,
    MAML,
    Adam,
    Algorithm,
    GradientDescent,
    InnerOptimizer,
    JointTraining,
    MetaSGD,
    Momentum,
    ProtoMAML,
    Reptile,
)
from labkit.core.types import Batch, Order, Params
from tests.core.networks import (
    WAYS,
    Classifier,
    Problem,
    classification_problem,
    curved_problem,
    descend,
    one_task,
    unrolled,
)

EXACT: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}
STEPS = 3
WEIGHTS = (0.5, 0.0, 0.8)
CLIP = 0.2


def sizes(head_only: bool = False) -> dict[str, Tensor]:
    """A step size for every element of θ, or of its head."""
    generator = torch.Generator().manual_seed(13)
    _, params, _, _ = classification_problem()
    return {
        name: 0.1 + 0.2 * torch.rand(p.shape, generator=generator, dtype=torch.float64)
        for name, p in params.items()
        if name.startswith("head") or not head_only
    }


def per_step(head_only: bool = False) -> list[dict[str, Tensor]]:
    """The same, twice as long at every next step."""
    return [{n: 2**k * a for n, a in sizes(head_only).items()} for k in range(STEPS)]


def with_optimizer(optimizer: InnerOptimizer) -> MAML:
    return MAML(per_step(), STEPS, inner_optimizer=optimizer)


DIFFERENTIABLE: dict[str, Algorithm] = {
    "MAML": with_optimizer(GradientDescent()),
    "MAML clipped": with_optimizer(GradientDescent(CLIP)),
    "MAML momentum": with_optimizer(Momentum(0.8)),
    "MAML momentum clipped": with_optimizer(Momentum(0.8, CLIP)),
    # ε not small compared with the gradients, so no direction is a mere sign
    "MAML decay": with_optimizer(GradientDescent(CLIP, weight_decay=0.7)),
    "MAML Adam decay": with_optimizer(Adam(epsilon=0.1, weight_decay=0.7)),
    "MAML Adam": with_optimizer(Adam(epsilon=0.1)),
    "MAML Adam clipped": with_optimizer(Adam(epsilon=0.1, clip=CLIP)),
    "multi-step": MAML(per_step(), STEPS, loss_weights=WEIGHTS),
    "MetaSGD": MetaSGD(sizes(), STEPS),
    "ANIL": ANIL(per_step(head_only=True), STEPS, head="head.*"),
    "ProtoMAML": ProtoMAML(per_step(), STEPS, head="head.*"),
    "JointTraining": JointTraining(),
    "IMAML": IMAML(alpha=0.12, inner_steps=60, proximal=6.0, cg_steps=27),
}


def objective(algorithm: Algorithm, problem: Problem) -> float:
    """What the algorithm minimises, by `adapt` alone."""
    loss_fn, params, support, query = problem
    total = 0.0
    for task in range(len(query[0])):
        data, held_out = one_task(support, task), one_task(query, task)
        if isinstance(algorithm, JointTraining):
            total += float(loss_fn(params, data) + loss_fn(params, held_out)) / 2
            continue
        path = algorithm.adapt(loss_fn, params, data).path
        weights = algorithm.loss_weights if isinstance(algorithm, MAML) else None
        for theta, w in zip(reversed(path), reversed(weights or [1.0]), strict=False):
            total += w * float(loss_fn(theta, held_out))
    return total / len(query[0])


Slopes: TypeAlias = list[tuple[Any, float]]
"""Directions v, and the slope of a function along each."""


def slopes(tree: Any, f: Callable[[Any], float]) -> Slopes:
    """Central differences of f over ±h and ±2h along some random v."""
    generator = torch.Generator().manual_seed(11)
    h, along = 1e-4, []
    for _ in range(3):
        v = tree_map(lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype), tree)
        near, far = (f(moved(tree, v, k * h)) - f(moved(tree, v, -k * h)) for k in (1, 2))
        along.append((v, (8 * near - far) / (12 * h)))
    return along


def moved(tree: Any, v: Any, step: float) -> Any:
    return tree_map(lambda x, d: x + step * d, tree, v)


@cache
def differences(name: str) -> tuple[float, Slopes, Slopes]:
    """The objective, and its slopes in θ and in α: by `adapt`, so once for all ways to compute."""
    algorithm, problem = DIFFERENTIABLE[name], classification_problem()
    loss_fn, params, support, query = problem
    in_theta = slopes(params, lambda p: objective(algorithm, (loss_fn, p, support, query)))
    in_alpha: Slopes = []
    if not isinstance(algorithm, JointTraining | IMAML):
        in_alpha = slopes(
            algorithm.alpha, lambda alpha: objective(algorithm.with_alpha(alpha), problem)
        )
    return objective(algorithm, problem), in_theta, in_alpha


def assert_slopes(gradient: Any, expected: Slopes) -> None:
    """⟨gradient, v⟩ is the slope along v."""
    for v, difference in expected:
        pairs = zip(tree_leaves(gradient), tree_leaves(v), strict=True)
        exact = sum(float((g * d).sum()) for g, d in pairs)
        assert exact == pytest.approx(difference, rel=1e-8, abs=1e-10)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("checkpoint", [False, True], ids=["graph", "recomputed"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_central_differences(name: str, checkpoint: bool) -> None:
    result = DIFFERENTIABLE[name].meta_gradient(*classification_problem(), checkpoint=checkpoint)
    value, in_theta, in_alpha = differences(name)
    assert float(result.loss) == pytest.approx(value, rel=1e-12)
    assert_slopes(result.params, in_theta)
    assert (result.alpha is None) == (not in_alpha)
    if result.alpha is not None:
        assert_slopes(result.alpha, in_alpha)
    assert (len(in_theta), len(in_alpha)) in {(3, 0), (3, 3)}


def test_the_clipping_above_is_active() -> None:
    loss_fn, params, support, _ = classification_problem()
    for task in range(len(support[0])):
        data = one_task(support, task)
        for theta in with_optimizer(GradientDescent(CLIP)).adapt(loss_fn, params, data).path:
            leaves = {name: p.requires_grad_() for name, p in theta.items()}
            grads = torch.autograd.grad(loss_fn(leaves, data), list(leaves.values()))
            assert torch.cat([g.flatten() for g in grads]).norm() > 1.2 * CLIP


def test_gradcheck_of_adaptation() -> None:
    """torch.autograd.gradcheck of θ ↦ θ' in float64."""
    loss_fn, params, support, _ = curved_problem()

    def adapted(*values: Tensor) -> tuple[Tensor, ...]:
        theta = dict(zip(params, values, strict=True))
        result = MAML(alpha=0.2, inner_steps=2).adapt(loss_fn, theta, one_task(support, 0))
        return tuple(result.params.values())

    assert torch.autograd.gradcheck(adapted, tuple(p.requires_grad_() for p in params.values()))


def prototypes(theta: Params, data: Batch) -> Params:
    """θ with W_c = 2 p_c and b_c = −‖p_c‖², class by class."""
    features, labels = Classifier().embed(theta, data, "head.weight")
    p = [features[labels == c].mean(0) for c in range(WAYS)]
    bias = torch.stack([-(row @ row) for row in p])
    start = {**theta, "head.weight": torch.stack([2 * row for row in p]), "head.bias": bias}
    # the body that adapts must not be the one the head was made of, for torch.autograd.grad
    return {name: tensor.clone() for name, tensor in start.items()}


BY_HAND: dict[str, tuple[Callable[..., Algorithm], Problem, dict[str, Any]]] = {
    "MAML": (MAML, curved_problem(), {}),
    "ANIL": (partial(ANIL, head="head.*"), classification_problem(), {"moving": "head"}),
    "ProtoMAML": (
        partial(ProtoMAML, head="head.*"),
        classification_problem(),
        {"start": prototypes},
    ),
}


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("checkpoint", [False, True], ids=["graph", "recomputed"])
@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", BY_HAND)
def test_unrolled_by_hand(name: str, order: Order, steps: int, checkpoint: bool) -> None:
    make, problem, options = BY_HAND[name]
    result = make(alpha=0.1, inner_steps=steps, order=order).meta_gradient(
        *problem, checkpoint=checkpoint
    )
    loss, params, alpha = unrolled(problem, 0.1, steps, order, **options)
    assert_close(result.loss, loss, **EXACT)
    assert_close(result.params, params, **EXACT)
    assert_close(result.alpha, alpha, **EXACT)


@pytest.mark.usefixtures("each_way")
def test_reptile_by_hand() -> None:
    problem = classification_problem()
    loss_fn, params, support, query = problem
    result = Reptile(alpha=0.1, inner_steps=4).meta_gradient(*problem)
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    tasks = range(len(query[0]))
    ends = [descend(loss_fn, leaves, one_task(support, task), 0.1, 4) for task in tasks]
    for name, p in params.items():
        mean = torch.stack([p - end[name].detach() for end in ends]).mean(0)
        assert_close(result.params[name], mean, **EXACT)
    losses = [loss_fn(end, one_task(query, task)) for task, end in zip(tasks, ends, strict=True)]
    assert_close(result.task_losses, torch.stack(losses).detach(), **EXACT)


@pytest.mark.parametrize(
    ("clip", "scale", "decay"),
    [(None, 1.0, 0.0), (CLIP, 1e6, 0.0), (100.0, 1.0, 0.0), (None, 1.0, 0.6), (CLIP, 1e6, 0.6)],
)
@pytest.mark.parametrize("name", ["descent", "momentum", "Adam"])
def test_inner_optimizers_against_torch(
    name: str, clip: float | None, scale: float, decay: float
) -> None:
    """Paths of 5 steps; the scale makes 1e-6 small, which torch adds to the norm when clipping."""
    problem_loss, params, support, _ = classification_problem()
    data = one_task(support, 0)

    def loss_fn(theta: Params, batch: Batch) -> Tensor:
        return scale * problem_loss(theta, batch)

    ours: InnerOptimizer
    theirs: torch.optim.Optimizer
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    if name == "Adam":
        ours = Adam(beta1=0.8, beta2=0.95, epsilon=1e-14, clip=clip, weight_decay=decay)
        theirs = torch.optim.Adam(
            leaves.values(), lr=0.1, betas=(0.8, 0.95), eps=1e-14, weight_decay=decay
        )
    else:
        mu = 0.7 if name == "momentum" else 0.0
        ours = Momentum(mu, clip, decay) if mu else GradientDescent(clip, decay)
        theirs = torch.optim.SGD(leaves.values(), lr=0.1, momentum=mu, weight_decay=decay)

    for theta in MAML(0.1, 5, inner_optimizer=ours).adapt(loss_fn, params, data).path:
        assert_close(theta, {n: p.detach() for n, p in leaves.items()}, rtol=1e-9, atol=1e-9)
        theirs.zero_grad()
        torch.autograd.backward(loss_fn(leaves, data))
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(leaves.values(), clip)
        theirs.step()
