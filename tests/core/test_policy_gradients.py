"""Policy gradients against problems whose actions can be enumerated, and against plain loops."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap
from torch.linalg import vector_norm

from labkit.core import (
    MAML,
    OnPolicy,
    Params,
    drawing,
    meta_gradient,
    task_gradients,
    with_noise,
)
from labkit.core.policy_gradients import (
    LinearBaseline,
    Objective,
    Steps,
    discounted_sums,
    gaussian_kl,
    gaussian_log_prob,
    generalised_advantages,
    policy_objective,
    standardised,
)

ACTIONS = torch.tensor([*product(range(3), range(3))])
"""Every episode of two steps with three actions."""

GAMMA = 0.9
DOUBLE = torch.float64
THETA = {"logits": torch.tensor([0.3, -0.5, 0.1], dtype=DOUBLE)}
TABLES = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
"""Of four tasks: the rewards of the second step depend on both actions."""


def rewards_of(table: Tensor) -> Tensor:
    first, second = ACTIONS.T
    return torch.stack([table.diagonal()[first], table[first, second]], -1)  # (9, 2)


def exact_loss(params: Params, table: Tensor) -> Tensor:
    """−E[r_0 + γ r_1], by summing over all episodes."""
    log_probs = params["logits"].log_softmax(0)[ACTIONS]  # (9, 2)
    discounts = torch.tensor([1.0, GAMMA], dtype=DOUBLE)
    return -(log_probs.sum(-1).exp() * (rewards_of(table) * discounts).sum(-1)).sum()


def episodes(params: Params, _: Tensor, table: Tensor) -> tuple[Tensor, ...]:
    """All episodes, each with its probability in place of how often it would be drawn."""
    old = params["logits"].log_softmax(0)[ACTIONS].detach()
    return old, old.sum(-1).exp(), rewards_of(table)


def estimated(objective: Objective) -> Callable[[Params, tuple[Tensor, ...]], Tensor]:
    """The loss of an estimator in expectation."""

    def loss(params: Params, batch: tuple[Tensor, ...]) -> Tensor:
        old, weights, rewards = batch
        discounts = torch.tensor([1.0, GAMMA], dtype=DOUBLE)
        advantages = discounted_sums(rewards, GAMMA) * discounts
        log_probs = params["logits"].log_softmax(0)[ACTIONS]
        terms = policy_objective(objective, log_probs, old, advantages)
        return -(weights * terms.sum(-1)).sum()

    return loss


def derivatives(loss: Callable[[Params], Tensor]) -> tuple[Tensor, Tensor]:
    def of_logits(logits: Tensor) -> Tensor:
        return loss({"logits": logits})

    return grad(of_logits)(THETA["logits"]), jacrev(grad(of_logits))(THETA["logits"])


@pytest.mark.parametrize("objective", ["dice", "lvc", "surrogate"])
def test_derivatives_in_expectation(objective: Objective) -> None:
    data = episodes(THETA, torch.empty(0), TABLES[0])
    first, second = derivatives(lambda params: estimated(objective)(params, data))
    exact_first, exact_second = derivatives(lambda params: exact_loss(params, TABLES[0]))
    assert torch.allclose(first, exact_first, atol=1e-12)
    assert torch.allclose(second, exact_second, atol=1e-12) == (objective == "dice")


@pytest.mark.parametrize("steps", [1, 2])
def test_the_meta_gradient_of_dice_is_exact_in_expectation(steps: int) -> None:
    data = OnPolicy(lambda _: torch.zeros(1), episodes, TABLES)
    maml = MAML(alpha=0.5, inner_steps=steps)
    exact = maml.meta_gradient(exact_loss, THETA, TABLES, TABLES).params["logits"]

    def of(objective: Objective, algorithm: MAML = maml) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        args = (estimated(objective), THETA, data, data)
        return algorithm.meta_gradient(*args, generator=generator).params["logits"]

    assert torch.allclose(of("dice"), exact, atol=1e-12)
    first = replace(maml, order=1)
    truth = first.meta_gradient(exact_loss, THETA, TABLES, TABLES).params["logits"]
    for objective in get_args(Objective):
        assert torch.allclose(of(objective, first), truth, atol=1e-12)
    # the surrogate's second derivative leads farther off than leaving it out
    lvc, surrogate = of("lvc") - exact, of("surrogate") - exact
    assert vector_norm(lvc) < vector_norm(surrogate)
    assert vector_norm(truth - exact) < vector_norm(surrogate)


def test_a_sampled_meta_gradient_within_four_standard_errors() -> None:
    count, repeats = 2000, 60
    table = TABLES[0].diagonal()

    def noise(generator: torch.Generator) -> Tensor:
        return torch.rand(count, generator=generator, dtype=DOUBLE)

    def draw(params: Params, noise: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        probabilities = params["logits"].softmax(0).detach()
        actions = (noise[:, None] > probabilities.cumsum(0)[:2]).sum(-1)
        return actions, probabilities.log()

    def loss(objective: Objective) -> Callable[[Params, tuple[Tensor, Tensor]], Tensor]:
        def of(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
            actions, old = batch
            choose = (actions[:, None] == torch.arange(3)).to(DOUBLE)
            log_probs = (choose * params["logits"].log_softmax(0)).sum(-1, keepdim=True)
            before = (choose * old).sum(-1, keepdim=True)
            advantages = (choose * table).sum(-1, keepdim=True)
            return -policy_objective(objective, log_probs, before, advantages).mean()

        return of

    def exact(params: Params, _: Tensor) -> Tensor:
        return -(params["logits"].softmax(0) * table).sum()

    one = torch.zeros(1)
    truth = meta_gradient(exact, THETA, one, one, alpha=1.0, inner_steps=1).params["logits"]

    def off(objective: Objective) -> Tensor:
        """How many standard errors the mean of the estimates is off."""
        data = OnPolicy(noise, draw, torch.zeros(repeats))
        generator = torch.Generator().manual_seed(0)
        support = with_noise(drawing(data, generator, by_step=True), 2)
        query = with_noise(drawing(data, generator, by_step=False), 1)
        maml = MAML(alpha=1.0, inner_steps=1)
        slopes = task_gradients(maml, loss(objective), THETA, support, query)["logits"]
        errors: Tensor = slopes.std(0) / repeats**0.5
        return (slopes.mean(0) - truth).abs() / errors

    assert (off("dice") < 4).all()
    assert (off("surrogate") > 8).any()


@pytest.mark.parametrize(
    ("objective", "baseline", "curvature"),
    [
        ("dice", 0.0, -1.0),
        ("lvc", 0.0, -1.0),
        ("surrogate", 0.0, 1.0),
        ("surrogate", -1.0, 0.0),
        ("dice", -1.0, -1.0),
    ],
)
def test_curvature_for_one_gaussian_action(
    objective: Objective, baseline: float, curvature: float
) -> None:
    """Reward −(x − c)²/2 at |θ − c| = σ = 1: the mean reward is −1, and J″ is −1."""
    noise = torch.randn(200, 2000, 1, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    actions = 1 + noise  # θ = 1, c = 0

    def value(theta: Tensor, x: Tensor) -> Tensor:
        log_probs = gaussian_log_prob(x, theta, torch.zeros(1, dtype=DOUBLE))[:, None]
        advantages = -x.square() / 2 - baseline
        return policy_objective(objective, log_probs, log_probs.detach(), advantages).mean()

    theta = torch.tensor(1.0, dtype=DOUBLE)
    estimates = vmap(grad(grad(value)), (None, 0))(theta, actions)
    error = estimates.std() / len(estimates) ** 0.5
    assert abs(estimates.mean() - curvature) < 4 * error
    assert error < 0.01


def test_advantages_by_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    rewards = torch.randn(3, 6, generator=generator, dtype=DOUBLE)
    values = torch.randn(3, 6, generator=generator, dtype=DOUBLE)
    alive = torch.ones(3, 6, dtype=DOUBLE)
    alive[1, 4:] = 0  # its fourth step was the last
    steps = Steps(torch.zeros(3, 6, 1, dtype=DOUBLE), rewards * alive, alive)
    result = generalised_advantages(steps, values, 0.9, 0.7)
    for episode in range(3):
        after, advantage = 0.0, 0.0
        for t in reversed(range(int(alive[episode].sum()))):
            delta = float(rewards[episode, t]) + 0.9 * after - float(values[episode, t])
            advantage = delta + 0.9 * 0.7 * advantage
            after = float(values[episode, t])
            assert abs(float(result[episode, t]) - advantage) < 1e-12
    assert result[1, 4:].eq(0).all()
    normal = standardised(result, alive)[alive == 1]
    assert abs(float(normal.mean())) < 1e-12
    assert abs(float(normal.std(correction=0)) - 1) < 1e-6


def test_the_linear_baseline_is_a_least_squares_fit_to_living_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = torch.randn(5, 30, 2, generator=generator, dtype=DOUBLE)
    targets = torch.randn(5, 30, generator=generator, dtype=DOUBLE)
    alive = torch.ones(5, 30, dtype=DOUBLE)
    alive[2, 10:] = 0
    fitted = LinearBaseline().fit(Steps(seen, torch.zeros(5, 30), alive), targets)
    t = np.broadcast_to(np.arange(30) / 100, (5, 30))[..., None]
    features = np.concatenate(
        [seen.numpy(), seen.square().numpy(), t, t**2, t**3, np.ones_like(t)], -1
    )
    living = alive.numpy() == 1
    # the ridge as eight more rows
    rows = np.concatenate([features[living], np.sqrt(1e-5) * np.eye(8)])
    slope = np.linalg.lstsq(rows, np.append(targets.numpy()[living], np.zeros(8)), rcond=None)[0]
    assert np.allclose(fitted.numpy()[living], (features @ slope)[living], atol=1e-8)


def test_gaussians_against_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, other, x = torch.randn(3, 7, 2, generator=generator, dtype=DOUBLE)
    log_std, log_other = torch.randn(2, 2, generator=generator, dtype=DOUBLE)
    p = torch.distributions.Normal(mean, log_std.exp())
    q = torch.distributions.Normal(other, log_other.exp())
    assert torch.allclose(gaussian_log_prob(x, mean, log_std), p.log_prob(x).sum(-1))  # type: ignore[no-untyped-call]
    expected = torch.distributions.kl_divergence(p, q).sum(-1)
    assert torch.allclose(gaussian_kl(mean, log_std, other, log_other), expected)
