"""What must hold for any problem: invariants of the meta-gradient, on drawn problems."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close
from torch.utils._pytree import tree_map

from labkit import (
    ANIL,
    IMAML,
    MAML,
    Adam,
    Algorithm,
    GradientDescent,
    InnerOptimizer,
    JointTraining,
    LearnedAlpha,
    MetaGradient,
    MetaSGD,
    Momentum,
    ProtoMAML,
    RandomInitialization,
    Reptile,
)
from labkit.core.inner.step_sizes import Granularity
from labkit.core.types import Batch, Order, Params
from tests.core.networks import (
    Problem,
    classification_problem,
    curved_problem,
    one_task,
    unrolled,
)

invariant = settings(deadline=None, max_examples=12, derandomize=True, database=None)
EXACT: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}
ROUNDED: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-11}
MOST_TASKS = 3

orders = st.sampled_from(get_args(Order))
numbers = st.floats(0.01, 0.3)
seeds = st.integers(0, 10_000)
problems = st.builds(classification_problem, tasks=st.integers(1, MOST_TASKS), seed=seeds)


@dataclass(frozen=True)
class Drawn:
    """Settings from which an algorithm takes those that it has."""

    number: float
    learned: LearnedAlpha
    steps: int
    order: Order
    optimizer: InnerOptimizer
    weight: float


def drawings(most_steps: int = 3) -> st.SearchStrategy[Drawn]:
    learned = st.builds(
        LearnedAlpha,
        initial=numbers,
        granularity=st.sampled_from(get_args(Granularity)),
        per_step=st.booleans(),
    )
    optimizers = [GradientDescent(), GradientDescent(0.3), Momentum(0.8), Adam(epsilon=0.1)]
    steps = st.integers(0, most_steps)
    return st.builds(Drawn, numbers, learned, steps, orders, st.sampled_from(optimizers), numbers)


def multi_step(d: Drawn) -> MAML:
    weights = [d.weight] * d.steps + [1.0]
    return MAML(d.learned, d.steps + 1, d.order, d.optimizer, loss_weights=weights)


Make: TypeAlias = Callable[[Drawn], Algorithm]

UNROLLING: dict[str, Make] = {
    "MAML": lambda d: MAML(d.number, d.steps, d.order, d.optimizer),
    "MAML learning alpha": lambda d: MAML(d.learned, d.steps, d.order, d.optimizer),
    "MAML multi-step": multi_step,
    "MetaSGD": lambda d: MetaSGD(d.number, d.steps, d.order),
    "ANIL": lambda d: ANIL(d.learned, d.steps, d.order, d.optimizer, head="head.*"),
    "ProtoMAML": lambda d: ProtoMAML(d.learned, d.steps, d.order, d.optimizer, head="head.*"),
}
ALGORITHMS = UNROLLING | {
    "Reptile": lambda d: Reptile(d.number, d.steps, d.optimizer),
    "IMAML": lambda d: IMAML(d.number, d.steps, proximal=10.0, cg_steps=4),
    "JointTraining": lambda d: JointTraining(d.number, d.steps),
    "RandomInitialization": lambda d: RandomInitialization(d.number, d.steps),
}
for_all = pytest.mark.parametrize("make", ALGORITHMS.values(), ids=ALGORITHMS)


def assert_same(result: MetaGradient, expected: MetaGradient) -> None:
    for one, two in (
        (result.loss, expected.loss),
        (result.task_losses, expected.task_losses),
        (result.params, expected.params),
        (result.alpha, expected.alpha),
    ):
        assert_close(one, two, **EXACT)


def chosen(batch: Batch, tasks: list[int]) -> Batch:
    """The data of some tasks, with a task axis."""
    return tree_map(lambda data: data[tasks], batch)


@invariant
@given(problems, st.sampled_from([(0.0, 3), (0.2, 0)]), orders, st.booleans())
def test_without_adaptation_it_is_the_plain_gradient(
    problem: Problem, still: tuple[float, int], order: Order, head_only: bool
) -> None:
    loss_fn, params, _, query = problem
    algorithm = ANIL(*still, order, head="head.*") if head_only else MAML(*still, order)
    result = algorithm.meta_gradient(*problem)
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    losses = [loss_fn(leaves, one_task(query, task)) for task in range(len(query[0]))]
    plain = torch.autograd.grad(torch.stack(losses).mean(), list(leaves.values()))
    assert_close(result.params, dict(zip(leaves, plain, strict=True)), **EXACT)


@invariant
@given(seeds, st.integers(1, 4), numbers)
def test_orders_agree_where_the_inner_loss_is_linear(seed: int, steps: int, alpha: float) -> None:
    curved, params, _, query = curved_problem(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    slopes = {n: torch.randn(3, *p.shape, generator=generator).double() for n, p in params.items()}

    def loss(p: Params, batch: Batch) -> Tensor:
        if isinstance(batch, dict):  # support data
            return torch.stack([(p[name] * batch[name]).sum() for name in p]).sum()
        return curved(p, batch)

    first, second = (
        MAML(alpha, steps, order).meta_gradient(loss, params, slopes, query) for order in (1, 2)
    )
    assert_same(first, second)


@for_all
@invariant
@given(drawing=drawings(), problem=problems)
def test_tasks_at_once_are_a_loop_over_tasks(make: Make, drawing: Drawn, problem: Problem) -> None:
    algorithm = make(drawing)
    loss_fn, params, support, query = problem
    tasks = len(query[0])
    total = algorithm.meta_gradient(*problem, reduction="sum")
    singles = [
        algorithm.meta_gradient(loss_fn, params, chosen(support, [task]), chosen(query, [task]))
        for task in range(tasks)
    ]
    added = tree_map(lambda *parts: torch.stack(parts).sum(0), *map(parts_of, singles))
    assert_close(parts_of(total), added, **EXACT)
    assert_close(total.task_losses, torch.cat([one.task_losses for one in singles]), **EXACT)

    mean = algorithm.meta_gradient(*problem)
    assert_close(parts_of(mean), tree_map(lambda part: part / tasks, added), **EXACT)
    assert_close(mean.task_losses, total.task_losses, **EXACT)


def parts_of(gradient: MetaGradient) -> list[Any]:
    """What adds up over tasks."""
    alpha = [] if gradient.alpha is None else [gradient.alpha]
    return [gradient.loss, gradient.params, *alpha]


@for_all
@invariant
@given(drawing=drawings(), problem=problems)
def test_losses_are_those_after_adaptation(make: Make, drawing: Drawn, problem: Problem) -> None:
    algorithm = make(drawing)
    loss_fn, params, support, query = problem
    result = algorithm.meta_gradient(*problem)
    for task, loss in enumerate(result.task_losses):
        adapted = algorithm.adapt(loss_fn, params, one_task(support, task)).params
        assert_close(loss, loss_fn(adapted, one_task(query, task)), **EXACT)


@for_all
@invariant
@given(drawing=drawings(), problem=problems, chunk=st.integers(1, MOST_TASKS + 1))
def test_chunks_do_not_matter(make: Make, drawing: Drawn, problem: Problem, chunk: int) -> None:
    algorithm = make(drawing)
    plain = algorithm.meta_gradient(*problem)
    assert_same(algorithm.meta_gradient(*problem, task_chunk=chunk), plain)


@pytest.mark.parametrize("make", UNROLLING.values(), ids=UNROLLING)
@invariant
@given(drawing=drawings(most_steps=10), problem=problems)
def test_recomputation_does_not_matter(make: Make, drawing: Drawn, problem: Problem) -> None:
    algorithm = make(drawing)
    plain = algorithm.meta_gradient(*problem)
    assert_same(algorithm.meta_gradient(*problem, checkpoint=True), plain)


@for_all
@invariant
@given(drawing=drawings(), problem=problems, order=st.permutations(range(MOST_TASKS)))
def test_order_of_tasks_does_not_matter(
    make: Make, drawing: Drawn, problem: Problem, order: list[int]
) -> None:
    algorithm = make(drawing)
    loss_fn, params, support, query = problem
    permutation = [task for task in order if task < len(query[0])]
    mixed = chosen(support, permutation), chosen(query, permutation)
    plain = algorithm.meta_gradient(*problem)
    result = algorithm.meta_gradient(loss_fn, params, *mixed)
    assert_same(result, replace(plain, task_losses=plain.task_losses[permutation]))


@invariant
@given(seeds, orders, st.integers(0, 3), numbers, st.booleans())
def test_tied_and_unused_parameters(
    seed: int, order: Order, steps: int, alpha: float, checkpoint: bool
) -> None:
    """Two layers use `second.weight`, and none uses `unused`."""
    problem = curved_problem(tasks=2, seed=seed)
    result = MAML(alpha, steps, order).meta_gradient(*problem, checkpoint=checkpoint)
    assert_close(result.params, unrolled(problem, alpha, steps, order)[1], **ROUNDED)
    assert not result.params["unused"].any()


@invariant
@given(seeds, orders, st.integers(0, 3), numbers, st.booleans())
def test_frozen_parameters_are_data(
    seed: int, order: Order, steps: int, alpha: float, checkpoint: bool
) -> None:
    """What the loss closes over is not adapted, and not in the result."""
    curved, params, support, query = curved_problem(tasks=2, seed=seed)
    frozen = {"second.bias": params.pop("second.bias").requires_grad_()}

    def loss(p: Params, batch: Batch) -> Tensor:
        return curved({**p, **frozen}, batch)

    problem = loss, params, support, query
    result = MAML(alpha, steps, order).meta_gradient(*problem, checkpoint=checkpoint)
    assert_close(result.params, unrolled(problem, alpha, steps, order)[1], **ROUNDED)
    assert frozen["second.bias"].grad is None
