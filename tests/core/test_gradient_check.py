"""The gradient check passes what is right, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

import pytest
import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.utils._pytree import tree_map

from labkit.core.algorithms.algorithm import Algorithm, UnrollingAlgorithm
from labkit.core.algorithms.anil import ANIL
from labkit.core.algorithms.baselines import JointTraining, RandomInitialization
from labkit.core.algorithms.imaml import IMAML
from labkit.core.algorithms.maml import MAML
from labkit.core.algorithms.meta_sgd import MetaSGD
from labkit.core.algorithms.reptile import Reptile
from labkit.core.gradients.over_tasks import MetaGradient
from labkit.core.gradients.unrolled import Problem, Unrolled
from labkit.core.inner.inner_loop import InnerLoop
from labkit.core.inner.inner_optimizers import Adam, Momentum
from labkit.core.inner.step_sizes import AnyAlpha, LearnedAlpha
from labkit.core.probes.finite_differences import Differences, differences
from labkit.core.probes.gradient_check import GradientCheck, check_meta_gradient
from labkit.core.types import LossFn, Params

Batch = tuple[Tensor, Tensor]


def draw(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def network(activation: Callable[[Tensor], Tensor]) -> LossFn:
    """Mean squared error of a network 1-8-1."""

    def loss(p: Params, batch: Batch) -> Tensor:
        x, y = batch
        hidden = activation(x * p["w"] + p["b"])
        return ((hidden @ p["v"] - y) ** 2).mean()

    return loss


THETA = {"w": draw(8, seed=2), "b": draw(8, seed=3), "v": draw(8, 1, seed=4)}
SUPPORT = (draw(3, 5, 1, seed=5), draw(3, 5, 1, seed=6))
QUERY = (draw(3, 4, 1, seed=7), draw(3, 4, 1, seed=8))
SMOOTH = network(torch.tanh)


def check(algorithm: Algorithm, loss: LossFn = SMOOTH, **changes: Any) -> GradientCheck:
    settings: dict[str, Any] = {
        "params": THETA,
        "support": SUPPORT,
        "query": QUERY,
        "generator": torch.Generator().manual_seed(0),
    }
    return check_meta_gradient(algorithm, loss, **(settings | changes))


def on_numbers(
    loss: Callable[[Tensor, Tensor], Tensor], w: float, algorithm: Algorithm, **changes: Any
) -> GradientCheck:
    """The check on one parameter w, with support 0 and query 1."""
    data = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    theta = {"w": torch.tensor(w, dtype=torch.float64)}
    return check(
        algorithm,
        lambda p, target: loss(p["w"], target),
        **({"params": theta, "support": data[0], "query": data[1]} | changes),
    )


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    ("algorithm", "alphas"),
    [
        (MAML(0.1, 3), 1),
        (MAML([0.1, 0.2], 2), 2),
        (MAML({"w": 0.1, "b": 0.2, "v": 0.05}, 2), 3),
        (MAML(torch.tensor(0.1), 2), 1),
        (MAML(0.1, 3, loss_weights=[0.5, 0.0, 1.0]), 1),
        (MAML(0.1, 2, inner_optimizer=Momentum()), 1),
        (MAML(0.1, 2, inner_optimizer=Adam(epsilon=0.1, clip=1.0)), 1),
        (MAML(LearnedAlpha(0.1, "tensor", per_step=True), 2), 5),
        (MAML(0.1, 0), 1),
        (MAML([], 0), 0),
        (MetaSGD(0.1, 2), 5),
        (ANIL(head="v", alpha=0.1, inner_steps=2), 1),
        (JointTraining(), 0),
        (IMAML(alpha=0.05, inner_steps=80, proximal=10.0, cg_steps=24), 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_right_gradients_pass(algorithm: Algorithm, alphas: int) -> None:
    result = check(algorithm)
    print(result)  # noqa: T201 - shown if it fails
    assert result.passed
    assert not result.kinks
    assert result.theta.analytic.shape == (5,)
    assert (result.theta.errors < 1e-6).all()
    assert (0 if result.alpha is None else len(result.alpha.analytic)) == alphas


@pytest.mark.usefixtures("each_way")
def test_numbers_by_hand() -> None:
    # ∂/∂w = (1 − α)(θ' − 1) and ∂/∂α = −(θ' − 1) w; w = 4, α = 0.5: θ' = 2
    result = on_numbers(lambda w, target: (w - target) ** 2 / 2, 4.0, MAML(0.5))
    assert result.alpha is not None
    assert abs(float(result.theta.analytic)) == pytest.approx(0.5, rel=1e-15)
    assert abs(float(result.theta.numeric)) == pytest.approx(0.5, rel=1e-9)
    assert abs(float(result.theta.numeric_half)) == pytest.approx(0.5, rel=1e-9)
    assert abs(float(result.alpha.numeric)) == pytest.approx(4.0, rel=1e-9)
    assert float(result.theta.steps) == 1e-5


def test_a_silently_first_order_loss_fails() -> None:
    # w s − s²/2 with s = w, cut off from the graph: the value and the gradient are those of w²/2,
    # the second derivative is not
    def cut(w: Tensor, target: Tensor) -> Tensor:
        s = (w - target).detach()
        return (w - target) * s - s**2 / 2

    assert on_numbers(cut, 4.0, MAML(0.5, inner_steps=0)).passed
    result = on_numbers(cut, 4.0, MAML(0.5, inner_steps=1))
    assert not result.passed
    # it says θ' − 1 = 1 where (1 − α)(θ' − 1) = 0.5 is right
    assert abs(float(result.theta.analytic)) == pytest.approx(1)
    assert abs(float(result.theta.numeric)) == pytest.approx(0.5)
    assert float(result.theta.errors) == pytest.approx(0.5)
    assert not result.kinks
    assert str(result).endswith("FAILED in theta")


def test_a_small_error_fails() -> None:
    # what is cut off is a thousandth of the rest
    def cut(p: Params, batch: Batch) -> Tensor:
        return SMOOTH(p, batch) + 1e-3 * p["b"][0].detach() ** 2

    assert not check(MAML(0.1, 2), cut).passed
    assert check(MAML(0.1, 2), cut, tolerance=0.1).passed


@final
@dataclass(frozen=True)
class WrongAlpha(UnrollingAlgorithm):
    """MAML that takes one gradient in α for two."""

    alpha: AnyAlpha
    inner_steps: int = 2

    def task(self, params: Params) -> Unrolled:  # noqa: ARG002
        return Unrolled(InnerLoop(self.inner_steps))

    def chunk_gradient(
        self, problem: Problem, support: Any, query: Any, divisor: int
    ) -> MetaGradient:
        right = super().chunk_gradient(problem, support, query, divisor)
        return replace(right, alpha=tree_map(lambda g: 2 * g, right.alpha))


@pytest.mark.parametrize("alpha", [0.1, [0.1, 0.2], {"w": 0.1, "b": 0.2, "v": 0.05}])
def test_a_wrong_gradient_in_alpha_alone_fails(alpha: AnyAlpha) -> None:
    result = check(WrongAlpha(alpha))
    assert not result.passed
    assert result.alpha is not None
    assert (result.alpha.errors > 1e-3).all()
    assert (result.alpha.errors < 0.5 + 1e-6).all()
    assert str(result).endswith("FAILED in alpha")


def test_imaml_shows_how_far_it_is_solved() -> None:
    result = check(IMAML(alpha=0.05, inner_steps=5, proximal=10.0, cg_steps=24))
    assert not result.passed
    rough = float(result.theta.errors.max())
    better = check(IMAML(alpha=0.05, inner_steps=20, proximal=10.0, cg_steps=24))
    assert float(better.theta.errors.max()) < rough / 5


def test_a_network_with_relus_passes() -> None:
    result = check(MAML(0.1, 3), network(torch.relu))
    assert result.passed
    assert not result.kinks


def test_a_kink_within_the_step_is_stepped_over() -> None:
    # |w − 1| at 3e-6 from its kink: the difference with 1e-5 crosses it, that with 1e-6 does not
    result = on_numbers(lambda w, target: (w - target).abs(), 1 + 3e-6, MAML(0.1, 0))
    assert result.passed
    assert float(result.theta.steps) == pytest.approx(1e-6)


@pytest.mark.parametrize("frequency", [100.0, 230.0, 263.0, 300.0, 3000.0])
def test_too_large_a_step_is_no_error(frequency: float) -> None:
    # of sin fw at 0 the difference is (fh)²/6 too small: with h = 1e-5 a little more than the
    # tolerance for 263, where differences with h and h / 2 differ by less
    result = on_numbers(lambda w, _: torch.sin(frequency * w), 0.0, MAML(0.0, 0))
    assert result.passed


@pytest.mark.parametrize("where", [0.0, 0.3e-7])
def test_a_kink_at_the_point_is_no_verdict(where: float) -> None:
    # the relu of 0: PyTorch says 0, any central difference ½
    result = on_numbers(lambda w, _: torch.relu(w), where, MAML(0.1, 0))
    assert result.kinks
    assert not result.passed
    assert "undecided: no smooth direction in theta" in str(result)
    assert "  kink\n" in str(result)


def test_a_jump_is_seen() -> None:
    # with order 2 a kink in the support loss is a jump of θ': from w − α to w + α
    def loss(w: Tensor, target: Tensor) -> Tensor:
        return torch.where(target == 0, w.abs(), w**2 + w)

    result = on_numbers(loss, 2e-8, MAML(0.1, 1))
    assert result.theta.kinks.all()
    assert not result.passed


def test_a_random_loss_is_no_verdict() -> None:
    def noisy(p: Params, batch: Batch) -> Tensor:
        return SMOOTH({**p, "v": dropout(p["v"], 0.5)}, batch)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        result = check(MAML(0.1, 1), noisy)
    assert not result.passed
    assert result.kinks


def rows(errors: list[float], kinks: list[bool]) -> Differences:
    relative, ones = torch.tensor(errors), torch.ones(len(errors))
    return Differences(ones, ones, ones, relative, 1e-6 * ones, torch.tensor(kinks), ones)


@pytest.mark.parametrize(
    ("errors", "kinks", "verdict"),
    [
        ([0.0, 1e-7], [False, False], "passed"),
        ([0.0, 1.0], [False, True], "passed"),
        ([1.0, 1.0], [False, True], "FAILED in alpha"),
        ([0.0, float("nan")], [False, False], "FAILED in alpha"),
        ([0.0, 0.0], [True, True], "undecided: no smooth direction in alpha"),
    ],
)
def test_kinks_excuse_their_own_row_alone(
    errors: list[float], kinks: list[bool], verdict: str
) -> None:
    good = rows([0.0, 0.0], [False, False])
    result = GradientCheck(theta=good, alpha=rows(errors, kinks))
    assert str(result).splitlines()[-1] == verdict
    assert result.passed is (verdict == "passed")
    assert result.kinks is any(kinks)
    assert GradientCheck(theta=good, alpha=None).passed


def test_a_stationary_point_passes() -> None:
    # gradient 0: whatever the differences are by rounding is infinitely more
    result = on_numbers(lambda w, target: 5 + (w - target) ** 2, 1.0, MAML(0.1, 0))
    assert result.passed


def test_a_direction_across_the_gradient_passes() -> None:
    # F = g·x + (v·x)³ along v ⟂ g: 0 by the gradient, h² by the difference, which is all of it
    v = torch.randn(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    v = v / v.norm()
    g = torch.stack([-v[1], v[0]])
    result = differences(
        lambda x: g @ x + (v @ x) ** 3,
        torch.zeros(2, dtype=torch.float64),
        g,
        directions=1,
        generator=torch.Generator().manual_seed(0),
        step=1e-5,
        tolerance=1e-6,
    )
    assert abs(float(result.analytic)) < 1e-15
    assert float(result.numeric) == pytest.approx(1e-10)
    assert not result.kinks.any()
    assert float(result.errors) < 1e-9


def test_a_large_constant_in_the_loss_passes() -> None:
    # of 1e4 + a loss of 1 the differences have fewer digits
    result = check(MAML(0.1, 2), lambda p, batch: 1e4 + SMOOTH(p, batch))
    assert result.passed
    assert (result.theta.allowed > 1e-5).any()


def test_a_diverged_loss_fails() -> None:
    result = check(MAML(1e30, 5), lambda p, batch: SMOOTH(p, batch) ** 4)
    assert not result.passed
    assert "FAILED in theta and alpha" in str(result)


def test_leaves_of_a_module_are_taken() -> None:
    leaves = {name: torch.nn.Parameter(p) for name, p in THETA.items()}
    result = check(MAML(0.1, 1), params=leaves)
    assert result.passed
    assert not result.theta.analytic.requires_grad


def test_alpha_in_single_precision_is_taken_exactly() -> None:
    # the gradient in a float32 α is a float32, right to 6e-8 alone
    single = torch.tensor(0.1)
    result = check(MAML(single, 2))
    double = MAML(single.double(), 2).meta_gradient(SMOOTH, THETA, SUPPORT, QUERY)
    assert result.alpha is not None
    assert isinstance(double.alpha, Tensor)
    assert float(result.alpha.analytic.abs()) == pytest.approx(float(double.alpha.abs()), rel=1e-12)


def test_the_table() -> None:
    lines = str(check(MAML(0.1, 1), directions=2)).splitlines()
    assert [line.split()[0] for line in lines] == ["analytic", "theta", "theta", "alpha", "passed"]
    assert len({len(line) for line in lines[:4]}) == 1


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        (MAML(order=1), "MAML with order 1 is not the gradient of its loss"),
        (ANIL(head="v", order=1), "ANIL with order 1 is not"),
        (Reptile(), "Reptile is not"),
        (RandomInitialization(), "RandomInitialization is not"),
    ],
)
def test_what_is_no_gradient_is_refused(algorithm: Algorithm, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(algorithm)


def test_single_precision_is_refused() -> None:
    single = {name: p.float() for name, p in THETA.items()}
    with pytest.raises(ValueError, match=r"params\['w'\] is torch.float32, .* model.double\(\)"):
        check(MAML(), params=single)
    with pytest.raises(ValueError, match=r"the loss is torch.float32, .* data in float64"):
        check(MAML(), lambda p, batch: SMOOTH(p, batch).float())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"directions": 0}, "directions must be a whole number ≥ 1, got 0"),
        ({"step": 0.0}, "step must be a finite number > 0, got 0.0"),
        ({"tolerance": -1.0}, "tolerance must be a finite number > 0, got -1.0"),
        ({"params": {}}, "params is empty"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(MAML(), **arguments)
