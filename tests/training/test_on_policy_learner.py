"""Learners on data that depend on θ: replay, resume, sessions and curves as for other families."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labkit import MAML, LoopWarning, MetaLearner, Session, Settings
from labkit.core import Draws, tree_leaves, vectorize
from labkit.training.engine.engine import RECORDED_AFTER
from labkit.training.watching import StepReport
from tests.session.small_sessions import small_session
from tests.training.point_actions import Action, Goals

STEPS = RECORDED_AFTER + 5


def learner(family: Goals | None = None, **options: Any) -> MetaLearner:
    return MetaLearner(
        Action(), family or Goals(), MAML(alpha=0.5), meta_batch=4, beta=0.05, **options
    )


def equal(one: dict[str, Any], two: dict[str, Any]) -> bool:
    pairs = zip(tree_leaves(one), tree_leaves(two), strict=True)
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_a_replayed_run_equals_that_of_functions_bit_for_bit() -> None:
    replayed, functions = learner(), learner(Goals(closed=True))
    steps = replayed.train(STEPS), functions.train(STEPS)
    assert steps[0] == steps[1]
    assert equal(replayed.state(), functions.state())
    # goals are around 0, where θ learns to be: half of the way is then left
    assert steps[0][-1].loss_after < steps[0][-1].loss_before
    assert replayed._engine._engine.compiled_step() is not None
    # functions that differ from batch to batch are not recorded
    assert functions._engine._engine.compiled_step() is None


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole, first, second = learner(), learner(), learner()
    whole.train(STEPS + 3)
    first.train(STEPS)
    first.save(tmp_path / "run")
    second.load(tmp_path / "run")
    second.train(3)
    assert equal(whole.state(), second.state())


def test_functions_of_single_tasks_say_that_they_are_not_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vectorize, "_SAID", set())
    with pytest.warns(LoopWarning, match="are drawn by a function"):
        listed = learner(Goals(listed=True))
    listed.train(2)
    together = learner()
    together.train(2)
    assert torch.allclose(listed.params["mean"], together.params["mean"])
    with pytest.raises(ValueError, match="compiled"):
        learner(Goals(listed=True), engine="compiled")


def test_curves_have_more_steps_than_training_and_metrics() -> None:
    trained = learner()
    curve = trained.adaptation_curve(4, tasks=30)
    again = trained.adaptation_curve(4, tasks=30)
    assert torch.equal(curve.task_losses, again.task_losses)
    assert curve.mean.shape == (5,)
    assert curve.mean[4] < curve.mean[1] < curve.mean[0]
    # after k steps of 1/2, 1/4, 1/4, 1/4 the distance falls by these shares
    goals = trained.held_out(30).info["goal"].abs().mean()
    shares = torch.tensor([1, 1 / 2, 3 / 8, 9 / 32, 27 / 128])
    assert torch.allclose(curve.metrics["distance"].mean, goals * shares, atol=0.08)
    # another family draws its own batches
    surer = trained.adaptation_curve(1, tasks=30, family=Goals(shots=50))
    assert not torch.equal(surer.task_losses, curve.task_losses[:, :2])
    assert torch.allclose(surer.metrics["distance"].mean, goals * shares[:2], atol=0.08)


def test_a_batch_as_the_family_gives_it_is_given_seeds() -> None:
    trained = learner()
    batch = trained.tasks.sample(3, torch.Generator().manual_seed(5))
    one, two = trained.meta_gradient(batch), trained.meta_gradient(batch)
    assert torch.equal(one.params["mean"], two.params["mean"])
    assert isinstance(trained.held_out(3).support, Draws)
    module = trained.adapted_module(
        lambda f, g: Goals().act(f, torch.randn(2, generator=g), torch.tensor(4.0))
    )
    assert 1.5 < float(module().detach()) < 2.5


def test_watched_meta_steps_report_what_they_take() -> None:
    reports: list[StepReport] = []
    trained = learner()
    trained.train(2, on_step=reports.append, watch=("task_losses", "metrics"))
    for report in reports:
        assert report.task_losses is not None
        assert torch.isclose(report.task_losses.mean(), torch.tensor(report.loss_after))
    assert set(reports[0].metrics) == {"distance"}


def test_a_session_undoes_and_repeats_such_a_run() -> None:
    def session() -> Session:
        settings = Settings(alpha=0.5, meta_batch=4, beta=0.05, shots=3)
        return small_session(settings, model=Action(), tasks=Goals)

    one, two = session(), session()
    for each in (one, two):
        each.run(3)
        each.set(inner_steps=2)
        each.run(6)
    one.undo()
    one.redo()
    one.run(6)
    curves = [each.training_curve().loss_after for each in (one, two)]
    assert np.array_equal(curves[0], curves[1])
    assert len(curves[0]) == 6
    # what the settings and events determine
    again = Session.from_recipe(one.recipe(), model=Action(), tasks=Goals)
    again.run(6)
    assert np.array_equal(again.training_curve().loss_after, curves[0])
    one.look(2)
    snapshot = one.snapshot()
    assert snapshot.meta_step == 2
    assert len(one.adaptation_curve(snapshot).mean) == 2
    assert one.portrait(snapshot, 0) is None
