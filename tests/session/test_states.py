"""Kept states: few enough, the right ones, and never written to."""

import copy
import itertools
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import Session, Settings, Sinusoid
from labkit.session.source import Source
from labkit.session.states import FIRST_STRIDE, MOST_MARKS, States
from labkit.session.trainer import State, Trainer
from tests.session.small_sessions import SMALL, same, tiny

FORMS = list(
    itertools.product(
        ("maml", "anil", "reptile", "imaml"),
        get_args(Settings.model_fields["alpha_learned"].annotation),
        ("adam", "sgd"),
    )
)


def state(meta_step: int, numbers: int) -> State:
    return State(SMALL, {"meta_step": meta_step, "params": {"w": torch.zeros(numbers)}})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 700),
    st.integers(2, 20),
    st.integers(1, 100),
    st.sets(st.integers(0, 700), max_size=60),
)
def test_memory_is_bounded_and_the_last_marks_stay(
    steps: int, most: int, room: int, marks: set[int]
) -> None:
    # the first one is smaller, as before the optimiser's moments
    kept = States(most, most_bytes=room * 400)
    kept.put(state(0, 10))
    for meta_step in range(steps + 1):
        if meta_step in marks:
            kept.mark(state(meta_step, 100))
        if kept.wants(meta_step):
            kept.put(state(meta_step, 100))
    held = {id(s): s for s in (kept.before(at) for at in range(steps + 1))}.values()
    assert len(kept) <= most
    assert sum(s.nbytes for s in held) <= max(room * 400, 3 * 400)
    assert kept.before(0).meta_step == 0
    marked = sorted(at for at in marks if at <= steps)[-max(1, min(MOST_MARKS, room // 2)) :]
    assert all(kept.before(at).meta_step == at for at in marked)
    stride = FIRST_STRIDE
    while steps // stride + 1 > max(2, min(most, room // 2)):
        stride *= 2
    assert all(at - kept.before(at).meta_step < stride for at in range(steps + 1))


def test_a_copy_until_then_shares_what_is_earlier_and_nothing_else() -> None:
    kept = States()
    for meta_step in range(0, 80, 8):
        kept.put(state(meta_step, 1))
    kept.mark(state(13, 1))
    part = kept.until(40)
    part.mark(state(21, 1))
    assert [part.before(at) is kept.before(at) for at in (0, 13, 20, 40)] == [True] * 4
    assert part.before(70).meta_step == 40
    assert (kept.before(22).meta_step, part.before(22).meta_step) == (16, 21)


def form(algorithm: str, learned: str, optimizer: str) -> Settings:
    return SMALL.changed(
        algorithm=algorithm, alpha_learned=learned, meta_optimizer=optimizer, inner_steps=2
    )


def trained(trainer: Trainer, chosen: Settings, meta_steps: int = 3) -> list[Any]:
    steps = [trainer.advance(chosen) for _ in range(meta_steps)]
    alpha = trainer.alpha(chosen)
    return [*((s.loss_before, s.loss_after) for s in steps), trainer.params, alpha]


def equal(one: list[Any], two: list[Any]) -> bool:
    return all(same(a, b) if isinstance(a, dict) else a == b for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(("algorithm", "learned", "optimizer"), FORMS)
def test_restoring_is_exact_and_nothing_kept_is_written_to(
    algorithm: str, learned: str, optimizer: str
) -> None:
    source = Source(tiny, Sinusoid, torch.float64)
    chosen = form(algorithm, learned, optimizer)
    trainer = Trainer(source, chosen)
    trained(trainer, chosen)
    kept = trainer.state()
    before = copy.deepcopy(kept.learner)
    expected = trained(trainer, chosen)
    assert same_state(kept.learner, before)
    # by way of something else
    elsewhere = form("reptile" if algorithm == "maml" else "maml", "tensor", "sgd")
    trained(trainer, elsewhere.changed(shots=2, meta_batch=3))
    trainer.restore(kept)
    assert same_state(trainer.state().learner, before)
    assert equal(trained(trainer, chosen), expected)
    # in another one that was never there
    other = Trainer(source, SMALL.changed(seed=7))
    other.restore(kept)
    assert equal(trained(other, chosen), expected)
    assert same_state(kept.learner, before)


def same_state(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same_state(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same_state, one, two))
    return bool(one == two)


def test_another_optimiser_goes_on_with_alpha_where_it_is() -> None:
    chosen = form("maml", "tensor", "adam")
    trainer = Trainer(Source(tiny, Sinusoid, torch.float64), chosen)
    trained(trainer, chosen)
    alpha: Any = trainer.alpha(chosen)
    other = form("maml", "tensor", "sgd")
    assert same(trainer.alpha(other), alpha)
    trained(trainer, other, 1)
    converted: Any = trainer.alpha(other)
    assert all(not torch.equal(converted[name], alpha[name]) for name in alpha)


def test_states_hold_no_gradients() -> None:
    chosen = form("maml", "element", "adam")
    trainer = Trainer(Source(tiny, Sinusoid, torch.float64), chosen)
    trained(trainer, chosen)
    learner = trainer.state().learner
    leaves = [*learner["params"].values(), *learner["alpha"]["rows"][0].values()]
    assert len(leaves) == 12
    assert all(leaf.grad is None for leaf in leaves)


def test_what_was_measured_before_moves_no_alpha_without_inner_steps() -> None:
    """A gradient of α from the meta-step before must not be used again."""
    chosen = form("maml", "scalar", "sgd")
    trainer = Trainer(Source(tiny, Sinusoid, torch.float64), chosen)
    trained(trainer, chosen)
    alpha = trainer.alpha(chosen)
    without = chosen.changed(inner_steps=0)
    trainer.advance(without)
    assert same(trainer.alpha(without), alpha)


def test_runs_that_were_left_keep_few_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.session.timeline.MOST_STATES_ASIDE", 3)
    session = Session(SMALL, model=tiny, tasks=Sinusoid, dtype=torch.float64, test_tasks=2)
    session.run(64)
    run = session._timeline.run
    assert len(run.states) == 9
    session.fork(60)
    assert len(run.states) == 3
    assert len(session._timeline.run.states) == 8
    session.reset()
    session.undo()
    session.undo()
    assert session.snapshot().meta_step == 64
