"""Which parameters adapt, on which loss at which step: against loops of plain autograd."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import mse_loss
from torch.testing import assert_close

from labkit import (
    ANIL,
    MAML,
    LearnedAlpha,
    MetaLearner,
    MetaSGD,
    MiniBatches,
    ProtoMAML,
    Sinusoid,
    TaskBatch,
)
from labkit.core.algorithms.algorithm import Algorithm
from labkit.core.types import Params
from tests.training.point_tasks import Clouds, Lines, made

STEPS, ALPHA = 3, 0.1
EXACT: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}

StepLoss = Callable[[Params, Any, int], Tensor]
"""(params, data of one task, inner step) → loss."""


def by_hand(
    theta: Params, adapted: set[str], batch: TaskBatch, support_loss: StepLoss, query_loss: StepLoss
) -> Params:
    """The mean meta-gradient by a loop of autograd over tasks and steps."""
    tasks = len(next(iter(batch.info.values()))) if batch.info else 3
    leaves = {name: p.clone().requires_grad_() for name, p in theta.items()}
    total = {name: torch.zeros_like(p) for name, p in theta.items()}
    for task in range(tasks):
        now = dict(leaves)
        for step in range(STEPS):
            names = [name for name in now if name in adapted]
            loss = support_loss(now, one_task(batch.support, task), step)
            slopes = torch.autograd.grad(loss, [now[n] for n in names], create_graph=True)
            now |= {n: now[n] - ALPHA * g for n, g in zip(names, slopes, strict=True)}
        loss = query_loss(now, one_task(batch.query, task), STEPS)
        slopes = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        total = {n: total[n] + g / tasks for n, g in zip(total, slopes, strict=True)}
    return total


def one_task(data: Any, task: int) -> Any:
    if isinstance(data, Tensor):
        return data[task]
    if isinstance(data, dict):
        return {name: one_task(part, task) for name, part in data.items()}
    return tuple(one_task(part, task) for part in data)


def normed() -> nn.Module:
    return nn.Sequential(
        nn.Linear(2, 5),
        nn.BatchNorm1d(5, track_running_stats=False),
        nn.Tanh(),
        nn.Linear(5, 5),
        nn.Tanh(),
        nn.Linear(5, 1),
    )


NAMES = [name for name, _ in normed().named_parameters()]
NORM = ["1.weight", "1.bias"]
BODY = [name for name in NAMES if name not in NORM]
LAST = [name for name in NAMES if name[0] in "35"]

CASES: dict[str, tuple[Algorithm, list[str]]] = {
    "norm frozen": (MAML(ALPHA, STEPS, freeze="1.*"), BODY),
    "two patterns frozen": (MAML(ALPHA, STEPS, freeze=["0.*", "1.*"]), LAST),
    "Meta-SGD frozen": (MetaSGD(dict.fromkeys(LAST, ALPHA), STEPS, freeze=["[01].*"]), LAST),
    "heads": (ANIL(ALPHA, STEPS, head=["3.*", "5.*"]), LAST),
    "silent": (MAML(dict.fromkeys(LAST, ALPHA), STEPS), LAST),
    "patterns": (MAML({"3.*": ALPHA, "5.*": ALPHA}, STEPS), LAST),
    "name before pattern": (MAML({"*": ALPHA, "1.weight": 0.0, "1.bias": 0.0}, STEPS), BODY),
    "per step": (MAML([{"[35].*": ALPHA}] * STEPS, STEPS), LAST),
}


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_what_adapts(name: str, checkpoint: bool) -> None:
    algorithm, adapted = CASES[name]
    learner = MetaLearner(made(normed), Lines(), algorithm, meta_batch=3, checkpoint=checkpoint)
    batch = learner.held_out(3)

    def loss(theta: Params, data: Any, step: int) -> Tensor:  # noqa: ARG001
        return mse_loss(functional_call(made(normed), theta, data[0]), data[1])

    expected = by_hand(learner.params, set(adapted), batch, loss, loss)
    gradient = learner.algorithm.meta_gradient(
        learner.loss_fn, learner.params, batch.support, batch.query, checkpoint=checkpoint
    )
    assert_close(gradient.params, expected, **EXACT)
    learner.train(2)


def test_alpha_is_learned_where_nothing_is_frozen() -> None:
    algorithm = MAML(LearnedAlpha(ALPHA, granularity="tensor"), STEPS, freeze=NORM)
    learner = MetaLearner(made(normed), Lines(), algorithm, meta_batch=3)
    assert isinstance(learner.alpha, dict)
    assert list(learner.alpha) == BODY
    before = learner.params
    learner.step()
    assert isinstance(learner.alpha, dict)
    assert all(float(a) != ALPHA for a in learner.alpha.values())
    # the meta-gradient moves what the inner loop does not
    assert not torch.equal(learner.params["1.weight"], before["1.weight"])


def test_prototypes_with_a_frozen_body() -> None:
    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 3))

    learner = MetaLearner(
        made(net), Clouds(), ProtoMAML(head="2.*", alpha=ALPHA, freeze="0.*"), meta_batch=2
    )
    support = one_task(learner.held_out(1).support, 0)
    path = learner.algorithm.adapt(learner.loss_fn, learner.params, support).path
    assert torch.equal(path[-1]["0.weight"], learner.params["0.weight"])
    assert not torch.equal(path[-1]["2.weight"], path[0]["2.weight"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MAML(freeze=[]), "freeze must be a pattern .* or a list of patterns, got \\[\\]"),
        (lambda: ANIL(head=["3.*", 3]), "head must be a pattern"),  # type: ignore[list-item]
        (lambda: learner_with(MAML(freeze=["1.*", "9.*"])), "freeze='9.*' matches no parameter"),
        (lambda: learner_with(MAML(freeze="*")), "matches every parameter, so nothing would"),
        (lambda: learner_with(ANIL(head=["5.*", "head"])), "head='head' matches no parameter"),
        (lambda: learner_with(MAML({"7.*": 0.1})), r"\['7.\*'\] match none; the adapted"),
        (
            lambda: learner_with(MAML({"3.*": 0.1, "*.bias": 0.2})),
            r"two entries for 3.bias: '3.\*' and '\*.bias'",
        ),
        (
            lambda: MAML({"3.*": LearnedAlpha(0.1)}),  # type: ignore[dict-item]
            r"take MAML\(alpha=LearnedAlpha\(...\), freeze=\[...\]\)",
        ),
    ],
)
def test_wrong_patterns(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def learner_with(algorithm: Algorithm) -> MetaLearner:
    return MetaLearner(made(normed), Lines(), algorithm, meta_batch=2)


class TwoHeads(nn.Module):
    """A body with two heads, for two targets of each task."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 5), nn.Tanh())
        self.value, self.sign = nn.Linear(5, 1), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.value(features), self.sign(features)


class TwoTargets(Lines):
    """The slope's line and its sign, a loss for each."""

    def loss(self, predict: Any, batch: Any) -> Tensor:
        x, y = batch
        value, sign = predict(x)
        return mse_loss(value, y) + nn.functional.softplus(-sign * y.sign()).mean()


def test_several_heads_adapt_side_by_side() -> None:
    family = TwoTargets()
    algorithm = ANIL(ALPHA, STEPS, head=["value.*", "sign.*"])
    learner = MetaLearner(made(TwoHeads), family, algorithm, meta_batch=3)
    batch = learner.held_out(3)

    def loss(theta: Params, data: Any, step: int) -> Tensor:  # noqa: ARG001
        return family.loss(lambda x: functional_call(made(TwoHeads), theta, x), data)

    heads = {name for name in learner.params if not name.startswith("body")}
    expected = by_hand(learner.params, heads, batch, loss, loss)
    gradient = learner.algorithm.meta_gradient(
        learner.loss_fn, learner.params, batch.support, batch.query
    )
    assert_close(gradient.params, expected, **EXACT)


class WithJudge(nn.Module):
    """A network, and a learned loss of its predictions and the targets."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))
        self.judge = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1), nn.Softplus())

    def forward(self, x: Tensor | None = None, judged: Tensor | None = None) -> Tensor:
        result: Tensor = self.base(x) if judged is None else self.judge(judged)
        return result


@dataclass(frozen=True)
class LearnedLoss:
    """The keys of support data say which loss it is."""

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        batch = Sinusoid(shots=5).sample(tasks, generator)
        (x, y), (query_x, query_y) = batch.support, batch.query
        return TaskBatch({"x": x, "y": y, "inner": torch.ones(tasks)}, {"x": query_x, "y": query_y})

    def loss(self, predict: Any, batch: Any) -> Tensor:
        f = predict(batch["x"])
        if "inner" in batch:
            judged: Tensor = predict(judged=torch.cat([f, batch["y"]], -1))
            return judged.mean()
        return mse_loss(f, batch["y"])


def test_an_inner_loss_is_learned() -> None:
    learner = MetaLearner(
        made(WithJudge), LearnedLoss(), ANIL(ALPHA, STEPS, head="base.*"), meta_batch=3
    )
    batch = learner.held_out(3)

    def run(theta: Params, **inputs: Tensor) -> Tensor:
        result: Tensor = functional_call(made(WithJudge), theta, (), inputs)
        return result

    def inner(theta: Params, data: Any, step: int) -> Tensor:  # noqa: ARG001
        judged = torch.cat([run(theta, x=data["x"]), data["y"]], -1)
        return run(theta, judged=judged).mean()

    def outer(theta: Params, data: Any, step: int) -> Tensor:  # noqa: ARG001
        return mse_loss(run(theta, x=data["x"]), data["y"])

    base = {name for name in learner.params if name.startswith("base")}
    expected = by_hand(learner.params, base, batch, inner, outer)
    gradient = learner.algorithm.meta_gradient(
        learner.loss_fn, learner.params, batch.support, batch.query
    )
    assert_close(gradient.params, expected, **EXACT)
    judge = [p for name, p in gradient.params.items() if name.startswith("judge")]
    assert all(p.abs().max() > 0 for p in judge)
    learner.train(2)


@pytest.mark.parametrize("checkpoint", [False, True])
def test_mini_batches_by_hand(checkpoint: bool) -> None:
    # 7 points in batches of 2: B = 3, step 0 sees the points 0, 3, 6, step 1 1, 4, step 2 2, 5
    seen = [[0, 3, 6], [1, 4], [2, 5]]
    learner = MetaLearner(
        made(normed),
        MiniBatches(Lines(points=7), size=2),
        MAML(ALPHA, STEPS),
        meta_batch=3,
        checkpoint=checkpoint,
    )
    batch = learner.held_out(3)
    whole = TaskBatch(batch.support["mini_batches_of"], batch.query)

    def inner(theta: Params, data: Any, step: int) -> Tensor:
        x, y = data[0][seen[step]], data[1][seen[step]]
        return mse_loss(functional_call(made(normed), theta, x), y)

    def outer(theta: Params, data: Any, step: int) -> Tensor:  # noqa: ARG001
        return mse_loss(functional_call(made(normed), theta, data[0]), data[1])

    expected = by_hand(learner.params, set(NAMES), whole, inner, outer)
    gradient = learner.algorithm.meta_gradient(
        learner.loss_fn, learner.params, batch.support, batch.query, checkpoint=checkpoint
    )
    assert_close(gradient.params, expected, **EXACT)
    learner.train(2)
    assert learner.adaptation_curve(5, tasks=4).mean.isfinite().all()


def test_mini_batches_keep_what_their_family_offers() -> None:
    tasks = MiniBatches(Clouds(shots=2), size=3)
    part = tasks.at_step(1).labels(one_task(tasks.sample(1, torch.Generator()).support, 0))
    # six points sorted by class, B = 2: one of each class
    assert part.tolist() == [0, 1, 2]
    large, model = MiniBatches(Clouds(shots=2), size=7), made(lambda: nn.Linear(2, 3))
    with pytest.raises(ValueError, match="mini-batches of 7 need tensors of at least as many"):
        MetaLearner(model, large, MAML(), meta_batch=2)
    with pytest.raises(ValueError, match="Lines does not tell the labels"):
        MiniBatches(Lines(), size=2).labels(None)
    assert MiniBatches(Lines(), size=2).on("test") == MiniBatches(Lines(), size=2)
    assert MiniBatches(Lines(), size=2).metrics(lambda x: x, None) == {}
