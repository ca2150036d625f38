"""Walks through a meta-step: how many presses, what they show, and that θ waits."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from labkit import MAML, LearnedAlpha, MetaLearner, Portrait, Session, Sinusoid, TaskBatch
from labkit.session.observe.snapshot import Cursor, Stride
from labkit.training.held_out import one_task
from labkit.training.step.data import to_model
from tests.session.small_sessions import SMALL, same, same_session, small_session, tiny


def walked(session: Session, stride: Stride) -> list[Cursor]:
    """Every place of a walk through the next meta-step, which it ends with."""
    places: list[Cursor] = []
    while True:
        session.step(stride)
        if (place := session.snapshot().cursor) is None:
            session.wait()
            return places
        places.append(place)


@pytest.mark.parametrize(("inner_steps", "meta_batch"), [(0, 2), (1, 3), (3, 2)])
def test_places_of_a_walk(inner_steps: int, meta_batch: int) -> None:
    session = small_session(SMALL.changed(inner_steps=inner_steps, meta_batch=meta_batch))
    session.run(1)
    first = min(1, inner_steps)
    every = [Cursor(task, k) for task in range(meta_batch) for k in range(first, inner_steps + 1)]
    tasks = [Cursor(task, inner_steps) for task in range(meta_batch)]
    expected: dict[Stride, list[Cursor]] = {"inner_step": every, "task": tasks, "meta_step": []}
    for number, (stride, places) in enumerate(expected.items()):
        assert walked(session, stride) == places
        assert session.snapshot().meta_step == number + 2
    session.close()


def test_strides_can_be_mixed_and_the_walk_leaves_the_training_as_it_is() -> None:
    session = small_session(SMALL.changed(inner_steps=3))
    session.step("inner_step")
    session.step("task")
    session.step("inner_step")
    assert session.snapshot().cursor == Cursor(1, 1)
    assert session.snapshot().meta_step == 0
    session.step()
    session.wait()
    straight = small_session(SMALL.changed(inner_steps=3))
    straight.run(1)
    assert same_session(session.snapshot(), straight.snapshot())
    session.close()


@dataclass
class Seen:
    """Sinusoids that note each batch for training."""

    family: Sinusoid
    batches: list[TaskBatch] = field(default_factory=list)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        self.batches.append(self.family.sample(tasks, generator))
        return self.batches[-1]

    def loss(self, predict: Any, batch: Any) -> Tensor:
        return self.family.loss(predict, batch)


@pytest.mark.parametrize("learned", ["no", "element"])
def test_the_walk_shows_the_very_tasks_of_the_next_meta_step(learned: Any) -> None:
    start = SMALL.changed(meta_batch=3, inner_steps=2, alpha_learned=learned)
    session = small_session(start)
    session.run(4)
    session.set(shots=2)
    portraits: list[Portrait] = []
    for number in range(3):
        session.step("task")
        snapshot = session.snapshot()
        assert (snapshot.meta_step, snapshot.cursor) == (4, Cursor(number, 2))
        portrait = session.portrait(snapshot, task=99)  # it is the walk that says which
        assert isinstance(portrait, Portrait)
        portraits.append(portrait)

    tasks = Seen(Sinusoid(shots=2))
    size: Any = 0.05 if learned == "no" else LearnedAlpha(0.05, granularity=learned)
    learner = MetaLearner(tiny, Sinusoid(shots=3), MAML(size, 2), meta_batch=3, dtype=torch.float64)
    learner.train(4)
    params, alpha = learner.params, learner.alpha
    assert same(snapshot.params, params)
    learner.tasks = tasks
    learner.step()
    points = to_model(tasks.batches[-1], params)
    learner.algorithm = MAML(alpha, 2)
    for number, portrait in enumerate(portraits):
        expected = learner.portrait_of(one_task(points, number), family=tasks.family, params=params)
        assert isinstance(expected, Portrait)
        assert torch.equal(portrait.support_x, expected.support_x)
        assert torch.equal(portrait.support_y, expected.support_y)
        assert torch.equal(portrait.predictions, expected.predictions)
    session.step("task")
    session.wait()
    session.close()
    after = session.snapshot()
    assert (after.meta_step, after.cursor) == (5, None)
    assert same(after.params, learner.params)


@pytest.mark.parametrize(
    "action",
    [
        lambda session: session.set(meta_batch=1),
        lambda session: session.run(2),
        lambda session: (session.look(0), session.look(None)),
        lambda session: session.fork(0),
        lambda session: session.undo(),
        lambda session: session.reset(),
    ],
)
def test_what_else_is_done_ends_the_walk(action: Any) -> None:
    session = small_session()
    session.run(1)
    session.set(alpha=0.1)
    session.step("task")
    session.step("task")
    action(session)
    snapshot = session.snapshot()
    assert snapshot.cursor is None
    session.portrait(snapshot)
