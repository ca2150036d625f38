"""A curve of many tasks, estimated from few: no jump when all of them are measured."""

import numpy as np
import pytest
import torch

from labkit import Session, Settings, Sinusoid, sinusoid_mlp
from labkit.training import AdaptationCurve, estimate_curve
from labkit.training.evaluation import summarise

FEW, ALL = 25, 300


def related(generator: torch.Generator, noise: float) -> tuple[AdaptationCurve, ...]:
    """Skewed losses of all tasks before, and after a change that keeps most of their order."""
    earlier = torch.rand((ALL, 2), generator=generator, dtype=torch.float64).square() * 12
    later = 0.5 * earlier + noise * torch.rand((ALL, 2), generator=generator, dtype=torch.float64)
    return tuple(summarise(losses, {"half": losses / 2}) for losses in (earlier, later))


def few_of(curve: AdaptationCurve) -> AdaptationCurve:
    metrics = {name: each.task_values[:FEW] for name, each in curve.metrics.items()}
    return summarise(curve.task_losses[:FEW], metrics)


@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
def test_the_interval_holds_the_mean_of_all_as_often_as_it_says(noise: float) -> None:
    generator = torch.Generator().manual_seed(0)
    inside, narrower = [], []
    for _ in range(200):
        earlier, later = related(generator, noise)
        few = few_of(later)
        estimate = estimate_curve(few, earlier)
        for one, all_tasks, part in (
            (estimate, later, few),
            (estimate.metrics["half"], later.metrics["half"], few.metrics["half"]),
        ):
            inside += ((one.mean - all_tasks.mean).abs() <= one.ci95).tolist()
            narrower.append(float((one.ci95 / part.ci95).mean()))
    assert 0.92 < np.mean(inside) <= 1
    assert np.mean(narrower) < (0.5 if noise < 2 else 1.05)


def test_a_curve_of_the_same_theta_is_that_of_all() -> None:
    earlier, _ = related(torch.Generator().manual_seed(1), 1.0)
    same = estimate_curve(few_of(earlier), earlier)
    torch.testing.assert_close(same.mean, earlier.mean)
    torch.testing.assert_close(same.ci95, earlier.ci95, rtol=0.02, atol=0)
    assert same.tasks == ALL


def test_what_cannot_be_related_stays_as_it_was_measured() -> None:
    earlier, later = related(torch.Generator().manual_seed(2), 1.0)
    few = few_of(later)
    assert estimate_curve(few, few) is few, "of no more tasks"
    wild = earlier.task_losses.clone()
    wild[FEW + 1, 1] = torch.inf
    half = estimate_curve(few, summarise(wild))
    assert half.mean[1] == few.mean[1]
    assert half.mean[0] != few.mean[0]
    assert half.ci95[1] == few.ci95[1]


def test_more_inner_steps_than_before_are_related_to_the_last_of_them() -> None:
    earlier, later = related(torch.Generator().manual_seed(5), 0.1)
    short = summarise(earlier.task_losses[:, :1])
    estimate = estimate_curve(few_of(summarise(later.task_losses[:, [0, 0, 0]])), short)
    torch.testing.assert_close(estimate.mean, later.mean[[0, 0, 0]], rtol=0.02, atol=0)
    cut = estimate_curve(few_of(summarise(later.task_losses[:, :1])), earlier)
    torch.testing.assert_close(cut.mean, estimate.mean[:1])


def test_a_mean_stays_among_its_values() -> None:
    earlier, _ = related(torch.Generator().manual_seed(3), 1.0)
    high = earlier.task_losses.clone()
    high[FEW:] += 1e6
    estimate = estimate_curve(few_of(earlier), summarise(high))
    assert (estimate.mean <= earlier.task_losses[:FEW].amax(0)).all()


def test_losses_that_had_diverged_leave_the_interval_of_the_few() -> None:
    earlier, later = related(torch.Generator().manual_seed(4), 1.0)
    wild, few = earlier.task_losses.clone(), few_of(later)
    wild[FEW + 3, 1] = 1e6
    estimate = estimate_curve(few, summarise(wild))
    assert (estimate.mean[1], estimate.ci95[1]) == (few.mean[1], few.ci95[1])
    assert estimate.ci95[0] < 0.9 * few.ci95[0]


def test_a_session_that_pauses_shows_what_it_showed() -> None:
    """Played from curve to curve of all tasks, paused anywhere between."""
    inside, jumps, plain = [], [], []
    for seed in range(3):
        session = Session(
            Settings(seed=seed, meta_batch=8), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=ALL
        )
        earlier = session.adaptation_curve(session.snapshot())
        for meta_step in (20, 60, 120):
            session.run(meta_step)
            snapshot = session.snapshot()
            few = session.adaptation_curve(snapshot, part=FEW)
            estimate, paused = estimate_curve(few, earlier), session.adaptation_curve(snapshot)
            inside += ((estimate.mean - paused.mean).abs() <= estimate.ci95).tolist()
            jumps.append(float(((estimate.mean - paused.mean).abs() / paused.mean).mean()))
            plain.append(float(((few.mean - paused.mean).abs() / paused.mean).mean()))
            earlier = paused
    assert np.mean(inside) > 0.9
    assert np.mean(jumps) < 0.03
    assert np.mean(plain) > 3 * np.mean(jumps), "of the few alone"


def test_a_session_whose_shots_change_shows_what_it_will_show() -> None:
    """The tasks are others then, but drawn alike: a wave keeps its place among them."""
    inside, jumps, plain = [], [], []
    for seed, shots in enumerate((5, 20)):
        session = Session(
            Settings(seed=seed, meta_batch=8), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=ALL
        )
        session.run(60)
        before = session.snapshot()
        earlier = session.adaptation_curve(before), session.untrained_curve(before)
        session.set(shots=shots)
        after = session.snapshot()
        some = session.adaptation_curve(after, part=4 * FEW)
        some_untrained = session.untrained_curve(after, part=4 * FEW)
        settled = session.adaptation_curve(after), session.untrained_curve(after)
        for one, early, late in zip((some, some_untrained), earlier, settled, strict=True):
            estimate, few = estimate_curve(one, early), few_of(one)
            inside += ((estimate.mean - late.mean).abs() <= estimate.ci95).tolist()
            jumps.append(float(((estimate.mean - late.mean).abs() / late.mean).mean()))
            plain.append(float(((few.mean - late.mean).abs() / late.mean).mean()))
    assert np.mean(inside) > 0.9
    assert np.mean(jumps) < 0.04
    assert np.mean(plain) > 3 * np.mean(jumps), "of the first few alone"
