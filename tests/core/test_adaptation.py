"""`adapt` against arithmetic done by hand and closed forms."""

from typing import Any

import pytest
import torch
from torch import Tensor

from labkit import GradientDescent, InnerOptimizer, adapt, meta_gradient
from tests.core.quadratics import flat, loss, path_by_hand, quadratics


def parabola(params: dict[str, Tensor], target: Tensor) -> Tensor:
    return ((params["w"] - target) ** 2).sum() / 2


def test_trajectory_by_hand() -> None:
    # L = (w − 1)²/2, gradient w − 1, α = 0.5, w_0 = 5:
    # w_1 = 5 − 0.5·4 = 3, w_2 = 3 − 0.5·2 = 2, w_3 = 2 − 0.5·1 = 1.5; L = 8, 2, 0.5, 0.125
    result = adapt(parabola, {"w": torch.tensor(5.0)}, torch.tensor(1.0), alpha=0.5, inner_steps=3)
    assert [float(p["w"]) for p in result.path] == [5.0, 3.0, 2.0, 1.5]
    assert result.losses.tolist() == [8.0, 2.0, 0.5, 0.125]
    assert result.params is result.path[-1]


def test_no_steps_change_nothing() -> None:
    params = {"w": torch.tensor(5.0)}
    result = adapt(parabola, params, torch.tensor(1.0), alpha=0.5, inner_steps=0)
    assert result.params is params
    assert result.losses.tolist() == [8.0]


@pytest.mark.parametrize("order", [1, 2])
def test_path_of_a_quadratic(order: Any) -> None:
    problem = quadratics()
    a, c, _, _ = problem.task(1)
    result = adapt(loss, problem.params, (a, c), alpha=0.1, inner_steps=5, order=order)
    expected = path_by_hand(problem, 1, [torch.tensor(0.1, dtype=torch.float64)] * 5)
    for actual, theta in zip(result.path, expected, strict=True):
        torch.testing.assert_close(flat(actual), theta, rtol=1e-13, atol=1e-13)


def test_order_decides_what_is_differentiable() -> None:
    # w' = w − α(w − 1): ∂w'/∂w is 1 − α exactly, 1 when the inner gradient is a constant
    cases: list[tuple[Any, float]] = [(2, 0.75), (1, 1.0)]
    for order, expected in cases:
        w = torch.tensor(5.0, requires_grad=True)
        result = adapt(
            parabola, {"w": w}, torch.tensor(1.0), alpha=0.25, inner_steps=1, order=order
        )
        (gradient,) = torch.autograd.grad(result.params["w"], w)
        assert float(gradient) == expected


def test_params_keep_their_dtype() -> None:
    params = {"w": torch.ones(2), "v": torch.ones((), dtype=torch.float64)}
    result = adapt(
        lambda p, _: (p["w"].sum() * p["v"]).float(), params, None, alpha=0.1, inner_steps=2
    )
    assert result.params["w"].dtype == torch.float32
    assert result.params["v"].dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"inner_steps": -1}, "inner_steps must be a whole number ≥ 0, got -1"),
        ({"inner_steps": 1.5}, "inner_steps must be a whole number ≥ 0, got 1.5"),
        ({"inner_steps": True}, "inner_steps must be a whole number ≥ 0, got True"),
        ({"order": 3}, "order must be 1 .* or 2 .*, got 3"),
        ({"order": True}, "order must be 1 .* or 2 .*, got True"),
        ({"alpha": "big"}, "alpha for all parameters must be a number"),
        ({"alpha": float("nan")}, "alpha for all parameters must be finite, got nan"),
        ({"alpha": True}, "alpha for all parameters must be a number"),
        ({"alpha": [0.1]}, "alpha has 1 entries for inner_steps=2"),
        ({"alpha": {"v": 0.1}}, r"\['v'\] match none; the adapted parameters are \['w'\]"),
        ({"alpha": {"w": torch.ones(3)}}, r"alpha for w has shape \(3,\)"),
        ({"alpha": torch.ones(2)}, r"0-d tensor, got shape \(2,\)|has shape \(2,\)"),
        ({"alpha": torch.tensor(1)}, "must be floating point, got torch.int64"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    valid: dict[str, Any] = {"alpha": 0.1, "inner_steps": 2, "order": 2}
    with pytest.raises(ValueError, match=words):
        adapt(parabola, {"w": torch.tensor(5.0)}, torch.tensor(1.0), **(valid | arguments))


@pytest.mark.parametrize("inner_steps", [1, 2])
def test_loss_must_be_a_number(inner_steps: int) -> None:
    with pytest.raises(ValueError, match=r"0-d tensor, got shape \(2,\): reduce it"):
        adapt(lambda p, _: p["w"], {"w": torch.ones(2)}, None, alpha=0.1, inner_steps=inner_steps)


def test_a_loss_without_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no gradient in any of the parameters \['w'\]: look for"):
        adapt(
            lambda p, _: p["w"].detach().sum(), {"w": torch.ones(2)}, None, alpha=1.0, inner_steps=1
        )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "params is empty"),
        ({"w": torch.ones(2, dtype=torch.int64)}, r"params\['w'\] is torch.int64, .* no gradient"),
    ],
)
def test_parameters_must_be_differentiable(params: dict[str, Tensor], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        adapt(lambda p, _: p["w"].sum(), params, None, alpha=1.0, inner_steps=1)


class Proximal(InnerOptimizer):
    """A pull back to θ_0, which a direction sees at θ_k."""

    def start(self, params: Any) -> Any:
        return {"anchor": params}

    def direction(self, gradient: Any, state: Any, step: int, params: Any) -> Any:  # noqa: ARG002
        return {n: g + 2 * (params[n] - state["anchor"][n]) for n, g in gradient.items()}, state


class WithoutParameters(InnerOptimizer):
    """As written before directions saw the parameters: minus the gradient, doubled at each step."""

    def start(self, params: Any) -> Any:  # noqa: ARG002
        return {}

    def direction(self, gradient: Any, state: Any, step: int) -> Any:  # type: ignore[override]
        return {n: 2.0**step * g for n, g in gradient.items()}, state


def test_a_direction_sees_the_parameters() -> None:
    # L = (w − 1)²/2, w_0 = 5, α = 0.25: w_1 = 5 − 0.25·4 = 4;
    # d_1 = 3 + 2·(4 − 5) = 1, w_2 = 4 − 0.25 = 3.75
    theta, target = {"w": torch.tensor(5.0)}, torch.tensor(1.0)
    result = adapt(parabola, theta, target, alpha=0.25, inner_steps=2, inner_optimizer=Proximal())
    assert [float(p["w"]) for p in result.path] == [5.0, 4.0, 3.75]
    # w_1 = 5 − 0.25·4 = 4, w_2 = 4 − 0.25·2·3 = 2.5
    result = adapt(
        parabola, theta, target, alpha=0.25, inner_steps=2, inner_optimizer=WithoutParameters()
    )
    assert [float(p["w"]) for p in result.path] == [5.0, 4.0, 2.5]


@pytest.mark.parametrize("order", [1, 2])
def test_weight_decay_in_the_meta_gradient(order: Any) -> None:
    # L_s = (w − 1)²/2, λ = 2: w' = w − α(w − 1 + 2w), dw'/dw = 1 − 3α, or 1 for order 1;
    # w = 5, α = 0.1: w' = 5 − 0.1·14 = 3.6; L_q = w'²/2
    gradient = meta_gradient(
        parabola,
        {"w": torch.tensor(5.0, dtype=torch.float64)},
        torch.ones(1, dtype=torch.float64),
        torch.zeros(1, dtype=torch.float64),
        alpha=0.1,
        inner_steps=1,
        order=order,
        inner_optimizer=GradientDescent(weight_decay=2.0),
    )
    assert float(gradient.params["w"]) == pytest.approx(3.6 * (0.7 if order == 2 else 1.0))
    with pytest.raises(ValueError, match="weight_decay must be a finite number ≥ 0, got -1"):
        GradientDescent(weight_decay=-1)
