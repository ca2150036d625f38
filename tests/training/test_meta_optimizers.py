"""Meta-optimisers and schedules of β against `torch.optim`, step by step, resumed and replayed."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim
from torch.testing import assert_close

from labkit import MAML, CosineDecay, DivergedError, Ensemble, LearnedAlpha, MetaLearner, WarmUp
from labkit.core import tree_leaves, tree_map
from labkit.core.types import Params
from labkit.training.engine import engine
from labkit.training.step.meta_optimizer import optimizer_rule
from labkit.training.step.optimizers import NAMED
from tests.training.point_tasks import Lines, made
from tests.training.test_engine import tied

Factory = Callable[..., optim.Optimizer]


def twice(factory: Factory) -> tuple[Any, Factory]:
    return factory, factory


RECORDED: dict[str, tuple[Any, Factory]] = {
    "adam": ("adam", optim.Adam),
    "sgd": ("sgd", optim.SGD),
    "adamw": ("adamw", optim.AdamW),
    "rmsprop": ("rmsprop", optim.RMSprop),
    "momentum": twice(partial(optim.SGD, momentum=0.8, weight_decay=0.1)),
    "nesterov": twice(partial(optim.SGD, momentum=0.8, nesterov=True)),
    "L2": twice(partial(optim.Adam, weight_decay=0.1, betas=(0.7, 0.9), eps=1e-3)),
    "no momentum": twice(partial(optim.Adam, betas=(0.0, 0.9))),
    "AMSGrad": twice(partial(optim.AdamW, weight_decay=0.1, amsgrad=True, betas=(0.5, 0.6))),
    "centred": twice(partial(optim.RMSprop, centered=True, momentum=0.5, weight_decay=0.1)),
}
"""Those that labkit computes by itself: what it is given, and torch's."""


def groups(params: list[nn.Parameter], lr: float) -> optim.Optimizer:
    """Weight decay on matrices alone, and half the step size on the rest."""
    matrices = {"params": [p for p in params if p.ndim > 1], "weight_decay": 0.1}
    rest = {"params": [p for p in params if p.ndim < 2], "lr": lr / 2}
    return optim.AdamW([matrices, rest], lr=lr)


class Own(optim.Optimizer):
    """Of a library: counts its steps in Python, and squeezes gradients."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["count"] = state.get("count", 0) + 1
                assert isinstance(state["count"], int)
                with torch.no_grad():
                    p.sub_(group["lr"] / state["count"] * torch.tanh(p.grad))


BY_TORCH: dict[str, tuple[Any, Factory]] = {
    "nadam": ("nadam", optim.NAdam),
    "adagrad": ("adagrad", optim.Adagrad),
    "rprop": ("rprop", optim.Rprop),
    "adafactor": ("adafactor", optim.Adafactor),
    "dampening": twice(partial(optim.SGD, momentum=0.9, dampening=0.5, maximize=True)),
    "groups": twice(groups),
    "of a library": twice(Own),
}


def learner(optimizer: Any = "adam", beta: Any = 0.02, **options: Any) -> MetaLearner:
    algorithm = options.pop("algorithm", MAML(alpha=0.05))
    return MetaLearner(
        made(tied), Lines(), algorithm, meta_batch=3, beta=beta, meta_optimizer=optimizer, **options
    )


def by_torch(start: MetaLearner, factory: Factory, beta: Any, steps: int) -> Iterator[Params]:
    """θ after each step of torch's optimiser on the meta-gradients of the same tasks."""
    theta = {name: nn.Parameter(p) for name, p in start.params.items()}
    rate = beta if callable(beta) else lambda _: beta
    optimizer = factory(list(theta.values()), lr=rate(0))
    stream = torch.Generator().set_state(start.task_stream)
    shares = [group["lr"] / rate(0) for group in optimizer.param_groups]
    for step in range(steps):
        batch = start.tasks.sample(start.meta_batch, stream)
        now = {name: p.detach() for name, p in theta.items()}
        gradient = start.algorithm.meta_gradient(start.loss_fn, now, batch.support, batch.query)
        for name, p in theta.items():
            p.grad = gradient.params[name]
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] = share * rate(step)
        optimizer.step()
        yield {name: p.detach().clone() for name, p in theta.items()}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RECORDED_AFTER", 3)


def assert_equal(one: MetaLearner, two: MetaLearner) -> None:
    """The same to the last bit, in all that a checkpoint holds."""
    first, second = one.state(), two.state()
    assert first.keys() == second.keys()
    assert repr(first) == repr(second)
    for name, tensor in first["params"].items():
        assert torch.equal(tensor, second["params"][name])


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.usefixtures("soon")
def test_recorded_rules_are_torchs(name: str, recorded: list[Any]) -> None:
    ours, theirs = RECORDED[name]
    one = learner(ours)
    for expected in by_torch(one, theirs, 0.02, 9):
        one.step()
        assert_close(one.params, expected, rtol=1e-12, atol=1e-12)
    assert recorded  # the last steps were replayed


@pytest.mark.parametrize("name", BY_TORCH)
def test_other_optimisers_are_torchs_to_the_last_bit(name: str) -> None:
    ours, theirs = BY_TORCH[name]
    one = learner(ours)
    for expected in by_torch(one, theirs, 0.02, 6):
        one.step()
        for key, tensor in one.params.items():
            assert torch.equal(tensor, expected[key])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_half_a_page_of_gradients_of_all_sizes(dtype: torch.dtype) -> None:
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
    for name, rule in NAMED.items():
        theirs = nn.Parameter(torch.linspace(-1, 1, 7, dtype=dtype))
        torchs = RECORDED[name][1]([theirs], lr=0.3)
        slot = rule.start(theirs.detach().clone())
        generator = torch.Generator().manual_seed(0)
        for step in range(60):
            gradient = 10.0 ** (step % 5 - 2) * torch.randn(7, generator=generator, dtype=dtype)
            gradient[2] = 0
            beta = 0.3 if step < 30 else 0.01
            torchs.param_groups[0]["lr"] = beta
            theirs.grad = gradient
            torchs.step()
            (slot,) = rule.update([slot], [gradient], rule.step_size(beta, slot.value))
            assert_close(slot.value, theirs.detach(), rtol=tolerance, atol=tolerance)
        assert slot.value.dtype == dtype


LEARNED = MAML(
    alpha=LearnedAlpha(0.05, granularity="tensor", per_step=True, beta=0.01), inner_steps=2
)
SCHEDULE = WarmUp(CosineDecay(0.05, meta_steps=12, end=0.001), meta_steps=4)


@pytest.mark.parametrize("algorithm", [MAML(alpha=0.05), LEARNED], ids=["fixed", "learned"])
@pytest.mark.parametrize("name", ["adamw", "nesterov", "centred", "AMSGrad", "adagrad", "groups"])
def test_resumed_is_uninterrupted(name: str, algorithm: MAML, tmp_path: Path) -> None:
    ours = (RECORDED | BY_TORCH)[name][0]
    make = partial(learner, ours, SCHEDULE, algorithm=algorithm)
    whole, before, after = make(), make(), make()
    steps = whole.train(9)
    assert before.train(5) == steps[:5]
    before.save(tmp_path / "state.pt")
    after.train(2)
    after.load(tmp_path / "state.pt")
    assert after.train(4) == steps[5:]
    assert_equal(whole, after)


def test_a_learned_alpha_does_not_decay() -> None:
    # without data, both gradients are 0: what still moves is decay
    class Nothing(Lines):
        def loss(self, predict: Any, batch: Any) -> Tensor:
            return 0 * super().loss(predict, batch)

    for factory in (partial(optim.AdamW, weight_decay=0.5), partial(optim.NAdam, weight_decay=0.5)):
        one = MetaLearner(
            made(tied), Nothing(), LEARNED, meta_batch=2, beta=0.1, meta_optimizer=factory
        )
        alpha, theta = one.alpha, one.params
        one.train(3)
        assert repr(one.alpha) == repr(alpha)
        assert all(not torch.equal(p, theta[name]) for name, p in one.params.items())


def test_weight_decay_by_hand() -> None:
    # AdamW without a gradient: θ (1 − βλ)ⁿ
    (slot,) = [NAMED["adamw"].start(torch.tensor([2.0], dtype=torch.float64))]
    for _ in range(3):
        zero, beta = torch.zeros(1, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
        (slot,) = NAMED["adamw"].update([slot], [zero], beta)
    assert float(slot.value) == pytest.approx(2 * (1 - 0.5 * 0.01) ** 3, rel=1e-15)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("name", ["adamw", "nadam"])
def test_schedules_inside_recorded_steps(name: str, recorded: list[Any]) -> None:
    ours, theirs = (RECORDED | BY_TORCH)[name]
    one = learner(ours, SCHEDULE)
    assert one.beta == 0.05 / 4
    one.train(15)
    assert recorded
    *_, expected = by_torch(learner(ours), theirs, SCHEDULE, 15)
    assert_close(one.params, expected, rtol=1e-12, atol=1e-12)
    single = learner(ours, SCHEDULE)
    for _ in range(15):
        single.step()
    assert_equal(one, single)
    assert one.beta == 0.001  # where it ends
    one.beta = 0.5
    assert one.beta == 0.5


def test_cosine_is_torchs_cosine() -> None:
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 10, eta_min=0.02)
    ours = CosineDecay(0.3, 10, end=0.02)
    for step in range(11):
        assert ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        schedule.step()


def test_after_divergence_torchs_optimiser_continues_as_if_it_had_not_been() -> None:
    class Broken(Lines):
        def sample(self, tasks: int, generator: torch.Generator) -> Any:
            batch = super().sample(tasks, generator)
            x, y = batch.query
            return type(batch)(batch.support, (x / 0, y))

    one, two = learner("nadam"), learner("nadam")
    one.train(4)
    two.train(4)
    one.tasks = Broken()
    with pytest.raises(DivergedError):
        one.step()
    assert_equal(one, two)
    one.tasks = Lines()
    assert one.train(3) == two.train(3)
    assert_equal(one, two)


def test_torchs_optimiser_writes_into_no_state() -> None:
    one = learner("adagrad")
    one.train(2)
    before = one._state.meta.state_for(one.algorithm, 2).theta
    copies = [tree_map(torch.clone, slot) for slot in before]
    one.train(2)
    leaves = zip(tree_leaves(before), tree_leaves(copies), strict=True)
    assert all(torch.equal(tensor, copy) for tensor, copy in leaves)
    assert tree_leaves(before)


def test_undoing_by_a_state() -> None:
    one, two = learner("adagrad"), learner("adagrad")
    one.train(3)
    state = one.state()
    one.train(3)
    one.restore(state)
    one.train(2)
    two.train(5)
    assert_equal(one, two)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("lbfgs", "LBFGS computes the loss several times in a step"),
        ("sparseadam", "SparseAdam cannot be the meta_optimizer.*dense gradients"),
        (optim.SGD([nn.Parameter(torch.zeros(1))]), "labkit calls it with its own parameters"),
        (3, "got 3"),
        (partial(optim.SGD, nesterov=True), "raised ValueError: Nesterov momentum"),
        (lambda *_, **__: 3, r"must make a torch.optim.Optimizer, .* made 3"),
        (lambda _: 3, "unexpected keyword argument 'lr'"),
    ],
)
def test_what_cannot_be_a_meta_optimizer(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learner(wrong)


def test_state_in_groups_is_refused() -> None:
    class Counts(optim.SGD):
        def step(self, closure: Any = None) -> Any:
            self.param_groups[0]["k"] = self.param_groups[0].get("k", 0) + 1
            return super().step(closure)

    with pytest.raises(ValueError, match="Counts keeps state in its param_groups"):
        learner(Counts)


@pytest.mark.parametrize(
    ("beta", "message"),
    [
        (lambda _: -1.0, "got -1.0 from .* at meta-step 0"),
        (lambda _: math.nan, "got nan"),
        ("cosine", "got 'cosine'"),
    ],
)
def test_wrong_schedules(beta: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"beta must be a finite number ≥ 0, {message}"):
        learner(beta=beta)
    with pytest.raises(ValueError, match="meta_steps"):
        CosineDecay(0.1, 0)


def test_a_checkpoint_of_another_optimiser_or_schedule(tmp_path: Path) -> None:
    one = learner(partial(optim.AdamW, weight_decay=0.2))
    one.save(tmp_path / "state.pt")
    with pytest.raises(ValueError, match=r"'adamw\(weight_decay=0.2\)', this learner has 'adamw'"):
        learner("adamw").load(tmp_path / "state.pt")
    scheduled = learner(partial(optim.AdamW, weight_decay=0.2), SCHEDULE)
    with pytest.raises(ValueError, match="whose beta is a number, and this one's is a function"):
        scheduled.load(tmp_path / "state.pt")
    scheduled.save(tmp_path / "scheduled.pt")
    with pytest.raises(ValueError, match="whose beta is a function of the meta-step"):
        one.load(tmp_path / "scheduled.pt")


def test_ensembles_take_what_is_recorded() -> None:
    ensemble = Ensemble(
        made(tied),
        Lines(),
        MAML(),
        alphas=[0.05, 0.1],
        betas=0.02,
        meta_batch=3,
        meta_optimizer=RECORDED["nesterov"][0],
    )
    ensemble.train(4)
    one = learner(RECORDED["nesterov"][0])
    one.train(4)
    assert_close(ensemble.params(0), one.params, rtol=1e-12, atol=1e-12)
    assert ensemble.learner(0).train(1)[0].loss_after == pytest.approx(one.step().loss_after)
    with pytest.raises(ValueError, match=r"updated side by side, and torch\.optim\.nadam"):
        Ensemble(made(tied), Lines(), MAML(), alphas=[0.1], meta_optimizer="nadam", meta_batch=3)


def test_an_equal_rule_from_a_class_is_the_named_one() -> None:
    theta = {"w": torch.zeros(2, 2)}
    for name, kind in {"adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD}.items():
        assert optimizer_rule(kind, theta, 0.1) == NAMED[name]
    assert not optimizer_rule(groups, theta, 0.1).recordable
