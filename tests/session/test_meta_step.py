"""The next meta-step as a session measures it: the probe's numbers, and the move that follows."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from labkit import MetaStepMonitor, Session, trace_meta_gradient
from labkit.core import as_vector
from labkit.session.observe import meta_step
from labkit.training import draw
from tests.session.small_sessions import SMALL, small_session
from tests.session.test_gradient_monitor import assert_same, toy_session


def measured(session: Session) -> Any:
    monitor = MetaStepMonitor()
    monitor.measure(session.snapshot())
    return monitor.view


@pytest.mark.parametrize("algorithm", ["maml", "anil", "reptile", "imaml"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_it_foretells_the_meta_step_that_follows(algorithm: str, optimizer: str) -> None:
    session = small_session(
        SMALL.changed(algorithm=algorithm, meta_optimizer=optimizer, inner_steps=2, order=1)
    )
    session.run(2)
    view, before = measured(session), session.snapshot()
    assert view.problems == ()
    session.run(3)
    step = as_vector(session.snapshot().params) - as_vector(before.params)
    assert float(step.norm()) == pytest.approx(view.move.length)
    learner = before.observer.learner(before, before.meta_step)
    whole = learner.meta_gradient()
    torch.testing.assert_close(view.trace.directions.mean(0), as_vector(whole.params))
    torch.testing.assert_close(view.trace.query_losses[:, 1], whole.task_losses)
    if optimizer == "sgd":
        assert view.move.angle == pytest.approx(0, abs=0.1)
        assert view.move.length == pytest.approx(SMALL.beta * float(view.trace.mean_norm))
    else:
        assert view.move.angle > 10


def test_every_number_is_the_probes() -> None:
    session = small_session(SMALL.changed(inner_steps=3))
    session.run(2)
    session.set(alpha=0.02, shots=4)  # from the next meta-step on
    snapshot = session.snapshot()
    view = measured(session)
    learner = session.source.learner(session.settings)
    stream = torch.Generator().set_state(snapshot.task_stream)
    batch = draw(learner.tasks, snapshot.settings.meta_batch, stream, snapshot.params)
    data = learner.loss_fn, snapshot.params, batch.support, batch.query
    trace = trace_meta_gradient(learner.algorithm, *data)
    assert_same(view.trace.back, trace.back)
    assert_same(replace(view.trace, back=None), replace(trace, back=None))
    assert view.alpha == 0.02
    assert view.tasks[-1] == f"task {SMALL.meta_batch} of {SMALL.meta_batch}"


def test_the_walk_changes_the_cursor_alone_and_a_meta_step_all() -> None:
    session = toy_session("Coupled quadratics", inner_steps=2)
    monitor = MetaStepMonitor()
    monitor.measure(session.snapshot())
    first = monitor.view
    assert first.tasks == ("task 1 of 3, 0°", "task 2 of 3, 60°", "task 3 of 3, 120°")
    walk = []
    for stride in ("inner_step", "inner_step", "task", "task"):
        session.step(stride)
        monitor.measure(session.snapshot())
        view = monitor.view
        assert view.trace is first.trace
        walk.append((view.task, view.cursor and view.cursor.inner_step))
    assert walk == [(0, 1), (0, 2), (1, 2), (2, 2)]
    session.step("inner_step")
    session.wait()
    monitor.measure(session.snapshot())
    assert monitor.view.meta_step == 1
    assert monitor.view.cursor is None
    assert monitor.view.trace is not first.trace
    session.undo()
    session.close()


def test_while_it_trains_it_keeps_to_its_share_and_tells_its_age() -> None:
    session = small_session()
    now = [0.0]
    monitor = MetaStepMonitor(share=0.5, clock=lambda: now[0])
    monitor.measure(session.snapshot())
    with monitor._pace.work():
        now[0] = 1.0  # a second of work uses up two
    session.run(4)
    snapshot = replace(session.snapshot(), playing=True)
    assert monitor.advance(snapshot)
    assert monitor.view.age == 4
    now[0] = 2.0
    assert not monitor.advance(snapshot)
    assert (monitor.view.age, monitor.view.meta_step) == (0, 4)
    now[0] = 2.1
    session.run(5)
    assert not monitor.advance(session.snapshot())  # at rest nothing is to wait for
    with pytest.raises(ValueError, match="share"):
        MetaStepMonitor(share=0)


def test_without_second_derivatives_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(*data: Any, second_order: bool, **options: Any) -> Any:
        if second_order:
            raise RuntimeError("derivative for aten::x_backward is not implemented")
        return trace_meta_gradient(*data, second_order=False, **options)

    monkeypatch.setattr(meta_step, "trace_meta_gradient", once)
    view = measured(small_session(SMALL.changed(order=1)))
    assert view.problems[0].startswith("The way back through the inner steps cannot be measured: ")
    assert view.trace.back is None
    assert view.move is not None
    torch.testing.assert_close(view.trace.norms, view.trace.query_norms)


def test_what_fails_is_told_and_the_rest_is_there() -> None:
    session = small_session(SMALL.changed(alpha=1e150, inner_steps=3))
    view = measured(session)
    assert view.trace is not None
    assert not view.trace.losses.isfinite().all()
    assert view.move is None
    assert view.problems[0].startswith("The move of θ cannot be measured: DivergedError: ")
