"""Toy problems: their closed forms against plain autograd, training and fractions by hand."""

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from labkit import (
    Cubics,
    MetaLearner,
    Quadratics,
    Reptile,
    Session,
    SolvedFamily,
    bent_valleys,
    coupled_quadratics,
    inner_curvature,
    parameter_vector,
    two_curvatures,
    two_rails,
)
from labkit.session.catalog import PROBLEMS
from labkit.tasks import METHODS, Method

FAMILIES: dict[str, Callable[[], Any]] = {
    make.__name__: make for make in (two_rails, two_curvatures, coupled_quadratics, bent_valleys)
}
EVERY = list(product(FAMILIES, METHODS))


def loss_of(family: SolvedFamily, task: int) -> Callable[[Tensor], Tensor]:
    """The loss of a task as its docstring has it, written again."""
    if isinstance(family, Cubics):
        a, b, c = family.tasks[task]
        return lambda theta: (a / 2 * (theta - c) ** 2 + b / 6 * (theta - c) ** 3).sum()
    assert isinstance(family, Quadratics)
    matrix, minimum = family.curvatures[task], family.minima[task]
    return lambda theta: 0.5 * torch.dot(theta - minimum, torch.mv(matrix, theta - minimum))


def by_autograd(
    family: SolvedFamily, method: Method, theta: Tensor, alpha: Any, steps: int
) -> Tensor:
    """The direction of each task by backpropagation, (tasks, size)."""
    directions = []
    for task in range(len(family.names)):
        loss = loss_of(family, task)
        start = theta.clone().requires_grad_()
        at = start
        for _ in range(steps):
            (slope,) = torch.autograd.grad(loss(at), at, create_graph=True)
            at = at - alpha * (slope if method == "exact" else slope.detach())
        if method == "Reptile":
            directions.append((start - at).detach())
        else:
            end = start if method == "joint" else at
            directions.append(torch.autograd.grad(loss(end), start)[0])
    return torch.stack(directions)


def start_of(family: Any) -> Tensor:
    size = family.minima.shape[1] if isinstance(family, Quadratics) else 1
    return torch.tensor([0.3, -0.7], dtype=torch.float64)[:size]


@pytest.mark.parametrize(("name", "method"), EVERY)
def test_directions_are_those_of_autograd(name: str, method: Method) -> None:
    family = FAMILIES[name]()
    theta = start_of(family)
    alphas: list[Any] = [0.2, torch.tensor([0.15, 0.3], dtype=torch.float64)[: len(theta)]]
    for steps, alpha in product((0, 1, 3), alphas):
        mine = family.directions(method, theta, alpha=alpha, inner_steps=steps)
        torch.testing.assert_close(
            mine, by_autograd(family, method, theta, alpha, steps), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(("name", "method"), EVERY)
def test_training_by_autograd_ends_at_the_fixed_point(name: str, method: Method) -> None:
    family = FAMILIES[name]()
    end = family.fixed_point(method, alpha=0.2, inner_steps=1)
    beta = 0.8 * family.largest_beta(method, alpha=0.2, inner_steps=1)
    theta = start_of(family)
    for _ in range(40):
        theta = theta - beta * by_autograd(family, method, theta, 0.2, 1).mean(0)
    torch.testing.assert_close(theta, end, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "method"), EVERY)
def test_meta_steps_converge_below_the_bound_and_not_above(name: str, method: Method) -> None:
    family = FAMILIES[name]()
    end = family.fixed_point(method, alpha=0.2, inner_steps=1)
    bound = family.largest_beta(method, alpha=0.2, inner_steps=1)
    for share, converges in ((0.98, True), (1.02, False)):
        theta = end + 1e-4
        for _ in range(150):
            step = family.directions(method, theta, alpha=0.2, inner_steps=1).mean(0)
            theta = theta - share * bound * step
        assert bool((theta - end).norm() < 1e-4) == converges


def rails_by_fractions(alpha: Fraction, exponent: int) -> Fraction:
    """Where Σ w(θ − c) = 0 with w = a(1 − αa)^exponent, a = 1, 4 and c = 0, 1."""
    weights = [a * (1 - alpha * a) ** exponent for a in (1, 4)]
    return weights[1] / (weights[0] + weights[1])


@pytest.mark.parametrize("tenths", [2, 3])
def test_the_rails_end_at_the_fractions_of_hand_algebra(tenths: int) -> None:
    alpha, family = Fraction(tenths, 10), two_rails()
    for steps in (1, 2):
        exponents: dict[Method, int] = {"exact": 2 * steps, "first order": steps, "joint": 0}
        for method, exponent in exponents.items():
            end = family.fixed_point(method, alpha=float(alpha), inner_steps=steps)
            assert end.item() == pytest.approx(float(rails_by_fractions(alpha, exponent)), 1e-12)
    assert rails_by_fractions(Fraction(2, 10), 2) == Fraction(1, 5)
    assert rails_by_fractions(Fraction(3, 10), 2) == Fraction(16, 65)


def test_beyond_5_17_first_order_diverges_on_the_rails_and_exact_does_not() -> None:
    family = two_rails()
    for alpha, converges in ((0.294, True), (0.295, False)):
        assert (family.largest_beta("first order", alpha=alpha, inner_steps=1) > 0) == converges
        assert family.largest_beta("exact", alpha=alpha, inner_steps=1) > 0


def test_two_curvatures_leave_36_of_325_with_one_alpha_and_nothing_with_two() -> None:
    family, theta = two_curvatures(), torch.zeros(2, dtype=torch.float64)
    before = family.loss_after(theta, alpha=0.0, inner_steps=1).sum()
    one = family.best_alpha(theta)
    assert one.item() == pytest.approx(17 / 65, 1e-12)
    left = family.loss_after(theta, alpha=one, inner_steps=1).sum() / before
    assert left.item() == pytest.approx(36 / 325, 1e-12)
    each = family.best_alpha(theta, per_element=True)
    assert family.loss_after(theta, alpha=each, inner_steps=1).sum() < 1e-20


def test_the_best_alpha_is_a_minimum_where_hessians_do_not_commute() -> None:
    family, theta = coupled_quadratics(), torch.tensor([0.3, -0.7], dtype=torch.float64)
    for per_element in (False, True):
        alpha = family.best_alpha(theta, per_element=per_element).requires_grad_()
        total = torch.zeros((), dtype=torch.float64)
        for task in range(3):
            at = theta.clone().requires_grad_()
            loss = loss_of(family, task)
            (slope,) = torch.autograd.grad(loss(at), at)
            total = total + loss(theta - alpha * slope)
        assert torch.autograd.grad(total, alpha)[0].abs().max() < 1e-12


def test_readings_with_an_error_raise_the_loss_as_the_closed_form_says() -> None:
    family = two_rails(shots=4, error=0.6)
    theta = torch.tensor([0.3], dtype=torch.float64)
    batch = family.sample(40_000, torch.Generator().manual_seed(0))
    a, read, c = batch.query["curvature"][:, 0], batch.support["minimum"], batch.query["minimum"]
    adapted = theta - 0.2 * a * (theta - read)
    losses = (a * (adapted - c) ** 2 / 2).reshape(-1, 2)
    expected = family.loss_after(theta, alpha=0.2, inner_steps=1)
    error = losses.std(0) / len(losses) ** 0.5
    assert ((losses.mean(0) - expected).abs() < 4 * error).all()
    exact = two_rails().loss_after(theta, alpha=0.2, inner_steps=1)
    assert (expected - exact > 10 * error).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_losses_and_curvatures_are_those_of_the_probes(name: str) -> None:
    family = FAMILIES[name]()
    theta, tasks = start_of(family), len(family.names)
    batch = family.sample(tasks, torch.Generator())
    generator = torch.Generator().manual_seed(0)
    probe = inner_curvature(
        lambda params, task: family.loss(lambda: params["theta"], task),
        {"theta": theta}, batch.support, batch.query,
        alpha=0.2, inner_steps=3, generator=generator,
    )  # fmt: skip
    mine = family.curvature(theta, alpha=0.2, inner_steps=3)
    torch.testing.assert_close(mine, probe.alpha_largest, rtol=1e-9, atol=1e-9)
    losses = family.loss_after(theta, alpha=0.0, inner_steps=1)
    again = torch.stack([loss_of(family, task)(theta) for task in range(tasks)])
    torch.testing.assert_close(losses, again, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("problem", "method", "changes"),
    [
        ("Two rails", "exact", {}),
        ("Two rails", "first order", {"order": 1}),
        ("Coupled quadratics", "exact", {}),
        ("Bent valleys", "first order", {"order": 1}),
    ],
)
def test_a_session_ends_at_the_fixed_point(
    problem: str, method: Method, changes: dict[str, Any]
) -> None:
    toy = PROBLEMS[problem]
    settings = toy.settings.changed(beta=0.5, **changes)
    source = toy.source(next(iter(toy.models)), settings, None)
    session = Session(settings, model=source.model, tasks=source.tasks, test_tasks=4)
    session.run(150)
    family: Any = source.tasks(shots=1)
    end = family.fixed_point(method, alpha=0.2, inner_steps=settings.inner_steps)
    torch.testing.assert_close(session.snapshot().params["theta"], end, rtol=0, atol=1e-9)


def test_a_learner_by_reptile_ends_at_the_fixed_point() -> None:
    family = two_rails()
    algorithm = Reptile(alpha=0.2, inner_steps=5)
    learner = MetaLearner(
        parameter_vector, family, algorithm, beta=0.5, meta_batch=2, meta_optimizer="sgd"
    )
    learner.train(100)
    end = family.fixed_point("Reptile", alpha=0.2, inner_steps=5)
    torch.testing.assert_close(learner.params["theta"], end, rtol=0, atol=1e-9)


def test_a_portrait_touches_the_loss_at_each_inner_step() -> None:
    toy = PROBLEMS["Bent valleys"]
    session = Session(
        toy.settings.changed(inner_steps=2), model=parameter_vector, tasks=bent_valleys
    )
    portrait: Any = session.portrait(session.snapshot(), 1)
    gap = portrait.truth - portrait.predictions[0]  # the tangent at θ = 0
    assert gap.abs().min() < 1e-3  # the grid misses θ = 0 a little
    assert portrait.x[gap.abs().argmin()].abs() < 0.05
    assert portrait.title == "a = 3, b = -1, c = 1"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Quadratics(torch.ones(2, 1), torch.zeros(2, 1)), r"got \(2, 1\) and \(2, 1\)"),
        (lambda: Quadratics(torch.tensor([[[1.0, 2], [0, 1]]]), torch.zeros(1, 2)), "symmetric"),
        (lambda: two_rails(error=-1.0), "error must be a finite number ≥ 0"),
        (lambda: two_rails(shots=0), "shots must be a whole number ≥ 1"),
        (lambda: Quadratics(torch.ones(1, 1, 1), torch.full((1, 1), torch.inf)), "finite"),
        (lambda: Quadratics(torch.ones(1, 1, 1), torch.zeros(1, 1), ("a", "b")), "expected 1 name"),
        (lambda: Cubics(((0.0, 1.0, 1.0),)), r"a task must be \(a, b, c\)"),
        (lambda: Cubics(()), "at least one"),
        (lambda: parameter_vector(torch.Generator(), start=float("nan")), "start must be a finite"),
        (lambda: two_rails().fixed_point("exact", alpha=1e999, inner_steps=1), "alpha must be"),
        (lambda: two_rails().fixed_point("FOO", alpha=1.0, inner_steps=1), "method must be one"),  # type: ignore[arg-type]
        (lambda: two_rails().fixed_point("Reptile", alpha=0.1, inner_steps=0), "no single fixed"),
        (lambda: bent_valleys().fixed_point("exact", alpha=0.1, inner_steps=4), "up to 3 inner"),
        (lambda: two_rails().loss_after(torch.ones(2), alpha=1.0, inner_steps=1), "shape"),
    ],
)  # fmt: skip
def test_what_has_no_answer_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
