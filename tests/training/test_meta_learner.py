"""The meta-learner: updates by hand, known fixed points, exact resumption, any module."""

import dataclasses
import functools
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labkit import (
    IMAML,
    MAML,
    DivergedError,
    JointTraining,
    MetaLearner,
    RandomInitialization,
    Reptile,
    Sinusoid,
    TaskBatch,
    sinusoid_mlp,
)
from tests.training.scalar_tasks import Parabolas, Point


def test_sgd_steps_by_hand() -> None:
    # one task, a = 2, c = 0, θ = 1, α = 0.25: θ' = θ(1 − 0.5) = 0.5, L_query = θ'² = 0.25;
    # dL/dθ = aθ'·(1 − αa) = 2·0.5·0.5 = 0.5; β = 0.5: θ ← 1 − 0.25 = 0.75
    tasks = Parabolas(curvature=(2.0,), centre=(0.0,))
    options: dict[str, Any] = {"beta": 0.5, "meta_optimizer": "sgd", "meta_batch": 1}
    learner = MetaLearner(Point(1.0), tasks, MAML(alpha=0.25), **options)
    step = learner.step()
    assert (step.loss_before, step.loss_after) == (1.0, 0.25)
    assert float(learner.params["theta"]) == 0.75
    # first-order MAML drops (1 − αa): θ ← 1 − 0.5·1
    learner = MetaLearner(Point(1.0), tasks, MAML(alpha=0.25, order=1), **options)
    learner.step()
    assert float(learner.params["theta"]) == 0.5


def test_sum_is_tasks_times_mean() -> None:
    moves = {}
    for reduction in ("mean", "sum"):
        learner = MetaLearner(
            Point(1.0),
            Parabolas(),
            MAML(alpha=0.1),
            beta=0.01,
            meta_optimizer="sgd",
            meta_batch=3,
            reduction=reduction,
        )
        learner.step()
        moves[reduction] = float(learner.params["theta"]) - 1.0
    assert moves["sum"] == pytest.approx(3 * moves["mean"], rel=1e-12)


def test_adam_is_adam() -> None:
    # the first step of Adam is β·g/(|g| + ε), whatever the size of g
    learner = MetaLearner(Point(1.0), Parabolas(), MAML(alpha=0.1), beta=0.01, meta_batch=3)
    learner.step()
    assert abs(float(learner.params["theta"]) - 1.0) == pytest.approx(0.01, rel=1e-6)


ALPHA = 0.15


def weight(name: str, steps: int, a: float) -> float:
    """How much a task of curvature a counts at the fixed point of an algorithm."""
    shrunk = (1 - ALPHA * a) ** steps
    return {
        "MAML": a * shrunk**2,
        "first order": a * shrunk,
        "Reptile": 1 - shrunk,
        "joint": a,
    }[name]


def fixed_point(weights: list[float]) -> float:
    """Σ w c / Σ w."""
    return sum(w * c for w, c in zip(weights, Parabolas().centre, strict=True)) / sum(weights)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(
    ("name", "algorithm", "beta"),
    [
        ("MAML", MAML(alpha=ALPHA), 0.5),
        ("first order", MAML(alpha=ALPHA, order=1), 0.5),
        ("Reptile", Reptile(alpha=ALPHA), 0.5),
        ("joint", JointTraining(alpha=ALPHA), 0.3),
    ],
)
def test_fixed_points(name: str, algorithm: Any, beta: float, steps: int) -> None:
    """θ* = Σ w c / Σ w, with w of each algorithm's own: they end at different places."""
    tasks = Parabolas()
    learner = MetaLearner(
        Point(),
        tasks,
        dataclasses.replace(algorithm, inner_steps=steps),
        beta=beta,
        meta_optimizer="sgd",
        meta_batch=3,
    )
    learner.train(400)
    expected = fixed_point([weight(name, steps, a) for a in tasks.curvature])
    assert float(learner.params["theta"]) == pytest.approx(expected, rel=1e-9)


def test_fixed_point_of_imaml() -> None:
    # φ − c = (θ − c)/(1 + a/λ), and (1 + a/λ)⁻¹ a (φ − c) is the gradient: w = a/(1 + a/λ)²;
    # the error of φ after 60 steps is below (1 − α(a + λ))^60 = 0.7^60 = 5e-10
    algorithm = IMAML(alpha=0.2, inner_steps=60, proximal=1.0)
    learner = MetaLearner(
        Point(), Parabolas(), algorithm, beta=1.5, meta_optimizer="sgd", meta_batch=3
    )
    learner.train(60)
    expected = fixed_point([a / (1 + a) ** 2 for a in Parabolas().curvature])
    assert float(learner.params["theta"]) == pytest.approx(expected, rel=1e-7)


def test_random_initialization_stays_where_it_is() -> None:
    learner = MetaLearner(Point(1.5), Parabolas(), RandomInitialization(ALPHA), meta_batch=3)
    step = learner.train(3)[-1]
    assert float(learner.params["theta"]) == 1.5
    assert step.loss_after < step.loss_before


def test_schedule_starts_with_first_order() -> None:
    options: dict[str, Any] = {"meta_optimizer": "sgd", "beta": 0.1, "meta_batch": 3}
    first, scheduled = (
        MetaLearner(Point(), Parabolas(), algorithm, **options)
        for algorithm in (MAML(alpha=ALPHA, order=1), MAML(alpha=ALPHA, first_order_until=2))
    )
    assert scheduled.train(2) == first.train(2)
    start = Point(float(scheduled.params["theta"]))
    second = MetaLearner(start, Parabolas(), MAML(alpha=ALPHA), **options)
    for learner in (scheduled, second, first):
        learner.step()
    assert float(scheduled.params["theta"]) == float(second.params["theta"])
    assert float(scheduled.params["theta"]) != float(first.params["theta"])


def test_weights_of_the_multi_step_loss_move_to_the_last() -> None:
    maml = MAML(inner_steps=3, loss_weights=[0.2, 0.2, 0.6], loss_weights_until=10)
    assert maml.at(0).loss_weights == pytest.approx([0.2, 0.2, 0.6])
    assert maml.at(5).loss_weights == pytest.approx([0.1, 0.1, 0.8])
    assert maml.at(10).loss_weights == maml.at(99).loss_weights == pytest.approx([0, 0, 1])


@dataclasses.dataclass(frozen=True)
class Apart(Parabolas):
    """Query centres one further than the support's."""

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        batch = super().sample(tasks, generator)
        return TaskBatch(batch.support, batch.query + torch.tensor([0.0, 1.0]))


def test_shared_data_judges_on_the_support() -> None:
    options: dict[str, Any] = {"meta_optimizer": "sgd", "beta": 0.1, "meta_batch": 3}
    shared, same, apart = (
        MetaLearner(Point(), family, MAML(alpha=ALPHA), shared_data=switch, **options)
        for family, switch in ((Apart(), True), (Parabolas(), False), (Apart(), False))
    )
    assert shared.train(3) == same.train(3) != apart.train(3)
    # what is reported of held-out tasks is their query data all the same
    curves = [x.adaptation_curve(2, tasks=3, params=shared.params).mean for x in (shared, apart)]
    assert torch.equal(*curves)


@pytest.mark.parametrize(("clip", "factor"), [(1e-3, None), (1e3, 1.0)])
def test_meta_clip_shortens_the_gradient(clip: float, factor: float | None) -> None:
    moves = []
    for meta_clip in (None, clip):
        learner = sinusoid_learner(
            meta_optimizer="sgd", beta=1.0, meta_clip=meta_clip, dtype=torch.float64
        )
        start = {name: p.clone() for name, p in learner.params.items()}
        learner.step()
        moves.append(torch.cat([(learner.params[n] - start[n]).flatten() for n in start]))
    free, clipped = moves
    expected = factor if factor is not None else clip / float(free.norm())
    torch.testing.assert_close(clipped, expected * free, rtol=1e-5, atol=1e-12)


def test_the_oracle_knows_its_task() -> None:
    """Told A and φ, a network learns y = A sin(x − φ) itself, which joint training cannot."""
    learners = [
        MetaLearner(
            functools.partial(sinusoid_mlp, inputs=3 if oracle else 1),
            Sinusoid(oracle=oracle, amplitude=(1.0, 2.0)),
            JointTraining(inner_steps=0),
            beta=5e-3,
        )
        for oracle in (True, False)
    ]
    for learner in learners:
        learner.train(300)
    oracle, joint = (float(x.adaptation_curve(0, tasks=100).mean[0]) for x in learners)
    assert oracle < 0.6 * joint


def sinusoid_learner(**options: Any) -> MetaLearner:
    return MetaLearner(sinusoid_mlp, Sinusoid(), MAML(), **({"meta_batch": 4} | options))


def same(one: MetaLearner, other: MetaLearner) -> bool:
    return all(torch.equal(p, other.params[name]) for name, p in one.params.items())


def test_the_seed_decides_everything() -> None:
    one, two, other = (sinusoid_learner(seed=seed) for seed in (5, 5, 6))
    assert one.train(3) == two.train(3)
    assert same(one, two)
    assert one.train(1) != other.train(1)


def test_evaluation_does_not_disturb_training() -> None:
    one, two = sinusoid_learner(), sinusoid_learner()
    one.train(2)
    one.adaptation_curve(tasks=10)
    one.portrait(task=3)
    one.train(2)
    two.train(4)
    assert same(one, two)


@pytest.mark.parametrize("meta_optimizer", ["adam", "sgd"])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, meta_optimizer: Any) -> None:
    straight = sinusoid_learner(meta_optimizer=meta_optimizer)
    straight.train(3)
    straight.save(tmp_path / "state.pt")
    resumed = sinusoid_learner(meta_optimizer=meta_optimizer, seed=9)
    resumed.train(1)
    resumed.load(tmp_path / "state.pt")
    assert straight.train(5) == resumed.train(5)
    assert same(straight, resumed)
    assert resumed.meta_step == 8
    assert torch.equal(
        straight.adaptation_curve(tasks=5).mean, resumed.adaptation_curve(tasks=5).mean
    )
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


def test_a_foreign_checkpoint_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    learner, untouched = sinusoid_learner(), sinusoid_learner()
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(ValueError, match="not a checkpoint written by"):
        learner.load(tmp_path / "text.pt")
    narrow = functools.partial(sinusoid_mlp, width=3)
    MetaLearner(narrow, Sinusoid(), MAML()).save(tmp_path / "other.pt")
    with pytest.raises(ValueError, match="belongs to another model"):
        learner.load(tmp_path / "other.pt")
    sinusoid_learner(meta_optimizer="sgd").save(tmp_path / "sgd.pt")
    with pytest.raises(ValueError, match="meta_optimizer='sgd', this learner has 'adam'"):
        learner.load(tmp_path / "sgd.pt")
    torch.save({"params": learner.params}, tmp_path / "part.pt")
    with pytest.raises(ValueError, match="not a checkpoint written by"):
        learner.load(tmp_path / "part.pt")
    with pytest.raises(FileNotFoundError):
        learner.load(tmp_path / "none.pt")
    assert learner.train(2) == untouched.train(2)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    learner = sinusoid_learner()
    learner.save(tmp_path / "state.pt")
    before = (tmp_path / "state.pt").read_bytes()

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        learner.save(tmp_path / "state.pt")
    assert (tmp_path / "state.pt").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


class Scaled(nn.Module):
    """A module with a buffer, a frozen and a tied parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(1, 3)
        self.again = self.first
        self.frozen = nn.Parameter(torch.full((1, 3), 0.5), requires_grad=False)
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(x) + self.again(x))
        out: Tensor = self.get_buffer("scale") * nn.functional.linear(hidden, self.frozen)
        return out


@pytest.fixture
def scaled() -> Scaled:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Scaled()


def test_any_module_is_used_unmodified(scaled: Scaled) -> None:
    before = {name: t.clone() for name, t in scaled.state_dict().items()}
    learner = MetaLearner(scaled, Sinusoid(), MAML(inner_steps=2), meta_batch=4)
    assert set(learner.params) == {"first.weight", "first.bias"}
    start = {name: p.clone() for name, p in learner.params.items()}
    learner.train(2)
    assert all(torch.equal(t, before[name]) for name, t in scaled.state_dict().items())
    assert all(p.grad is None for p in scaled.parameters())
    assert not torch.equal(learner.params["first.weight"], start["first.weight"])


def test_a_checkpoint_holds_buffers_and_frozen_parameters(scaled: Scaled, tmp_path: Path) -> None:
    one = MetaLearner(scaled, Sinusoid(), MAML(), meta_batch=4)
    one.save(tmp_path / "state.pt")
    scaled.get_buffer("scale").fill_(7.0)
    other = MetaLearner(scaled, Sinusoid(), MAML(), meta_batch=4)
    other.load(tmp_path / "state.pt")
    assert one.train(2) == other.train(2)


def test_float64_model_and_dtype_argument(scaled: Scaled) -> None:
    for learner in (
        MetaLearner(scaled.double(), Sinusoid(), MAML(), meta_batch=2),
        sinusoid_learner(dtype=torch.float64),
    ):
        learner.step()
        assert {p.dtype for p in learner.params.values()} == {torch.float64}


def test_divergence_is_an_error_and_keeps_the_last_good_state() -> None:
    learner = sinusoid_learner()
    learner.train(2)
    kept = {name: p.clone() for name, p in learner.params.items()}
    learner.algorithm = MAML(alpha=1e38, inner_steps=2)
    with pytest.raises(DivergedError, match=r"meta-step 3 .* not finite.*smaller alpha"):
        learner.step()
    assert learner.meta_step == 2
    assert all(torch.equal(p, kept[name]) for name, p in learner.params.items())
    learner.algorithm = MAML()
    undisturbed = sinusoid_learner()
    assert [learner.step()] == undisturbed.train(3)[2:]


def test_changes_between_meta_steps() -> None:
    learner = MetaLearner(Point(1.0), Parabolas(), MAML(), meta_optimizer="sgd", meta_batch=1)
    learner.beta = 0.0
    learner.step()
    assert float(learner.params["theta"]) == 1.0
    assert learner.beta == 0.0
    with pytest.raises(ValueError, match="beta must be a finite number ≥ 0, got -1"):
        learner.beta = -1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"meta_batch": 0}, "meta_batch must be a whole number ≥ 1, got 0"),
        ({"meta_optimizer": "rms"}, "meta_optimizer must be one of 'adadelta', .*, got 'rms'"),
        ({"reduction": "max"}, "reduction must be 'mean' or 'sum', got 'max'"),
        ({"beta": float("nan")}, "beta must be a finite number ≥ 0, got nan"),
        ({"seed": -1}, "seed must be a whole number ≥ 0, got -1"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sinusoid_learner(**options)


def test_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="ReLU has no parameter with requires_grad=True"):
        MetaLearner(nn.ReLU(), Sinusoid(), MAML())


def test_there_are_600_held_out_tasks() -> None:
    with pytest.raises(ValueError, match="task must be from 0 to 599, got 600"):
        sinusoid_learner().portrait(task=600)
    assert MetaLearner(Point(), Parabolas(), MAML()).portrait() is None
