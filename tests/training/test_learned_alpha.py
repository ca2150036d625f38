"""A meta-learned α: its steps by hand, its forms, its place in checkpoints and evaluation."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from labkit import (
    ANIL,
    IMAML,
    MAML,
    JointTraining,
    LearnedAlpha,
    MetaLearner,
    MetaSGD,
    RandomInitialization,
    Reptile,
    Sinusoid,
    sinusoid_mlp,
)
from labkit.core.algorithms.algorithm import Algorithm
from tests.training.scalar_tasks import Parabolas, Point


def alpha_of(learner: MetaLearner) -> Any:
    """α now; its form is what the tests are about."""
    return learner.alpha


def parabola_learner(alpha: LearnedAlpha, *, beta: float = 0.0, **options: Any) -> MetaLearner:
    tasks = Parabolas(curvature=(2.0,), centre=(0.0,))
    settings: dict[str, Any] = {"meta_optimizer": "sgd", "meta_batch": 1, "beta": beta} | options
    return MetaLearner(Point(1.0), tasks, MAML(alpha=alpha), **settings)


@pytest.mark.parametrize(
    ("positive", "expected"), [(True, 0.25 * math.exp(0.05)), (False, 0.25 + 0.1 * 2)]
)
def test_a_step_by_hand(positive: bool, expected: float) -> None:
    # a = 2, c = 0, θ = 1, α = 0.25: θ' = 0.5 and ∂L/∂α = −(aθ')(aθ) = −1·2 = −2, and by log α it
    # is −2·0.25 = −0.5; with β_α = 0.1 α moves by +0.2, or log α by +0.05
    learner = parabola_learner(LearnedAlpha(0.25, beta=0.1, positive=positive))
    learner.step()
    assert float(alpha_of(learner)) == pytest.approx(expected, rel=1e-14)
    assert float(learner.params["theta"]) == 1.0


@pytest.mark.parametrize("positive", [True, False])
def test_positive_keeps_it_positive(positive: bool) -> None:
    # α = 0.9 overshoots on a = 2 (1 − αa = −0.8): ∂L/∂α = 3.2, and a large β_α throws α below 0
    learner = parabola_learner(LearnedAlpha(0.9, beta=2.0, positive=positive))
    learner.step()
    assert (float(alpha_of(learner)) > 0) is positive


@pytest.mark.parametrize("meta_optimizer", ["adam", "sgd"])
def test_it_finds_the_best_step_size(meta_optimizer: Any) -> None:
    """With one curvature a for all tasks, α = 1/a solves each in one step."""
    tasks = Parabolas(curvature=(2.0, 2.0, 2.0))
    algorithm = MAML(alpha=LearnedAlpha(0.05, beta=0.02))
    learner = MetaLearner(
        Point(), tasks, algorithm, beta=0.01, meta_batch=3, meta_optimizer=meta_optimizer
    )
    learner.train(600)
    assert float(alpha_of(learner)) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("granularity", ["scalar", "tensor", "element"])
def test_every_form_is_learned(granularity: Any, per_step: bool) -> None:
    alpha = LearnedAlpha(0.01, granularity=granularity, per_step=per_step, beta=0.01)
    learner = MetaLearner(sinusoid_mlp, Sinusoid(), MAML(alpha=alpha, inner_steps=2), meta_batch=3)
    learner.train(2)
    entries = alpha_of(learner) if isinstance(alpha_of(learner), list) else [alpha_of(learner)]
    assert len(entries) == (2 if per_step else 1)
    for entry in entries:
        shapes = {n: v.shape for n, v in entry.items()} if isinstance(entry, dict) else entry.shape
        if granularity == "scalar":
            assert shapes == ()
        elif granularity == "tensor":
            assert shapes == dict.fromkeys(learner.params, torch.Size())
        else:
            assert shapes == {name: p.shape for name, p in learner.params.items()}
        values = entry.values() if isinstance(entry, dict) else [entry]
        assert all((v != 0.01).any() for v in values)


def test_meta_sgd_learns_per_element() -> None:
    learner = MetaLearner(sinusoid_mlp, Sinusoid(), MetaSGD(alpha=0.02), meta_batch=3)
    learner.step()
    assert isinstance(alpha_of(learner), dict)
    assert alpha_of(learner)["2.weight"].shape == (40, 40)
    with pytest.raises(ValueError, match="per element, got granularity='scalar'"):
        MetaSGD(alpha=LearnedAlpha())


def test_only_the_head_has_an_alpha_in_anil() -> None:
    algorithm = ANIL(head="4.*", alpha=LearnedAlpha(granularity="tensor"))
    learner = MetaLearner(sinusoid_mlp, Sinusoid(), algorithm, meta_batch=3)
    learner.train(2)
    assert isinstance(alpha_of(learner), dict)
    assert set(alpha_of(learner)) == {"4.weight", "4.bias"}


def test_more_inner_steps_go_on_from_the_last() -> None:
    alpha = LearnedAlpha(0.1, per_step=True, beta=0.01)
    learner = MetaLearner(Point(), Parabolas(), MAML(alpha=alpha, inner_steps=2), meta_batch=3)
    learner.train(3)
    first = [float(value) for value in alpha_of(learner)]
    learner.algorithm = MAML(alpha=alpha, inner_steps=3)
    assert [float(v) for v in alpha_of(learner)] == [*first, first[-1]]
    learner.train(2)
    learner.algorithm = MAML(alpha=0.3)
    assert alpha_of(learner) == 0.3
    learner.step()


def test_evaluation_goes_on_with_half_of_what_was_learned() -> None:
    alpha = LearnedAlpha(0.01, per_step=True, beta=0.01)
    algorithm = MAML(alpha=alpha, inner_steps=2)
    learner = MetaLearner(sinusoid_mlp, Sinusoid(), algorithm, meta_batch=3)
    learner.train(20)
    one, two = (float(value) for value in alpha_of(learner))
    assert one != two
    by_hand = learner.adaptation_curve(4, tasks=20, alpha=[one, two, two / 2, two / 2])
    torch.testing.assert_close(learner.adaptation_curve(4, tasks=20).mean, by_hand.mean)


@pytest.mark.parametrize("per_step", [True, False])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, per_step: bool) -> None:
    def learner(inner_steps: int = 1, **options: Any) -> MetaLearner:
        alpha = LearnedAlpha(0.02, granularity="tensor", per_step=per_step)
        algorithm = MAML(alpha=alpha, inner_steps=inner_steps)
        return MetaLearner(sinusoid_mlp, Sinusoid(), algorithm, meta_batch=3, **options)

    straight = learner(2)
    straight.train(3)
    straight.save(tmp_path / "state.pt")
    resumed = learner(seed=4)
    resumed.load(tmp_path / "state.pt")
    resumed.algorithm = straight.algorithm
    assert straight.train(3) == resumed.train(3)
    before = alpha_of(resumed)
    fixed = MetaLearner(sinusoid_mlp, Sinusoid(), MAML(), meta_batch=3)
    with pytest.raises(ValueError, match="a learned alpha of another form"):
        fixed.load(tmp_path / "state.pt")
    fixed.save(tmp_path / "fixed.pt")
    with pytest.raises(ValueError, match="a learned alpha of another form"):
        resumed.load(tmp_path / "fixed.pt")
    assert str(alpha_of(resumed)) == str(before)


@pytest.mark.parametrize("algorithm", [Reptile, IMAML, JointTraining, RandomInitialization])
def test_refused_where_there_is_no_gradient_in_alpha(algorithm: type[Algorithm]) -> None:
    with pytest.raises(ValueError, match=f"{algorithm.__name__} has no gradient in alpha"):
        algorithm(alpha=LearnedAlpha())  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"granularity": "layer"}, "granularity must be one of scalar, tensor, element"),
        ({"beta": 0.0}, "beta of a learned alpha must be a finite number > 0, got 0.0"),
        ({"initial": -0.1}, "kept positive must be a finite number > 0, got -0.1"),
        ({"initial": math.nan, "positive": False}, "must be finite, got nan"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LearnedAlpha(**arguments)


def saved(algorithm: MAML, path: Path, **options: Any) -> MetaLearner:
    learner = MetaLearner(sinusoid_mlp, Sinusoid(), algorithm, meta_batch=3, **options)
    learner.train(3)
    learner.save(path)
    return learner


def test_log_alpha_is_no_alpha(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    saved(MAML(alpha=LearnedAlpha(0.02)), path)
    other = MetaLearner(sinusoid_mlp, Sinusoid(), MAML(alpha=LearnedAlpha(0.02, positive=False)))
    with pytest.raises(
        ValueError, match=r"another form: log α of shapes .* this learner has α of shapes"
    ):
        other.load(path)
    assert float(alpha_of(other)) == pytest.approx(0.02)


@pytest.mark.parametrize(("then", "now"), [(2, 5), (5, 2)])
def test_another_number_of_steps_is_taken_up(tmp_path: Path, then: int, now: int) -> None:
    alpha = LearnedAlpha(0.02, per_step=True)
    one = saved(MAML(alpha=alpha, inner_steps=then), tmp_path / "state.pt")
    algorithm = MAML(alpha=alpha, inner_steps=now)
    other = MetaLearner(sinusoid_mlp, Sinusoid(), algorithm, meta_batch=3, seed=1)
    other.load(tmp_path / "state.pt")
    one.algorithm = algorithm
    assert [float(a) for a in alpha_of(one)] == [float(a) for a in alpha_of(other)]
    assert one.train(2) == other.train(2)
    assert [float(a) for a in alpha_of(one)] == [float(a) for a in alpha_of(other)]


def test_a_learned_alpha_is_none_to_test_with() -> None:
    learner = MetaLearner(Point(), Parabolas(), MAML(), meta_batch=3)
    with pytest.raises(ValueError, match="alpha to test with must be step sizes"):
        learner.adaptation_curve(2, tasks=3, alpha=LearnedAlpha())  # type: ignore[arg-type]
