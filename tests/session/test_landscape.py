"""The landscape without a figure: each number by an independent loop, and when it is measured."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from labkit import (
    Landscape,
    LandscapeMonitor,
    PlaneChoice,
    Session,
    Settings,
    Sinusoid,
    measure_landscape,
    random_directions,
)
from labkit.core import Params
from labkit.core.linalg import as_vector, from_vector
from tests.session.small_sessions import SMALL, small_session
from tests.session.test_gradient_monitor import OnceModel, data_of, toy_session

CHOICE = PlaneChoice(points=9, tasks=2)


@pytest.fixture(scope="module")
def trained() -> Session:
    session = small_session(SMALL.changed(inner_steps=2, beta=0.01))
    session.run(20)
    return session


def by_autograd(data: tuple[Any, ...], theta: Params, task: int, steps: int) -> list[Params]:
    """θ_0 … θ_K of a task with α = 0.05, by a plain loop."""
    loss_fn, _, support, _ = data
    path = [theta]
    for _ in range(steps):
        here = {name: p.clone().requires_grad_() for name, p in path[-1].items()}
        loss = loss_fn(here, tuple(part[task] for part in support))
        gradients = torch.autograd.grad(loss, [*here.values()])
        path.append(
            {n: p.detach() - 0.05 * g for (n, p), g in zip(here.items(), gradients, strict=True)}
        )
    return path


@pytest.mark.parametrize("name", ["path", "tasks"])
def test_every_number_is_that_of_a_loop(trained: Session, name: Any) -> None:
    landscape = measure_landscape(trained.snapshot(), replace(CHOICE, plane=name))
    data = data_of(trained, 2)
    loss_fn, theta, _, query = data
    middle = as_vector(theta)
    queries = [tuple(part[task] for part in query) for task in range(2)]
    if name == "path":
        rows = np.stack([as_vector(p).numpy() for _, p in trained.snapshot().path])
        _, values, vectors = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
        np.testing.assert_allclose(landscape.shares, (values**2 / (values**2).sum())[:2])
        basis = torch.tensor(vectors[:2] * np.sign(vectors[:2] @ (rows[-1] - rows[0]))[:, None])
    else:
        ends = [as_vector(by_autograd(data, theta, task, 2)[-1]) - middle for task in range(2)]
        q = torch.linalg.qr(torch.stack(ends, 1))[0].T
        basis = q * torch.sign((q * torch.stack(ends)).sum(1))[:, None]
        for end, axis in itertools.product(landscape.adaptation[:, -1], (0, 1)):
            low, high = landscape.grid[axis][0], landscape.grid[axis][-1]
            assert low < end[axis] < high  # both are in sight
    torch.testing.assert_close(landscape.plane.basis, basis, rtol=1e-9, atol=1e-9)
    a, b = landscape.grid
    for i, j in itertools.product((0, 3, 8), (1, 8)):
        point = from_vector(middle + a[i] * basis[0] + b[j] * basis[1], theta)
        for task in range(2):
            path = by_autograd(data, point, task, 2)
            for losses, there in ((landscape.before, path[0]), (landscape.after, path[-1])):
                assert float(losses[i, j, task]) == pytest.approx(
                    float(loss_fn(there, queries[task])), rel=1e-9
                )
    for task in range(2):
        off = torch.stack([as_vector(p) - middle for p in by_autograd(data, theta, task, 2)])
        torch.testing.assert_close(landscape.adaptation[task], off @ basis.T, atol=1e-9, rtol=1e-9)
    history = torch.stack([as_vector(p) for _, p in trained.snapshot().path]) - middle
    torch.testing.assert_close(landscape.path, history @ basis.T, atol=1e-9, rtol=1e-9)
    inside = history @ basis.T @ basis
    distances = (history - inside).norm(dim=1)
    torch.testing.assert_close(landscape.path_distances, distances, atol=1e-9, rtol=1e-9)
    assert landscape.path_steps == (0, 8, 16, 20)
    # on the plane, the loss falls from θ against the projected meta-gradient, by its square
    small = 1e-4 * landscape.descent[2]
    near = from_vector(middle + small @ basis, theta)
    after = [
        np.mean([float(loss_fn(by_autograd(data, p, t, 2)[-1], queries[t])) for t in range(2)])
        for p in (theta, near)
    ]
    assert float(landscape.loss[1]) == pytest.approx(after[0])
    fall = float(landscape.descent[2].square().sum()) * 1e-4
    assert after[0] - after[1] == pytest.approx(fall, rel=0.01)


def rails_by_hand(theta: Tensor, alpha: float, steps: int) -> Tensor:
    """Mean of θ²/2 and 2(θ − 1)² after some steps."""
    flat, steep = (1 - alpha) ** steps * theta, (1 - 4 * alpha) ** steps * (theta - 1)
    return (flat**2 / 2 + 2 * steep**2) / 2


def test_two_rails_are_the_curve_and_the_fixed_points_worked_by_hand() -> None:
    session = toy_session("Two rails")
    session.run(16)
    landscape = measure_landscape(session.snapshot(), CHOICE)
    (x,) = landscape.grid
    assert landscape.spanned_by == "parameters"
    assert len(x) == 33
    torch.testing.assert_close(landscape.before.mean(1), rails_by_hand(x, 0.2, 0))
    torch.testing.assert_close(landscape.after.mean(1), rails_by_hand(x, 0.2, 1))
    assert landscape.theory is not None
    torch.testing.assert_close(landscape.theory, landscape.after.mean(1))
    ends = {point.method: float(point.position) for point in landscape.fixed_points}
    assert ends == pytest.approx({"exact": 0.2, "first order": 0.5, "Reptile": 0.8, "joint": 0.8})
    for point in landscape.fixed_points:
        assert float(point.loss[1]) == pytest.approx(float(rails_by_hand(point.position, 0.2, 1)))
    theta = session.snapshot().params["theta"]
    torch.testing.assert_close(landscape.theta, theta)
    torch.testing.assert_close(landscape.path_losses[-1, 1], rails_by_hand(theta, 0.2, 1)[0])
    steps = theta * 0.8, 1 - 0.2 * (1 - theta)
    assert landscape.adaptation[:, 1, 0].tolist() == pytest.approx([float(s) for s in steps])
    by_task = landscape.adaptation_losses
    assert by_task is not None
    assert by_task[1].tolist() == pytest.approx(
        [float(2 * (t - 1) ** 2) for t in (theta, steps[1])]
    )


@pytest.mark.parametrize("problem", ["Coupled quadratics", "Two curvatures", "Bent valleys"])
def test_the_theory_of_a_toy_is_what_is_measured(problem: str) -> None:
    session = toy_session(problem, inner_steps=2)
    session.run(8)
    choice = replace(CHOICE, tasks=len(session.source.tasks(shots=1).names))  # type: ignore[attr-defined]
    landscape = measure_landscape(session.snapshot(), choice)
    theory, after = landscape.theory, landscape.after.mean(-1)
    assert theory is not None
    step = slice(None, None, landscape.theory_stride)
    torch.testing.assert_close(theory, after[(step,) * after.ndim])
    exact, _, _, joint = landscape.fixed_points
    for point, when in ((exact, 1), (joint, 0)):
        # no neighbour on a small circle is lower
        for k in range(4):
            turn = torch.tensor([np.cos(k * np.pi / 2), np.sin(k * np.pi / 2)])[: len(theory.shape)]
            neighbour = replace(
                session.snapshot(), params={"theta": (point.position + 0.01 * turn).double()}
            )
            assert measure_landscape(neighbour, choice).loss[when] >= point.loss[when] - 1e-12


def test_first_order_maml_reaches_its_fixed_point_with_no_beta() -> None:
    session = toy_session("Two rails", alpha=0.3)
    points = measure_landscape(session.snapshot(), CHOICE).fixed_points
    assert [point.method for point in points if not point.reachable] == ["first order"]


def test_pieces_come_to_the_same_as_the_whole_from_coarse_to_fine(trained: Session) -> None:
    monitor, shapes = LandscapeMonitor(CHOICE), []
    while monitor.advance(trained.snapshot()):
        landscape = monitor.view.landscape
        if landscape is not None and landscape.after.shape[0] not in shapes:
            shapes.append(landscape.after.shape[0])
    assert shapes == [3, 5]
    whole, pieces = measure_landscape(trained.snapshot(), CHOICE), monitor.view.landscape
    assert pieces is not None
    for one, other in ((whole.before, pieces.before), (whole.after, pieces.after)):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)
    assert not monitor.advance(trained.snapshot())
    assert monitor.view.landscape is pieces


def test_while_it_trains_it_takes_a_tenth_of_the_time_and_begins_again_at_half_the_points() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.01  # so long each look at it takes, and so each piece of work
        return now[0]

    session = small_session()
    session.run(16)
    playing = replace(session.snapshot(), playing=True)
    monitor = LandscapeMonitor(replace(CHOICE, plane="random"), clock=clock)
    seen: list[Landscape] = []
    worked = 0
    for meta_step in range(16, 900):
        before = now[0]
        assert monitor.advance(replace(playing, meta_step=meta_step, last_step=meta_step))
        worked += now[0] - before > 0.015
        if (landscape := monitor.view.landscape) is not None and (
            not seen or landscape is not seen[-1]
        ):
            seen.append(landscape)
    assert 0.01 * worked <= 0.1 * now[0]
    assert [len(landscape.after) for landscape in seen[1:]] == [5] * (len(seen) - 1)
    assert len({landscape.meta_step for landscape in seen[1:]}) > 2
    assert monitor.view.age > 0


def test_a_change_of_alpha_or_k_begins_again(trained: Session) -> None:
    session = small_session(SMALL.changed(inner_steps=1))
    monitor = LandscapeMonitor(replace(CHOICE, plane="random"))
    afters = []
    for change in ({}, {"alpha": 0.2}, {"inner_steps": 2}):
        session.set(**change)
        while monitor.advance(session.snapshot()):
            pass
        assert monitor.view.landscape is not None
        afters.append(monitor.view.landscape.after)
        befores = monitor.view.landscape.before
    assert not torch.equal(afters[0], afters[1])
    assert not torch.equal(afters[1], afters[2])
    torch.testing.assert_close(
        befores, measure_landscape(session.snapshot(), monitor.choice).before
    )
    monitor.choice = replace(CHOICE, plane="tasks")
    assert monitor.advance(session.snapshot())
    while monitor.advance(trained.snapshot()):  # another session's
        pass
    assert monitor.view.landscape is not None
    assert monitor.view.landscape.meta_step == 20


def nan_theta(session: Session) -> Any:
    params = {name: p * torch.nan for name, p in session.snapshot().params.items()}
    return replace(session.snapshot(), params=params)


def directions(count: int, **changes: Callable[[Tensor], Tensor]) -> PlaneChoice:
    theta = small_session().snapshot().params
    both = [*random_directions(theta, 2, torch.Generator().manual_seed(0)), theta][:count]
    if change := changes.get("second"):
        both[1] = {name: change(p) for name, p in both[0].items()}
    return replace(CHOICE, plane="directions", directions=both)


BAD: dict[str, tuple[Callable[[], PlaneChoice], str]] = {
    "a short history": (lambda: CHOICE, "θ's path is too short .* 1 θ up to meta-step 0"),
    "none": (lambda: directions(0), "no directions are given"),
    "three": (lambda: directions(3), "one or two dicts like params, got 3"),
    "parallel": (lambda: directions(2, second=lambda p: -2 * p), "not parallel"),
    "zero": (lambda: directions(2, second=torch.zeros_like), "not 0"),
    "nan": (lambda: directions(2, second=lambda p: p * torch.nan), "finite"),
    "another shape": (lambda: directions(2, second=lambda p: p[..., None]), "shapes of params"),
    "no such task": (lambda: replace(CHOICE, plane="tasks", pair=(0, 7)), "tasks 0 to 1, got"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_spans_no_plane_is_one_error_and_another_plane_is_shown(name: str) -> None:
    make, words = BAD[name]
    choice, session = make(), small_session()
    with pytest.raises(ValueError, match=words):
        measure_landscape(session.snapshot(), choice)
    monitor = LandscapeMonitor(choice)
    while monitor.advance(session.snapshot()):
        pass
    assert monitor.view.landscape is not None
    assert monitor.view.landscape.spanned_by == ("random" if "task" in name else "tasks")
    assert "Shown instead: " in monitor.view.problems[0]


def test_without_steps_or_a_history_there_are_still_random_directions() -> None:
    session = small_session(SMALL.changed(inner_steps=0))
    monitor = LandscapeMonitor(CHOICE)
    while monitor.advance(session.snapshot()):
        pass
    landscape = monitor.view.landscape
    assert landscape is not None
    assert landscape.spanned_by == "random"
    torch.testing.assert_close(landscape.before, landscape.after)


def test_theta_that_is_not_finite_is_told_until_it_is() -> None:
    session, monitor = small_session(), LandscapeMonitor(CHOICE)
    for _ in range(3):
        monitor.advance(nan_theta(session))
    assert monitor.view.landscape is None
    assert "not finite: go back to an earlier meta-step" in monitor.view.problems[0]
    session.run(1)
    while monitor.advance(session.snapshot()):
        pass
    assert monitor.view.landscape is not None


def test_a_plane_for_one_parameter_is_refused_and_its_line_needs_no_choice() -> None:
    session = toy_session("Two rails")
    one = {"theta": torch.ones(1, dtype=torch.float64)}
    choice = replace(CHOICE, plane="directions", directions=[one, {"theta": -one["theta"]}])
    with pytest.raises(ValueError, match="two parameters or more, and θ has one"):
        measure_landscape(session.snapshot(), choice)
    monitor = LandscapeMonitor(choice)
    while monitor.advance(session.snapshot()):
        pass
    assert monitor.view.landscape is not None
    assert len(monitor.view.landscape.grid) == 1


def test_where_adaptation_diverges_the_cells_are_marked() -> None:
    session = toy_session("Bent valleys", alpha=0.6, inner_steps=3)
    landscape = measure_landscape(session.snapshot(), replace(CHOICE, radius=6.0))
    before, after = landscape.before.mean(1), landscape.after.mean(1)
    bound = 100 * torch.maximum(before.abs(), landscape.loss[0].abs())
    assert landscape.diverged.tolist() == [
        not (np.isfinite(float(a)) and abs(a) <= b) for a, b in zip(after, bound, strict=True)
    ]
    assert 0 < int(landscape.diverged.sum()) < len(after)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"plane": "parameters"}, "plane must be one of path, tasks, random, directions"),
        ({"points": 11}, "points must be 4n \\+ 1"),
        ({"points": 5}, "points must be a whole number ≥ 9"),
        ({"tasks": 0}, "tasks"),
        ({"pair": (1, 1)}, "pair must be the numbers of two tasks"),
        ({"radius": 0.0}, "radius must be a finite number > 0"),
    ],
)
def test_choices_out_of_range_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PlaneChoice(**arguments)


def test_a_model_whose_meta_gradient_fails_still_has_a_landscape() -> None:
    settings = Settings(order=1, meta_batch=2, shots=3)
    session = Session(settings, model=lambda _: OnceModel(), tasks=Sinusoid, test_tasks=2)
    landscape = measure_landscape(session.snapshot(), CHOICE)
    assert list(landscape.descent) == [1]
    assert landscape.problems[0].startswith("The meta-gradient of order 2 cannot be measured")
    assert landscape.after.isfinite().all()


def test_its_own_learner_leaves_the_session_alone() -> None:
    one, other = small_session(), small_session()
    monitor = LandscapeMonitor(replace(CHOICE, plane="random"))
    for meta_step in (1, 2):
        one.run(meta_step)
        monitor.measure(one.snapshot())
    other.run(2)
    first, second = one.snapshot().params, other.snapshot().params
    assert all(torch.equal(first[name], second[name]) for name in first)
