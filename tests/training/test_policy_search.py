"""TRPO and PPO: Fisher products against dense matrices, the bound on the divergence, learners."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import grad, jacrev

from labkit import ANIL, MAML, PPO, TRPO, LearnedAlpha, MetaLearner, Reptile, Sinusoid, sinusoid_mlp
from labkit.core import Params, tree_leaves
from labkit.core.linalg import as_vector, from_vector
from labkit.core.policy_gradients import fisher_product
from labkit.tasks import GaussianPolicy, Navigation, gaussian_policy
from labkit.training.model import TaskLoss
from labkit.training.step import draw_inputs
from labkit.training.step.policy_search import HeldTasks

DOUBLE = torch.float64
FAMILY = Navigation(shots=6, queries=5, horizon=4, objective="lvc")


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_policy() -> tuple[TaskLoss, Params]:
    layer = nn.Linear(2, 2, device="meta").to_empty(device="cpu").double()
    layer.weight.data = torch.tensor([[0.3, -0.2], [0.1, 0.4]], dtype=DOUBLE)
    layer.bias.data = torch.tensor([0.2, -0.1], dtype=DOUBLE)
    policy = GaussianPolicy(layer, 2, log_std=-0.5).double()
    params = {name: p.detach() for name, p in policy.named_parameters()}
    return TaskLoss(policy, {}, frozenset(params), FAMILY), params


def held_tasks(algorithm: MAML, vectorize: bool = True) -> tuple[HeldTasks, Params, Any]:
    loss_fn, params = linear_policy()
    support, query = draw_inputs(FAMILY, 3, stream(), params, algorithm.inner_steps)
    data = (support, query)
    return HeldTasks(algorithm, loss_fn, params, *data, vectorize=vectorize), params, data


@pytest.mark.parametrize("inner_steps", [0, 1])
def test_fisher_products_against_a_dense_fisher_matrix(inner_steps: int) -> None:
    """F = mean over tasks of Jᵀ F_i J, with F_i by hand from the states and J = ∂θ'/∂θ."""
    algorithm = MAML(0.3, inner_steps)
    held, params, _ = held_tasks(algorithm)
    dense = torch.zeros(8, 8, dtype=DOUBLE)
    for task in range(3):
        support, query = (
            torch.utils._pytree.tree_map(lambda leaf, task=task: leaf[task], part)
            for part in (held._support, held._query)
        )

        def adapted(vector: Tensor, support: Any = support) -> Tensor:
            return as_vector(held._path(from_vector(vector, params), support)[-1])

        end = from_vector(adapted(as_vector(params)), params)
        batch = held._loss_fn.draw(end, query)
        seen = batch.steps.observations[batch.steps.alive == 1]
        inverse = (-2 * end["log_std"]).exp()
        fisher = torch.zeros(8, 8, dtype=DOUBLE)
        fisher[:2, :2] = 2 * torch.eye(2, dtype=DOUBLE)  # in log σ
        ones = torch.ones(len(seen), 1, dtype=DOUBLE)
        for part in range(2):
            inputs = torch.zeros(len(seen), 6, dtype=DOUBLE)  # ∂μ_part: biases, then weights
            inputs[:, part : part + 1], inputs[:, 2 + 2 * part : 4 + 2 * part] = ones, seen
            fisher[2:, 2:] += inverse[part] * inputs.T @ inputs / len(seen)
        jacobian = jacrev(adapted)(as_vector(params))
        dense += jacobian.T @ fisher @ jacobian / 3
    product = fisher_product(held.divergence, params)
    for row in range(8):
        unit = torch.zeros(8, dtype=DOUBLE)
        unit[row] = 1
        result = as_vector(product(from_vector(unit, params)))
        assert torch.allclose(result, dense[row], atol=1e-9)


def test_held_tasks_start_from_the_loss_and_the_gradient_of_the_meta_step() -> None:
    algorithm = MAML(0.3, 2)
    held, params, data = held_tasks(algorithm)
    expected = algorithm.meta_gradient(held._loss_fn, params, *data)
    assert torch.allclose(held.objective(params), expected.loss, rtol=1e-12)
    assert float(held.divergence(params)) == 0
    slopes = grad(held.objective)(params)
    for name, slope in slopes.items():
        assert torch.allclose(slope, expected.params[name], atol=1e-12)
    alone, *_ = held_tasks(algorithm, vectorize=False)
    other = {name: p + 0.1 for name, p in params.items()}
    for one, two in ((held.objective, alone.objective), (held.divergence, alone.divergence)):
        assert torch.allclose(one(other), two(other), rtol=1e-12)


def test_trpo_goes_to_the_edge_and_not_beyond() -> None:
    held, params, _ = held_tasks(MAML(0.3, 1))
    before = held.objective(params)
    for max_kl in (1e-4, 0.01):
        after = TRPO(max_kl=max_kl).search(held.objective, held.divergence, params, 0.0)
        assert held.objective(after) < before
        assert 0.3 * max_kl < float(held.divergence(after)) <= max_kl
    # the natural gradient is the direction, up to damping
    near = TRPO(max_kl=1e-8, cg_steps=20, damping=1e-12)
    after = near.search(held.objective, held.divergence, params, 0.0)
    step = {name: params[name] - p for name, p in after.items()}
    image = as_vector(fisher_product(held.divergence, params)(step))
    slope = as_vector(grad(held.objective)(params))
    assert torch.allclose(image / image.norm(), slope / slope.norm(), atol=1e-4)


def test_trpo_shortens_a_step_whose_divergence_is_larger_than_its_curvature_says() -> None:
    def divergence(params: Params) -> Tensor:  # F = 1 at 0, and steeper than w²/2 away from it
        return params["w"] ** 2 / 2 + 100 * params["w"] ** 4

    theta = {"w": torch.zeros((), dtype=DOUBLE)}
    step = TRPO(max_kl=0.02).search(lambda p: p["w"], divergence, theta, 0.0)
    assert 0.005 < float(divergence(step)) <= 0.02


def test_trpo_stays_where_nothing_is_better() -> None:
    def rising(params: Params) -> Tensor:
        return params["w"].square().sum()

    theta = {"w": torch.zeros(2, dtype=DOUBLE)}
    assert TRPO().search(rising, rising, theta, 0.0) is theta
    # a slope that is wrong: no step is lower
    wrong = {"w": torch.ones(2, dtype=DOUBLE)}
    stays = TRPO(backtracks=2).search(
        lambda p: p["w"].sum() - 2 * p["w"].detach().sum(),
        lambda p: (p["w"] - 1).square().sum(),
        wrong,
        0.0,
    )
    assert stays is wrong


def test_ppo_stops_at_the_divergence_and_heeds_its_penalty() -> None:
    held, params, _ = held_tasks(MAML(0.3, 1))

    def after(**options: Any) -> tuple[float, float]:
        search = PPO(**options).search(held.objective, held.divergence, params, 0.02)
        return float(held.objective(search)), float(held.divergence(search))

    one, many = after(updates=1, kl_penalty=0.0), after(updates=20, kl_penalty=0.0, max_kl=9.0)
    assert many[0] < one[0] < float(held.objective(params))
    assert after(updates=20, kl_penalty=100.0, max_kl=9.0)[1] < many[1]
    stopped = after(updates=20, kl_penalty=0.0, max_kl=one[1] / 2)
    assert stopped == one


@pytest.mark.parametrize("search", [TRPO(), PPO(updates=2)], ids=["trpo", "ppo"])
def test_learners_resume_as_if_uninterrupted(search: TRPO | PPO, tmp_path: Path) -> None:
    def learner() -> MetaLearner:
        policy = partial(gaussian_policy, width=4)
        return MetaLearner(
            policy, FAMILY, MAML(alpha=0.1), meta_optimizer=search, meta_batch=3, beta=0.01
        )

    whole, first, second = learner(), learner(), learner()
    whole.train(4)
    first.train(2)
    first.save(tmp_path / "run")
    second.load(tmp_path / "run")
    second.train(2)
    pairs = zip(tree_leaves(whole.params), tree_leaves(second.params), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    start = learner().params
    assert all(not torch.equal(p, start[name]) for name, p in whole.params.items())


@pytest.mark.parametrize(
    ("tasks", "algorithm", "message"),
    [
        (Sinusoid(), MAML(), "TRPO is for policies, and Sinusoid has no method divergence"),
        (FAMILY, Reptile(), "inner steps are differentiated through"),
        (FAMILY, MAML(alpha=LearnedAlpha(0.1)), "with a fixed alpha"),
    ],
)
def test_what_trpo_is_not_for_is_named(tasks: Any, algorithm: Any, message: str) -> None:
    model = sinusoid_mlp if isinstance(tasks, Sinusoid) else gaussian_policy
    with pytest.raises(ValueError, match=message):
        MetaLearner(model, tasks, algorithm, meta_optimizer=TRPO())


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (TRPO, {"max_kl": 0.0}, "max_kl must be a finite number > 0"),
        (TRPO, {"shrink": 1.0}, "shrink must be a number between 0 and 1"),
        (TRPO, {"cg_steps": 0}, "cg_steps must be a whole number ≥ 1"),
        (PPO, {"updates": 0}, "updates must be a whole number ≥ 1"),
        (PPO, {"kl_penalty": -1.0}, "kl_penalty must be a finite number ≥ 0"),
    ],
)
def test_bad_values_are_named(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_anil_adapts_the_head_alone_by_trpo() -> None:
    algorithm = ANIL(alpha=0.1, head=["mean.4.*", "log_std"])
    policy = partial(gaussian_policy, width=4)
    learner = MetaLearner(policy, FAMILY, algorithm, meta_optimizer=TRPO(), meta_batch=2)
    start = learner.params
    learner.train(1)
    assert not torch.equal(learner.params["mean.0.weight"], start["mean.0.weight"])
