"""Gradient truth without a figure: each number is the pure probe's, and when it is measured."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from labkit import (
    GradientMonitor,
    Session,
    Settings,
    Sinusoid,
    TaskBatch,
    compare_directions,
    coupled_quadratics,
    inner_curvature,
    two_rails,
)
from labkit.session.catalog import PROBLEMS
from labkit.session.observe import Theory, gradient_monitor, measure_gradients
from labkit.session.observe.gradients import LANCZOS_STEPS
from labkit.session.observe.pace import Pace
from labkit.training import map_batch, stream
from tests.session.small_sessions import SMALL, small_session


def toy_session(problem: str, **changes: Any) -> Session:
    toy = PROBLEMS[problem]
    settings = toy.settings.changed(**changes)
    source = toy.source(next(iter(toy.models)), settings, None)
    return Session(settings, model=source.model, tasks=source.tasks, test_tasks=source.test_tasks)


def data_of(session: Session, tasks: int) -> tuple[Any, ...]:
    """Loss, θ and the first held-out tasks of the lab's curves, made again."""
    learner = session.source.learner(session.settings)
    held_out = learner.held_out(session.source.test_tasks, split="validation")
    batch: TaskBatch = map_batch(lambda tensor: tensor[:tasks], held_out)
    return learner.test_loss_fn, session.snapshot().params, batch.support, batch.query


def assert_same(one: Any, other: Any) -> None:
    for name in one.__slots__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, Tensor):
            torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12, equal_nan=True)
        else:
            assert mine == theirs


@pytest.fixture
def small_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps of one point."""
    monkeypatch.setattr(gradient_monitor, "SCALES", (1.0,))
    monkeypatch.setattr(gradient_monitor, "LEAST_STEPS", 1)


def test_every_number_is_the_probes() -> None:
    session = small_session(SMALL.changed(inner_steps=2))
    session.run(3)
    monitor = GradientMonitor(tasks=2)
    monitor.measure(session.snapshot())
    data, view = data_of(session, 2), monitor.view
    (point,) = view.points
    assert_same(point.directions, compare_directions(*data, alpha=0.05, inner_steps=2))
    generator = stream(session.settings.seed, "start of the Lanczos method")
    curvature = inner_curvature(
        *data, alpha=0.05, inner_steps=2, generator=generator, lanczos_steps=LANCZOS_STEPS
    )
    assert_same(point.curvature, curvature)
    assert view.sweep is not None
    assert [p.scale for p in view.sweep.by_alpha] == [0.1, 0.2, 0.5, 1, 2, 5, 10]
    assert [p.inner_steps for p in view.sweep.by_steps] == [1, 2, 3, 4, 5]
    for p in (view.sweep.by_alpha[1], view.sweep.by_steps[3]):
        steps = p.inner_steps
        assert_same(
            p.directions, compare_directions(*data, alpha=0.05 * p.scale, inner_steps=steps)
        )
    assert (point.meta_step, view.age, view.sweep_age, view.problems) == (3, 0, 0, ())
    assert view.tasks[0].startswith("task 1 (A ")


def test_learned_step_sizes_are_scaled_as_they_are() -> None:
    session = small_session(SMALL.changed(alpha_learned="tensor", algorithm="maml"))
    session.run(2)
    monitor = GradientMonitor(tasks=2)
    monitor.measure(session.snapshot())
    alpha: Any = session.snapshot().alpha
    doubled = {name: 2 * size for name, size in alpha.items()}
    assert monitor.view.sweep is not None
    (point,) = [p for p in monitor.view.sweep.by_alpha if p.scale == 2]
    assert point.alpha is None
    data = data_of(session, 2)
    assert_same(point.directions, compare_directions(*data, alpha=doubled, inner_steps=1))


@pytest.mark.parametrize("problem", ["Two rails", "Coupled quadratics", "Bent valleys"])
def test_the_theory_of_a_toy_is_what_the_probes_measure(problem: str) -> None:
    session = toy_session(problem, inner_steps=2)
    session.run(4)
    monitor = GradientMonitor()
    monitor.measure(session.snapshot())
    view = monitor.view
    assert view.tasks == session.source.tasks(shots=1).names  # type: ignore[attr-defined]
    assert view.sweep is not None
    for point in (*view.points, *view.sweep.by_alpha, *view.sweep.by_steps):
        theory, directions = point.theory, point.directions
        assert isinstance(theory, Theory)
        assert directions is not None
        torch.testing.assert_close(directions.norms, theory.directions.norms)
        torch.testing.assert_close(
            directions.mean_angles, theory.directions.mean_angles, rtol=1e-6, atol=1e-6
        )
    (point,) = view.points
    assert point.curvature is not None
    assert point.theory is not None
    torch.testing.assert_close(point.curvature.alpha_largest, point.theory.curvature)


def test_two_rails_point_opposite_ways_between_their_fixed_points() -> None:
    family = two_rails()
    between = torch.tensor([0.35], dtype=torch.float64)  # of 1/5 and 1/2
    means = [
        family.directions(method, between, alpha=0.2, inner_steps=1).mean()
        for method in ("exact", "first order")
    ]
    assert means[0] > 0 > means[1]
    session = toy_session("Two rails")
    state = replace(session.snapshot(), params={"theta": between})
    point = measure_gradients(session.snapshot().observer, state, 0, tasks=2)
    assert point.directions is not None
    assert point.directions.mean_angle("exact", "first order") == pytest.approx(180)


def test_it_takes_a_tenth_of_the_time_while_it_trains_and_all_of_it_at_rest() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 10.0  # so long each look at it takes, and so each piece of work
        return now[0]

    session = small_session()
    resting = session.snapshot()
    playing = replace(resting, playing=True)
    monitor = GradientMonitor(tasks=1, share=0.1, clock=clock)
    worked = 0
    for meta_step in range(200):
        before = monitor.view
        assert monitor.advance(replace(playing, meta_step=meta_step, last_step=meta_step))
        after = monitor.view
        new = len(after.points) - len(before.points)
        worked += bool(new) or (after.sweep is not before.sweep)
    assert 5 <= len(monitor.view.points) <= worked <= 0.1 * now[0]
    assert monitor.view.sweep is not None
    while monitor.advance(resting):
        pass
    assert monitor.view.sweep.meta_step == 0
    assert not monitor.advance(resting)


def test_a_pace_rests_nine_times_as_long_as_it_worked_also_after_an_error() -> None:
    times: Iterator[float] = iter([0.3, 3.3, 4.0, 40.0])
    pace = Pace(0.1, clock=lambda: next(times))
    with pytest.raises(KeyError), pace.work():
        raise KeyError
    assert pace.wait() == 26.0
    assert pace.wait() == 0.0
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="share must be"):
            Pace(share)


def test_points_stay_with_the_run_that_they_belong_to(small_sweeps: None) -> None:  # noqa: ARG001
    session, monitor = toy_session("Two rails"), GradientMonitor(tasks=1)

    def steps() -> list[int]:
        monitor.measure(session.snapshot())
        return [point.meta_step for point in monitor.view.points]

    for meta_step in (2, 4):
        session.run(meta_step)
        kept = steps()
    assert kept == [2, 4]
    session.look(2)
    assert steps() == [2]
    session.look(None)
    assert steps() == [2, 4]
    session.fork(3, alpha=0.1)
    assert steps() == [2, 3]
    session.run(5)
    assert steps() == [2, 3, 5]
    session.undo()  # of the fork
    assert steps() == [2, 4]
    session.set(alpha=0.2)
    assert steps() == [2, 4]
    assert monitor.view.points[-1].alpha == 0.2
    session.reset()
    assert steps() == [0]
    session.reseed()
    assert steps() == [0]


class Last(torch.autograd.Function):
    """x, without a derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # noqa: ARG004
        raise RuntimeError("no second derivative")


class Once(torch.autograd.Function):
    """x², whose derivative has none."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = 2 * Last.apply(x) * slope  # type: ignore[no-untyped-call]
        return gradient


class OnceModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = Once.apply(self.weight * x)  # type: ignore[no-untyped-call]
        return out


def test_what_cannot_be_differentiated_twice_is_told_and_the_rest_goes_on(
    small_sweeps: None,  # noqa: ARG001
) -> None:
    session = Session(
        Settings(order=1, meta_batch=2, shots=3),
        model=lambda _: OnceModel(),
        tasks=Sinusoid,
        test_tasks=3,
    )
    monitor = GradientMonitor(tasks=2)
    monitor.measure(session.snapshot())
    (point,) = monitor.view.points
    assert point.directions is None
    assert point.curvature is None
    assert [p.partition(":")[0] for p in point.problems] == [
        "The directions of OnceModel cannot be measured",
        "The curvature of OnceModel cannot be measured",
    ]
    session.run(2)
    monitor.measure(session.snapshot())
    assert [p.meta_step for p in monitor.view.points] == [0, 2]


class Marked(Once):
    """x², whose derivative torch takes for a constant, and says nothing."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = 2 * x * slope
        return gradient


class Silent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = Marked.apply(self.weight * x)  # type: ignore[no-untyped-call]
        return out


def test_second_derivatives_that_are_silently_zero_are_told(
    small_sweeps: None,  # noqa: ARG001
) -> None:
    session = Session(Settings(), model=lambda _: Silent(), tasks=Sinusoid, test_tasks=2)
    monitor = GradientMonitor(tasks=2)
    monitor.measure(session.snapshot())
    (point,), (problem,) = monitor.view.points, monitor.view.problems
    assert point.curvature is not None
    assert not point.curvature.largest.any(), f"torch {torch.__version__} now says more"
    assert problem.startswith("Silent has wrong second derivatives: its exact meta-gradient is off")
    assert monitor.view.sweep is not None
    # it is of the model, and stays while there are other points
    session.run(1)
    monitor.measure(session.snapshot())
    assert monitor.view.problems == (problem,)


def test_without_inner_steps_and_with_nan_it_still_measures() -> None:
    session = small_session(SMALL.changed(inner_steps=0))
    monitor = GradientMonitor(tasks=2)
    monitor.measure(session.snapshot())
    (point,) = monitor.view.points
    assert point.curvature is None
    assert point.problems == ()
    assert point.directions is not None
    assert float(point.directions.mean_angle("exact", "first order")) == 0
    nan = {name: p * torch.nan for name, p in session.snapshot().params.items()}
    state = replace(session.snapshot(), params=nan, settings=SMALL)
    point = measure_gradients(session.snapshot().observer, state, 0, tasks=2)
    assert point.directions is not None
    assert point.directions.norms.isnan().all()
    assert len(point.problems) == 1
    assert point.problems[0].startswith("At meta-step 0 2 of 2 tasks have diverged: their gradient")


def test_the_check_takes_the_exact_gradient_where_a_direction_is_none() -> None:
    for changes in ({}, {"order": 1}, {"algorithm": "reptile"}):
        session = toy_session("Bent valleys", **changes)
        session.run(2)
        monitor = GradientMonitor(tasks=1)
        monitor.check(session.snapshot())
        check = monitor.view.check
        assert check is not None
        assert check.passed
        assert monitor.view.check_step == 2


def test_its_own_learner_leaves_the_session_alone(small_sweeps: None) -> None:  # noqa: ARG001
    one, other = small_session(), small_session()
    monitor = GradientMonitor(tasks=1)
    for meta_step in (1, 2):
        one.run(meta_step)
        monitor.measure(one.snapshot())
        monitor.check(one.snapshot())
    other.run(2)
    first, second = one.snapshot().params, other.snapshot().params
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_toy_with_another_model_has_no_theory() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = (nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in "ab")

        def forward(self) -> Tensor:
            return self.a + self.b

    session = Session(
        Settings(meta_batch=3), model=lambda _: Two(), tasks=coupled_quadratics, test_tasks=3
    )
    monitor = GradientMonitor()
    monitor.measure(session.snapshot())
    assert monitor.view.points[0].theory is None
    assert monitor.view.problems == ()
