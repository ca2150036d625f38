"""Data that are drawn with the parameters: each loss on a batch of the θ it is at."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from labkit.core import (
    MAML,
    Draws,
    JointTraining,
    LoopWarning,
    MetaGradient,
    OnPolicy,
    Params,
    TaskList,
    adapt,
    check_meta_gradient,
    drawing,
    meta_gradient,
    slice_meta_loss,
    vectorize,
    with_noise,
)

GOALS = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
THETA = {"w": torch.tensor(0.3, dtype=torch.float64)}


def numbers(generator: torch.Generator) -> Tensor:
    return torch.randn(4, generator=generator, dtype=torch.float64)


def actions(params: Params, noise: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    return params["w"] + noise, goal


def cubic(_: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, goal = batch
    return (x - goal).square().mean() / 2 + (x - goal).pow(3).mean() / 6


def on_policy() -> OnPolicy:
    return OnPolicy(numbers, actions, GOALS)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_inner_step_draws_afresh_with_the_parameters_it_has() -> None:
    calls: list[tuple[float, Tensor]] = []

    def sampler(params: Params, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        noise = numbers(generator)
        calls.append((float(params["w"].detach()), noise))
        return actions(params, noise, GOALS[0])

    result = adapt(cubic, THETA, sampler, alpha=0.1, inner_steps=2, generator=stream())
    assert [at for at, _ in calls] == [float(p["w"]) for p in result.path]
    assert len({tuple(noise.tolist()) for _, noise in calls}) == 3
    # dL/dw = mean(d + d²/2), d = w + noise − goal, by hand
    d = 0.3 + calls[0][1] - GOALS[0]
    assert torch.isclose(result.path[1]["w"], 0.3 - 0.1 * (d + d.square() / 2).mean())


def test_the_meta_gradient_is_that_of_the_batches_by_hand() -> None:
    draws = (
        drawing(on_policy(), stream(), by_step=True),
        drawing(on_policy(), stream(1), by_step=False),
    )
    support, query = (with_noise(part, 2).noise for part in draws)
    assert support.shape == (3, 2, 4)
    assert query.shape == (3, 1, 4)
    alpha, w = 0.1, float(THETA["w"])

    def slopes(at: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        d = at + noise - GOALS[:, None]
        return (d + d.square() / 2).mean(1), (1 + d).mean(1)

    gradient, curvature = slopes(torch.full((3, 1), w), support[:, 0])
    adapted = w - alpha * gradient
    expected = (1 - alpha * curvature) * slopes(adapted[:, None], query[:, 0])[0]
    result = MAML(alpha, 1).meta_gradient(cubic, THETA, *draws)
    assert torch.allclose(result.params["w"], expected.mean(), rtol=1e-12)


@pytest.mark.parametrize(
    "options", [{"vectorize": False}, {"task_chunk": 2}, {"checkpoint": True}], ids=str
)
def test_the_batches_do_not_depend_on_how_tasks_are_computed(options: dict[str, Any]) -> None:
    def gradient(**options: Any) -> MetaGradient:
        return meta_gradient(
            cubic, THETA, on_policy(), on_policy(), alpha=0.05, inner_steps=3, generator=stream(),
            **options,
        )  # fmt: skip

    plain, other = gradient(), gradient(**options)
    assert torch.allclose(plain.task_losses, other.task_losses, rtol=1e-12)
    assert torch.allclose(plain.params["w"], other.params["w"], rtol=1e-12)


def test_a_list_of_functions_gives_the_same_one_task_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vectorize, "_SAID", set())

    def of_task(goal: Tensor) -> Callable[[Params, torch.Generator], Any]:
        return lambda params, generator: actions(params, numbers(generator), goal)

    listed = TaskList([of_task(goal) for goal in GOALS])
    algorithm = MAML(0.05, 2)
    with pytest.warns(LoopWarning, match="are drawn by a function"):
        one = algorithm.meta_gradient(cubic, THETA, listed, listed, generator=stream())
    two = algorithm.meta_gradient(cubic, THETA, on_policy(), on_policy(), generator=stream())
    assert torch.allclose(one.params["w"], two.params["w"], rtol=1e-12)


def test_finite_differences_confirm_the_gradient_through_the_draws() -> None:
    generator = stream()
    support = drawing(on_policy(), generator, by_step=True)
    query = drawing(on_policy(), generator, by_step=False)
    for algorithm in (MAML(0.05, 2), JointTraining()):
        check = check_meta_gradient(
            algorithm, cubic, THETA, support, query, generator=stream(1), directions=1
        )
        assert check.passed, check


def test_what_a_function_detaches_has_no_derivative() -> None:
    def detached(params: Params, noise: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        return (params["w"] + noise).detach(), goal

    def loss(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
        return (params["w"] * batch[0]).mean()

    support = OnPolicy(numbers, detached, GOALS)
    result = meta_gradient(
        loss, THETA, support, support, alpha=0.5, inner_steps=1, generator=stream()
    )
    # the slope of w·x at fixed x is x, whatever θ: no second derivative is left
    first = meta_gradient(
        loss, THETA, support, support, alpha=0.5, inner_steps=1, generator=stream(), order=1
    )
    assert torch.equal(result.params["w"], first.params["w"])


def test_a_slice_sees_the_same_random_numbers_at_each_point() -> None:
    draws = (
        drawing(on_policy(), stream(), by_step=True),
        drawing(on_policy(), stream(1), by_step=False),
    )
    data = [with_noise(part, 2) for part in draws]
    one = slice_meta_loss(
        MAML(0.1, 1), cubic, THETA, *data, directions=[{"w": torch.ones((), dtype=torch.float64)}],
        radius=0.1, points=3,
    )  # fmt: skip
    assert torch.isclose(one.loss[1], MAML(0.1, 1).meta_gradient(cubic, THETA, *draws).loss)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="give the generator"):
        adapt(cubic, THETA, on_policy(), alpha=0.1, inner_steps=1)
    with pytest.raises(ValueError, match="give the generator"):
        meta_gradient(cubic, THETA, on_policy(), on_policy(), alpha=0.1, inner_steps=1)
    function = on_policy().__call__
    with pytest.raises(ValueError, match="TaskList with a function"):
        meta_gradient(
            cubic, THETA, function, function, alpha=0.1, inner_steps=1, generator=stream()
        )
    with pytest.raises(ValueError, match="noise as a function, got None"):
        OnPolicy(None, actions, GOALS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="whose first axis is the task"):
        drawing(OnPolicy(numbers, actions, torch.tensor(1.0)), stream(), by_step=True)


def test_draws_keep_their_seeds_as_a_pytree() -> None:
    draws = drawing(on_policy(), stream(), by_step=True)
    assert isinstance(draws, Draws)
    more = draws.with_noise(3)
    fewer = draws.with_noise(1)
    assert torch.equal(more.noise[:, :1], fewer.noise)
