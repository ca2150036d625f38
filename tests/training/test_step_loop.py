"""Many meta-steps at once: the same as one by one, whatever comes between or goes wrong."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from labkit import MAML, LearnedAlpha, MetaLearner, Sinusoid, TaskBatch, sinusoid_mlp
from labkit.core.algorithms.algorithm import Algorithm
from labkit.tasks.family import Predictor
from labkit.training.engine import engine
from tests.training.point_tasks import Lines, made
from tests.training.test_engine import tied

ALGORITHMS = {
    "fixed": MAML(alpha=0.05, inner_steps=2),
    "learned per step": MAML(
        alpha=LearnedAlpha(0.05, granularity="tensor", per_step=True), inner_steps=2
    ),
    "order changes": MAML(alpha=0.05, first_order_until=5),
}


@dataclass
class Counted:
    """Tasks of which every third batch has more points; asked for one batch it fails.

    Attributes:
        fails_at: Number of the batch, from 0; None for none.
    """

    fails_at: int | None = None
    asked: int = 0
    kinds: tuple[Lines, Lines] = field(default=(Lines(), Lines(points=6)))

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        batch = self.kinds[self.asked % 3 == 2].sample(tasks, generator)
        self.asked += 1
        if self.asked - 1 == self.fails_at:
            raise KeyboardInterrupt
        return batch

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        return self.kinds[0].loss(predict, batch)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RECORDED_AFTER", 2)


def learner(algorithm: Algorithm, tasks: Any, **options: Any) -> MetaLearner:
    return MetaLearner(made(tied), tasks, algorithm, meta_batch=4, beta=0.01, **options)


def assert_same(one: MetaLearner, two: MetaLearner) -> None:
    assert one.meta_step == two.meta_step
    assert torch.equal(one.task_stream, two.task_stream)
    states = (one.state(), two.state())
    for name, tensor in states[0]["params"].items():
        assert torch.equal(tensor, states[1]["params"][name])
    memories = [state["optimizer"]["state"] for state in states]
    for number, memory in memories[0].items():
        for name, value in memory.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(memories[1][number][name]))


@pytest.mark.parametrize("tasks", [Lines, Counted])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_many_meta_steps_are_those_one_by_one(name: str, tasks: Any) -> None:
    together, alone = (learner(ALGORITHMS[name], tasks()) for _ in range(2))
    result = together.train(20)
    assert result == [alone.step() for _ in range(20)]
    assert_same(together, alone)
    assert together.train(3) == [alone.step() for _ in range(3)]


@pytest.mark.parametrize("fails_at", [0, 1, 7, 8])
def test_what_was_done_before_an_interrupt_stays(fails_at: int) -> None:
    tasks = Counted()
    broken, whole = learner(MAML(alpha=0.05), tasks), learner(MAML(alpha=0.05), other := Counted())
    tasks.asked = other.asked = 0  # a learner tries its tasks first
    tasks.fails_at = fails_at
    with pytest.raises(KeyboardInterrupt):
        broken.train(12)
    assert broken.meta_step == fails_at
    tasks.fails_at, tasks.asked = None, fails_at
    broken.train(12 - fails_at)
    whole.train(12)
    assert_same(broken, whole)


def test_a_change_between_two_goes_holds_from_the_next_meta_step_on() -> None:
    one, two = (MetaLearner(sinusoid_mlp, Sinusoid(), MAML(alpha=0.05)) for _ in range(2))
    for each, go in ((one, one.train), (two, lambda n: [two.step() for _ in range(n)])):
        go(5)
        each.beta = 0.1
        go(5)
        each.algorithm = MAML(alpha=0.2)
        go(5)
        each.meta_optimizer = "sgd"
        go(5)
    assert_same(one, two)
