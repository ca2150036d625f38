"""Every algorithm on every closed-form family against formulas evaluated in numpy."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import torch
from allpairspy import AllPairs
from torch.testing import assert_close

from labkit import (
    ANIL,
    IMAML,
    MAML,
    Algorithm,
    JointTraining,
    MetaGradient,
    MetaSGD,
    ProtoMAML,
    RandomInitialization,
    Reptile,
)
from labkit.core.types import Order
from tests.core.closed_forms import (
    FAMILIES,
    MOST_STEPS,
    SHAPES,
    SIZE,
    TASKS,
    Array,
    Family,
    Losses,
    Reference,
    anil,
    draw_family,
    imaml,
    joint_training,
    proto_maml,
    split,
    tensors,
    unrolled,
    without_query,
)

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}
PROXIMAL = 0.7
WEIGHTS = {1: (0.7,), 2: (0.7, 0.0), 5: (0.3, 0.0, 0.2, 0.1, 0.4)}
FORMS = ["number", "tensor", "element", "number per step", "tensor per step", "element per step"]
MODES: dict[str, dict[str, Any]] = {
    "at once": {},
    "chunks recomputed": {"task_chunk": 2, "checkpoint": True},
    "one by one": {"vectorize": False},
    "one by one recomputed": {"vectorize": False, "checkpoint": True},
}


@dataclass(frozen=True)
class Pair:
    """An algorithm, made from α and K, and its reference, taken from α_k per element."""

    make: Callable[[Any, int], Algorithm]
    reference: Callable[[Family, int, Array], Reference]
    head_only: bool = False  # α is for the head alone
    fewest_steps: int = 0
    forms: tuple[str, ...] = tuple(FORMS)


def of_order(order: Order) -> dict[str, Pair]:
    """The algorithms that differentiate through inner steps, or not."""

    def maml(family: Family, task: int, sizes: Array) -> Reference:
        return unrolled(family, task, family.theta, sizes, order)

    def multi_step(family: Family, task: int, sizes: Array) -> Reference:
        return unrolled(family, task, family.theta, sizes, order, WEIGHTS[len(sizes)])

    return {
        "MAML": Pair(lambda alpha, k: MAML(alpha, k, order), maml),
        "MAML multi-step": Pair(
            lambda alpha, k: MAML(alpha, k, order, loss_weights=WEIGHTS[k]),
            multi_step,
            fewest_steps=1,
        ),
        "MetaSGD": Pair(
            lambda alpha, k: MetaSGD(alpha, k, order),
            maml,
            # a number means something else there, tested below
            forms=tuple(form for form in FORMS if not form.startswith("number")),
        ),
        "ANIL": Pair(
            lambda alpha, k: ANIL(alpha, k, order, head="head.*"),
            partial(anil, order=order),
            head_only=True,
        ),
        "ProtoMAML": Pair(
            lambda alpha, k: ProtoMAML(alpha, k, order, head="head.*"),
            partial(proto_maml, order=order),
        ),
    }


PAIRS = {
    **of_order(2),
    **{f"{name} order 1": pair for name, pair in of_order(1).items()},
    "Reptile": Pair(Reptile, partial(without_query, move=True)),
    "IMAML": Pair(
        lambda alpha, k: IMAML(alpha, k, PROXIMAL, cg_steps=SIZE),
        partial(imaml, proximal=PROXIMAL),
    ),
    "JointTraining": Pair(JointTraining, joint_training),
    "RandomInitialization": Pair(RandomInitialization, partial(without_query, move=False)),
}


def axes(pair: Pair) -> dict[str, list[Any]]:
    """What a case of an algorithm is made of."""
    return {
        "family": list(FAMILIES),
        "inner_steps": [steps for steps in (0, 1, 2, 5) if steps >= pair.fewest_steps],
        "form": list(pair.forms),
        "mode": list(MODES),
    }


def pairwise(axes: dict[str, list[Any]]) -> list[tuple[Any, ...]]:
    """Few combinations in which any two values of different axes meet."""
    return [tuple(case) for case in AllPairs(list(axes.values()))]


def cases() -> list[Any]:
    """Of each algorithm, in as few cases as hold all pairs, with an id for each."""
    return [
        pytest.param(*case, id="-".join(map(str, case)))
        for name, pair in PAIRS.items()
        for case in ((name, *values) for values in pairwise(axes(pair)))
    ]


def step_sizes(form: str, inner_steps: int, names: list[str]) -> tuple[Any, Array]:
    """α in one of its forms, and per step and element, (K, 6)."""
    rng = np.random.default_rng(7)
    granularity, _, per_step = form.partition(" per ")

    def one() -> tuple[Any, Array]:
        if granularity == "number":
            number = rng.uniform(0.05, 0.15)
            return number, np.full(SIZE, number)
        shapes = SHAPES if granularity == "element" else dict.fromkeys(SHAPES, ())
        values = {name: np.array(rng.uniform(0.05, 0.15, shape)) for name, shape in shapes.items()}
        vectors = [np.broadcast_to(values[name], SHAPES[name]).flatten() for name in SHAPES]
        return tensors({name: values[name] for name in names}), np.concatenate(vectors)

    if per_step:
        pairs = [one() for _ in range(inner_steps)]
        sizes = np.array([size for _, size in pairs]).reshape(inner_steps, SIZE)
        return [alpha for alpha, _ in pairs], sizes
    alpha, size = one()
    return alpha, np.tile(size, (inner_steps, 1))


def like(alpha: Any, by_step: Array) -> Any:
    """∂/∂α in the structure of α: what shares a step size is summed."""
    if isinstance(alpha, list):
        return [like(entry, row[None]) for entry, row in zip(alpha, by_step, strict=True)]
    total = by_step.sum(0)
    if isinstance(alpha, dict):
        parts = split(total)
        return tensors({n: parts[n] if a.ndim else parts[n].sum() for n, a in alpha.items()})
    return torch.tensor(total.sum())


@dataclass(frozen=True)
class Case:
    """An algorithm on a closed-form family, and what it must find there."""

    algorithm: str
    family_name: str
    inner_steps: int
    form: str

    @property
    def family(self) -> Family:
        return FAMILIES[self.family_name]

    @property
    def step_sizes(self) -> tuple[Any, Array]:
        head_only = PAIRS[self.algorithm].head_only
        names = [name for name in SHAPES if name.startswith("head") or not head_only]
        return step_sizes(self.form, self.inner_steps, names)

    def found(self, alpha: Any = None, **options: Any) -> MetaGradient:
        """By the algorithm; with α in place of the case's own."""
        algorithm = PAIRS[self.algorithm].make(
            self.step_sizes[0] if alpha is None else alpha, self.inner_steps
        )
        family = self.family
        return algorithm.meta_gradient(family.loss, family.params, *family.batches, **options)

    def check(self, result: MetaGradient) -> None:
        """Against the formulas."""
        alpha, sizes = self.step_sizes
        reference = PAIRS[self.algorithm].reference
        expected = [reference(self.family, task, sizes) for task in range(TASKS)]
        gradient = np.mean([task.gradient for task in expected], axis=0)
        objective = np.mean([task.objective for task in expected])
        losses = np.array([task.loss for task in expected])
        assert_close(result.params, tensors(split(gradient)), **CLOSE)
        assert_close(result.loss, torch.tensor(objective), **CLOSE)
        assert_close(result.task_losses, tensors(losses), **CLOSE)
        by_step = [task.alpha for task in expected if task.alpha is not None]
        if by_step:
            assert_close(result.alpha, like(alpha, np.mean(by_step, axis=0)), **CLOSE)
        else:
            assert result.alpha is None


@pytest.mark.parametrize(("algorithm", "family_name", "inner_steps", "form", "mode"), cases())
def test_against_numpy(
    algorithm: str, family_name: str, inner_steps: int, form: str, mode: str
) -> None:
    case = Case(algorithm, family_name, inner_steps, form)
    case.check(case.found(**MODES[mode]))


@pytest.mark.exhaustive
@pytest.mark.parametrize("algorithm", PAIRS)
def test_every_combination_against_numpy(algorithm: str, subtests: pytest.Subtests) -> None:
    for family_name, inner_steps, form, mode in product(*axes(PAIRS[algorithm]).values()):
        with subtests.test(family=family_name, inner_steps=inner_steps, form=form, mode=mode):
            case = Case(algorithm, family_name, inner_steps, form)
            case.check(case.found(**MODES[mode]))


@pytest.mark.parametrize("algorithm", PAIRS)
def test_any_two_values_meet_in_a_case(algorithm: str) -> None:
    values = axes(PAIRS[algorithm])
    tried = [case.values[1:] for case in cases() if case.values[0] == algorithm]
    assert len(tried) < math.prod(map(len, values.values())) / 4
    for one, two in combinations(range(len(values)), 2):
        met = {(case[one], case[two]) for case in tried}
        assert met == set(product(*(list(values.values())[axis] for axis in (one, two))))


def test_meta_sgd_starts_every_element_at_the_number() -> None:
    family, sizes = FAMILIES["cubics"], np.full((2, SIZE), 0.1)
    result = MetaSGD(0.1, inner_steps=2).meta_gradient(family.loss, family.params, *family.batches)
    by_step = [unrolled(family, i, family.theta, sizes, 2).alpha for i in range(TASKS)]
    expected = split(np.mean([task for task in by_step if task is not None], axis=0).sum(0))
    assert_close(result.alpha, tensors(expected), **CLOSE)


def test_imaml_at_the_argmin() -> None:
    """(I + A/λ)⁻¹ ∇L_query at argmin ½(θ−c)ᵀA(θ−c) + λ/2 ‖θ−θ_0‖², which the solver reaches."""
    family = draw_family(["quadratic"], ["quadratic"], stepwise=False)
    algorithm = IMAML(alpha=0.2, inner_steps=100, proximal=PROXIMAL, cg_steps=SIZE)
    result = algorithm.meta_gradient(family.loss, family.params, *family.batches)

    gradients, losses = [], []
    for task in range(TASKS):
        matrix, centre = (family.support.data["quadratic"][k][task] for k in ("matrix", "centre"))
        argmin = np.linalg.solve(
            matrix + PROXIMAL * np.eye(SIZE), matrix @ centre + PROXIMAL * family.theta
        )
        query = family.query.gradient(argmin, task, 0)
        gradients.append(np.linalg.solve(np.eye(SIZE) + matrix / PROXIMAL, query))
        losses.append(family.query.value(argmin, task, 0))
    assert_close(result.params, tensors(split(np.mean(gradients, axis=0))), **CLOSE)
    assert_close(result.task_losses, torch.tensor(np.array(losses)), **CLOSE)


@pytest.mark.parametrize("side", ["support", "query"])
@pytest.mark.parametrize("name", FAMILIES)
def test_derivatives_by_hand(name: str, side: str) -> None:
    """Value, gradient and Hessian against each other; (f(θ+h) − f(θ−h))/2h is exact up to h²."""
    losses: Losses = getattr(FAMILIES[name], side)
    theta, h = FAMILIES[name].theta, 1e-5
    for task, step in product(range(TASKS), (0, MOST_STEPS)):
        for i, direction in enumerate(h * np.eye(SIZE)):
            at = (theta + direction, task, step), (theta - direction, task, step)
            slope = (losses.value(*at[0]) - losses.value(*at[1])) / (2 * h)
            column = (losses.gradient(*at[0]) - losses.gradient(*at[1])) / (2 * h)
            np.testing.assert_allclose(losses.gradient(theta, task, step)[i], slope, atol=1e-8)
            np.testing.assert_allclose(losses.hessian(theta, task, step)[:, i], column, atol=1e-8)


def test_the_families_are_hard_enough() -> None:
    """Hessians that do not commute from step to step, or change with θ."""
    one, two = (FAMILIES["quadratics"].support.hessian(np.zeros(SIZE), 0, k) for k in (0, 1))
    assert np.abs(one @ two - two @ one).max() > 0.1
    cubic, theta = FAMILIES["cubics"].support, FAMILIES["cubics"].theta
    assert np.abs(cubic.hessian(theta, 0, 0) - cubic.hessian(0 * theta, 0, 0)).max() > 0.1
