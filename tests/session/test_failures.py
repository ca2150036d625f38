"""What goes wrong in the middle: nothing recorded is lost, and there is a way on and a way back."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labkit import DivergedError, ParameterError, Session, Sinusoid, TaskBatch, sinusoid_mlp
from labkit.session.source import Source
from tests.session.small_sessions import (
    SMALL,
    Line,
    follows,
    headless,
    same_session,
    small_session,
    tiny,
)

ABSURD: dict[str, Any] = {"alpha": 1e30, "inner_steps": 9, "alpha_learned": "element",
                          "meta_optimizer": "sgd", "shots": 2}  # fmt: skip


class Fuse:
    """Burns after so many forwards, in every copy of a model; None: never."""

    left: int | None = None

    def __deepcopy__(self, memo: object) -> "Fuse":
        return self

    def used(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the fuse has burnt")


class Fragile(nn.Module):
    """A model that raises when its fuse has burnt."""

    def __init__(self, inner: nn.Module, fuse: Fuse) -> None:
        super().__init__()
        self.inner, self._fuse = inner, fuse

    def forward(self, x: Tensor) -> Tensor:
        self._fuse.used()
        y: Tensor = self.inner(x)
        return y


def fragile(generator: torch.Generator, fuse: Fuse) -> nn.Module:
    return Fragile(tiny(generator), fuse)


def nothing(**_: int) -> Any:
    return None


def fragile_session() -> tuple[Session, Fuse]:
    fuse = Fuse()
    return small_session(model=partial(fragile, fuse=fuse)), fuse


def played(session: Session) -> None:
    """Play until it stops by itself."""
    session.play()
    session.wait(60)
    session.close()


def test_divergence_stops_at_the_last_good_state_and_can_be_undone() -> None:
    session = small_session(SMALL.changed(alpha_learned="scalar"))
    session.run(9)
    before = session.snapshot()
    session.set(**ABSURD)
    played(session)
    stopped = session.snapshot()
    assert isinstance(stopped.failure, DivergedError)
    assert stopped.events == before.events == ()
    assert stopped.curve.loss_after.tolist() == before.curve.loss_after.tolist()
    assert torch.equal(stopped.task_stream, before.task_stream)
    session.undo()
    assert same_session(session.snapshot(), before)
    assert session.snapshot().failure is None
    session.play(until=12)
    session.wait(60)
    session.close()
    start = before.settings
    follows(session.snapshot(), Line(start, (), 12, start))


def test_after_a_failure_the_log_says_what_was_done_and_not_what_was_tried() -> None:
    session = small_session()
    session.run(5)
    session.set(alpha=1e200, inner_steps=3)
    with pytest.raises(DivergedError):
        session.run(6)
    session.set(inner_steps=0)  # continues, with an alpha that is not used
    session.run(7)
    log = ((5, "alpha", 1e200), (5, "inner_steps", 0))
    follows(session.snapshot(), Line(SMALL, log, 7, SMALL.changed(alpha=1e200, inner_steps=0)))
    assert same_session(headless(session), session.snapshot())


def test_a_run_that_succeeds_forgets_the_failure_before() -> None:
    session = small_session()
    session.set(alpha=1e200, inner_steps=3)
    played(session)
    assert session.snapshot().failure is not None
    session.set(alpha=0.05)
    session.run(1)
    assert session.snapshot().failure is None


def test_a_model_that_raises_stops_the_player_and_training_goes_on_from_there() -> None:
    session, fuse = fragile_session()
    session.run(3)
    session.set(alpha_learned="tensor", meta_optimizer="sgd")
    fuse.left = 40
    played(session)
    stopped = session.snapshot()
    assert "the fuse has burnt" in str(stopped.failure)
    fuse.left = None
    assert stopped.meta_step == len(stopped.curve.loss_after) > 3
    assert same_parameters(session, stopped.meta_step)
    session.play(until=stopped.meta_step + 2)
    session.wait(60)
    session.close()
    assert same_parameters(session, stopped.meta_step + 2)


def test_what_fails_while_it_is_taken_up_leaves_nothing_of_it() -> None:
    """The trial of an algorithm fails, when optimiser and tasks have been exchanged already.

    With more forwards left its first meta-step fails, and the model cannot be tried again.
    """
    fresh, _ = fragile_session()
    fresh.run(6)
    session, fuse = fragile_session()
    for forwards in range(0, 30, 3):
        session.run(4)
        session.set(algorithm="reptile", meta_optimizer="sgd", shots=2)
        fuse.left = forwards
        played(session)
        assert session.snapshot().failure is not None
        fuse.left = None
        session.undo()
        assert session.snapshot().meta_step == 4
        session.run(6)
        assert same_session(session.snapshot(), fresh.snapshot())
        session.reset()


def same_parameters(session: Session, meta_step: int) -> bool:
    """As in a session with a model that never failed."""
    log = [(3, "alpha_learned", "tensor"), (3, "meta_optimizer", "sgd")]
    fresh = small_session(SMALL.changed(events=log))
    fresh.run(meta_step)
    snapshot = session.snapshot()
    return all(
        torch.equal(snapshot.params[f"inner.{name}"], p)
        for name, p in fresh.snapshot().params.items()
    )


@pytest.mark.parametrize(
    "action",
    [
        lambda session: session.undo(),
        lambda session: session.fork(3),
        lambda session: session.restart(session.source, SMALL.changed(shots=1)),
        lambda session: session.set(algorithm="reptile"),
        lambda session: session.reseed(5),
    ],
)
def test_what_fails_half_way_leaves_all_as_it_was(action: Callable[[Session], None]) -> None:
    session, fuse = fragile_session()
    session.run(5)
    session.set(alpha=0.1)
    session.run(7)
    session.fork(6)
    session.run(8)
    session.undo()
    session.set(beta=0.02)
    session.run(12)
    session._timeline.run.states._marked.clear()  # so that there is something to repeat
    before, done = session.snapshot(), list(session._timeline.edits.done)
    fuse.left = 5
    with pytest.raises((RuntimeError, ValueError), match="the fuse has burnt"):
        action(session)
    fuse.left = None
    assert same_session(session.snapshot(), before)
    assert list(session._timeline.edits.done) == done
    session.run(13)
    expected = small_session(session.recipe().settings)
    expected.run(13)
    assert session.snapshot().curve.loss_after.tolist() == (
        expected.snapshot().curve.loss_after.tolist()
    )


@pytest.mark.parametrize(
    ("source", "settings", "words"),
    [
        (Source(nn.Identity(), Sinusoid), SMALL, "no parameter"),
        (Source(nn.Linear(2, 2), Sinusoid), SMALL, "cannot run on the first task"),
        (Source(tiny, nothing), SMALL, "no attribute 'sample'"),
        (Source(tiny, Sinusoid()), SMALL, "tasks must be a function"),  # type: ignore[arg-type]
    ],
)
def test_a_restart_that_fails_leaves_all_as_it_was(
    source: Source, settings: Any, words: str
) -> None:
    session = small_session()
    session.run(4)
    session.set(alpha=0.1)
    before, present = session.snapshot(), session.source
    session.look(2)
    with pytest.raises((ValueError, AttributeError), match=words):
        session.restart(source, settings)
    assert session.looking == 2
    session.look(None)
    assert session.source is present
    assert same_session(session.snapshot(), before)
    session.undo()
    assert session.settings == SMALL


def test_a_restart_with_another_model_can_be_undone_and_done_again() -> None:
    session = small_session()
    session.run(4)
    session.look(2)
    session.snapshot()
    session.look(None)
    before, present = session.snapshot(), session.source
    other = Source(partial(sinusoid_mlp, width=3), Sinusoid, torch.float64, test_tasks=2)
    session.restart(other, SMALL.changed(shots=2, seed=4))
    session.run(3)
    after = session.snapshot()
    session.look(1)
    assert session.snapshot().params["0.weight"].shape == (3, 1)
    session.undo()
    assert session.source is present
    assert same_session(session.snapshot(), before)
    session.look(3)
    assert session.snapshot().params["0.weight"].shape == (4, 1)
    session.redo()
    assert session.source is other
    assert same_session(session.snapshot(), after)
    session.adaptation_curve(session.snapshot())


def test_settings_that_the_tasks_cannot_serve_are_refused_at_once() -> None:
    session = small_session(tasks=Few)
    with pytest.raises(ValueError, match="at most 3 points"):
        session.set(shots=4)
    with pytest.raises(ValueError, match="at most 5 tasks"):
        session.set(meta_batch=6)
    session.set(shots=2)
    session.run(2)
    assert not session.snapshot().failure


class Few:
    """Sinusoids of few points, and few of them."""

    def __init__(self, shots: int) -> None:
        self._family = Sinusoid(shots)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        if self._family.shots > 3:
            raise ValueError("at most 3 points")
        if tasks > 5:
            raise ValueError("at most 5 tasks")
        return self._family.sample(tasks, generator)

    def loss(self, predict: Any, batch: Any) -> Tensor:
        return self._family.loss(predict, batch)


@pytest.mark.parametrize("place", [-1, 6, 2.5, True, "2"])
def test_places_that_do_not_exist(place: Any) -> None:
    session = small_session()
    session.run(5)
    for action in (session.look, session.fork):
        with pytest.raises(ValueError, match="meta_step must be a whole number from 0 to 5, got"):
            action(place)
    assert session.looking is None
    assert not session.can_undo


def test_a_fork_with_a_bad_value_is_no_fork() -> None:
    session = small_session()
    session.run(5)
    session.look(3)
    for values in ({"alpha": -1.0}, {"seed": 3}, {"gamma": 1}):
        with pytest.raises(ParameterError):
            session.fork(**values)
    assert session.looking == 3
    assert not session.can_undo
