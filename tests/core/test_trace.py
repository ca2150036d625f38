"""The trace of a meta-gradient: closed forms, an independent computation, the sum over tasks."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp

from labkit import (
    MAML,
    Algorithm,
    MetaGradientTrace,
    MetaLearner,
    Navigation,
    ProtoMAML,
    Sinusoid,
    coupled_quadratics,
    gaussian_policy,
    sinusoid_mlp,
    trace_meta_gradient,
)
from labkit.core import as_vector, tree_map
from tests.core.networks import classification_problem
from tests.core.quadratics import loss as quadratic_loss
from tests.core.quadratics import quadratics
from tests.core.test_directions import ALGORITHMS


def degrees(one: Tensor, other: Tensor) -> float:
    cosine = float(one @ other / (one.norm() * other.norm()))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def way_back(trace: MetaGradientTrace) -> Any:
    assert trace.back is not None
    return trace.back


@pytest.mark.parametrize("order", [1, 2])
def test_on_quadratics_the_way_back_is_powers_of_i_minus_alpha_a(order: Any) -> None:
    family, alpha, steps = coupled_quadratics(), 0.37, 3
    batch = family.sample(3, torch.Generator())
    theta = torch.tensor([0.3, -1.2], dtype=torch.float64)

    def loss(params: Any, data: Any) -> Tensor:
        return family.loss(lambda: params["theta"], data)

    trace = trace_meta_gradient(
        MAML(alpha, steps, order), loss, {"theta": theta}, batch.support, batch.query
    )
    back = way_back(trace)
    for task, (a, c) in enumerate(zip(family.curvatures, family.minima, strict=True)):
        m = torch.eye(2, dtype=torch.float64) - alpha * a
        offs = [torch.linalg.matrix_power(m, k) @ (theta - c) for k in range(steps + 1)]
        torch.testing.assert_close(trace.losses[task], torch.stack([o @ a @ o / 2 for o in offs]))
        slopes = torch.stack([(a @ o).norm() for o in offs])
        torch.testing.assert_close(trace.gradient_norms[task], slopes[:-1])
        torch.testing.assert_close(trace.step_lengths[task], alpha * slopes[:-1])
        torch.testing.assert_close(trace.query_losses[task], trace.losses[task, [0, steps]])
        torch.testing.assert_close(trace.query_norms[task], slopes[-1])
        v = [torch.linalg.matrix_power(m, steps - k) @ a @ offs[-1] for k in range(steps + 1)]
        torch.testing.assert_close(back.norms[task], torch.stack([each.norm() for each in v]))
        turns = [degrees(one, other) for one, other in pairwise(v)]
        assert back.turns[task].tolist() == pytest.approx(turns, abs=1e-5)
        assert back.angles[task].tolist() == pytest.approx([degrees(o, v[-1]) for o in v], abs=1e-5)
        assert float(back.cut_angle[task]) == pytest.approx(degrees(v[-1], v[0]), abs=1e-5)
        assert float(back.cut_ratio[task]) == pytest.approx(float(v[-1].norm() / v[0].norm()))
    torch.testing.assert_close(back.stretches, back.norms[:, :-1] / back.norms[:, 1:])
    method: Any = "first order" if order == 1 else "exact"
    closed = family.directions(method, theta, alpha=alpha, inner_steps=steps)
    torch.testing.assert_close(trace.directions, closed)
    torch.testing.assert_close(trace.norms, closed.norm(dim=1))
    torch.testing.assert_close(trace.mean_norm, closed.mean(0).norm())
    away = [degrees(each, closed.mean(0)) for each in closed]
    assert trace.mean_angles.tolist() == pytest.approx(away, abs=1e-5)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own jvp
def test_on_the_sinusoid_it_is_what_forward_mode_gives() -> None:
    """H v by `jvp` of the gradient, with the network called by hand, in float64."""
    alpha, steps = 0.05, 3
    module = sinusoid_mlp(torch.Generator().manual_seed(1)).double()
    params = {name: p.detach() for name, p in module.named_parameters()}
    sample = Sinusoid(shots=4).sample(2, torch.Generator().manual_seed(3))
    batch = tree_map(lambda tensor: tensor.double(), (sample.support, sample.query))

    def loss(theta: Any, data: tuple[Tensor, Tensor]) -> Tensor:
        error: Tensor = functional_call(module, theta, data[0]) - data[1]
        return error.square().mean()

    trace = trace_meta_gradient(MAML(alpha, steps), loss, params, *batch)
    for task in range(2):
        support, query = tree_map(lambda tensor, task=task: tensor[task], batch)
        theta, path = params, [params]
        for _ in range(steps):
            slope = grad(loss)(theta, support)
            theta = {name: p - alpha * slope[name] for name, p in theta.items()}
            path.append(theta)
        v = [grad(loss)(theta, query)]
        for theta in path[-2::-1]:
            product = jvp(lambda t, s=support: grad(loss)(t, s), (theta,), (v[0],))[1]
            v.insert(0, {name: g - alpha * product[name] for name, g in v[0].items()})
        flat = [as_vector(each) for each in v]
        norms = torch.stack([each.norm() for each in flat])
        torch.testing.assert_close(way_back(trace).norms[task], norms, rtol=1e-10, atol=0)
        torch.testing.assert_close(trace.directions[task], flat[0], rtol=1e-9, atol=1e-12)
        turns = [degrees(one, other) for one, other in pairwise(flat)]
        assert way_back(trace).turns[task].tolist() == pytest.approx(turns, abs=1e-4)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: type(a).__name__)
def test_the_sum_over_tasks_is_the_meta_gradient(algorithm: Algorithm) -> None:
    problem = quadratics()
    data = quadratic_loss, problem.params, problem.support, problem.query
    trace = trace_meta_gradient(algorithm, *data)
    whole = algorithm.meta_gradient(*data, reduction="sum")
    torch.testing.assert_close(trace.directions.sum(0), as_vector(whole.params))
    if trace.back is not None:
        assert trace.back.norms.shape == (3, algorithm.inner_steps + 1)
    once = trace_meta_gradient(algorithm, *data, second_order=False)
    assert once.back is None
    torch.testing.assert_close(once.directions, trace.directions)
    torch.testing.assert_close(once.losses, trace.losses)


@pytest.mark.parametrize("order", [1, 2])
def test_it_goes_back_through_prototypes_too(order: Any) -> None:
    data = classification_problem()
    algorithm = ProtoMAML(head="head.*", alpha=0.1, inner_steps=2, order=order)
    trace = trace_meta_gradient(algorithm, *data)
    whole = algorithm.meta_gradient(*data, reduction="sum")
    torch.testing.assert_close(trace.directions.sum(0), as_vector(whole.params))


def test_without_an_inner_step_there_is_nothing_between() -> None:
    problem = quadratics()
    trace = trace_meta_gradient(
        MAML(0.1, 0), quadratic_loss, problem.params, problem.support, problem.query
    )
    assert trace.inner_steps == 0
    assert way_back(trace).turns.shape == (3, 0)
    torch.testing.assert_close(way_back(trace).norms[:, 0], trace.query_norms)
    assert way_back(trace).cut_ratio.tolist() == [1, 1, 1]
    torch.testing.assert_close(trace.query_losses[:, 0], trace.query_losses[:, 1])


def test_episodes_are_those_that_the_meta_gradient_draws() -> None:
    algorithm = MAML(0.1, 2)
    learner = MetaLearner(gaussian_policy, Navigation(shots=2, queries=2, horizon=3), algorithm)
    batch = learner.held_out(2)
    data = learner.loss_fn, learner.params, batch.support, batch.query
    whole = algorithm.meta_gradient(*data, reduction="sum")
    trace = trace_meta_gradient(algorithm, *data)
    torch.testing.assert_close(trace.directions.sum(0), as_vector(whole.params))
    torch.testing.assert_close(trace.query_losses[:, 1], whole.task_losses)
