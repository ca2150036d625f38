"""Maps of learners: each number is that of a learner alone; and how a best one is judged."""

import statistics
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from labkit import (
    MAML,
    BestCell,
    MapGrid,
    MapTraining,
    MapView,
    MetaLearner,
    ParameterError,
    Session,
    Settings,
    Sinusoid,
    SurfaceTraining,
    SurfaceView,
    Tides,
    best_cell,
    harmonic_fit,
    sinusoid_mlp,
    steps_table,
    tide_mlp,
    two_rails,
)
from labkit._student_t import t_quantile
from labkit.core import JointTraining
from labkit.session.maps import surface
from labkit.session.maps.cohort import round_ends
from labkit.session.maps.grid import around
from labkit.session.source import Source
from labkit.training import curve_with_alphas, draw, stream, tuned_alphas
from tests.session.small_sessions import SMALL, small_session
from tests.session.test_gradient_monitor import toy_session

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}
RAILS = {"alpha": [0.1, 0.2, 0.3], "beta": [0.5, 40.0]}
"""At β = 40 the first two α diverge, and at α = 0.3 K = 1 nearly solves every task."""


def map_of(session: Session, grid: Any, **options: Any) -> MapTraining:
    return MapTraining(session.source, session.settings, grid, **options)


def alone(source: Source, settings: Settings, meta_steps: int) -> MetaLearner:
    learner = source.learner(settings)
    learner.train(meta_steps)
    return learner


def test_each_cell_is_a_learner_by_itself() -> None:
    session = small_session(SMALL.changed(seed=3, events=((1, "alpha", 0.5),)))
    training = map_of(
        session, {"inner_steps": [0, 2], "alpha": [0.02, 0.05]}, seeds=2, meta_steps=4, tasks=3
    )
    view = training.run()
    assert (view.seeds, view.meta_step, view.progress) == ((3, 4), 4, 1.0)
    for row in range(2):
        for column in range(2):
            for place, seed in enumerate(view.seeds):
                settings = view.grid.cell(row, column, seed)
                assert settings.events == ()
                learner = alone(session.source, settings, 4)
                curve = learner.adaptation_curve(2, tasks=3, split="validation").mean
                assert_close(view.curves[row, column, place], curve, check_dtype=False, **CLOSE)
                assert_close(
                    view.losses[row, column, place], curve[settings.inner_steps].double(), **CLOSE
                )
    # and the best one is judged by others
    best = view.best
    assert best is not None
    assert best.chosen == pytest.approx(float(view.losses.mean(2).min()), rel=1e-12)
    new = []
    for seed in range(5, 10):
        settings = view.grid.cell(best.row, best.column, seed)
        learner = alone(session.source, settings, 4)
        curve = learner.adaptation_curve(2, tasks=3, split="validation").mean
        new.append(float(curve[settings.inner_steps]))
    assert best.judged == pytest.approx(statistics.mean(new), rel=1e-9)
    assert best.ci95 == pytest.approx(2.776445 * statistics.stdev(new) / 5**0.5, rel=1e-6)


def test_a_cell_of_a_solved_problem_has_its_loss_in_closed_form() -> None:
    view = map_of(toy_session("Two rails"), RAILS, seeds=1, meta_steps=28, tasks=2).run()
    rails = two_rails()
    for column, alpha in enumerate(view.grid.values[0]):
        theta = rails.fixed_point("exact", alpha=alpha, inner_steps=1)
        exact = rails.loss_after(theta, alpha=alpha, inner_steps=1).mean()
        assert float(view.loss[0, column]) == pytest.approx(float(exact), rel=1e-4)
        bound = rails.largest_beta("exact", alpha=alpha, inner_steps=1)
        assert bool(view.loss[1, column].isinf()) is (bound < 40)
    assert view.best is not None
    assert view.best.row == 0
    assert view.best.judged == pytest.approx(view.best.chosen)


def test_it_fills_in_and_shows_whole_rounds_only() -> None:
    training = map_of(
        toy_session("Two rails"),
        {"alpha": [0.1, 0.2], "inner_steps": [1, 2]},
        seeds=2,
        meta_steps=20,
        tasks=2,
    )
    seen: list[tuple[int, int]] = []
    while training.advance():
        view = training.view
        if not seen or seen[-1] != (view.meta_step, int(view.measured.sum())):
            seen.append((view.meta_step, int(view.measured.sum())))
        assert (view.best is None) is (not view.measured.all())
        assert bool(view.losses.isnan().any()) is (not view.measured.all())
        if view.meta_step == 4:
            break
    assert seen == [(0, 0), (1, 2), (1, 4), (1, 6), (1, 8), (2, 8), (4, 8)]
    for _ in range(3):
        training.advance()
    training.stop()
    assert not training.ended
    assert training.view.judging
    while training.advance():
        pass
    best, view = training.view.best, training.view
    assert best is not None
    assert (view.meta_step, view.progress) == (4, 1.0)
    settings = view.grid.cell(best.row, best.column, 2)  # the first seed that is not the map's
    curve = alone(training.source, settings, 4).adaptation_curve(2, tasks=2, split="validation")
    # all seeds of this problem have the same tasks and θ₀
    assert best.judged == pytest.approx(float(curve.mean[settings.inner_steps]), rel=1e-9)


def test_a_second_stop_ends_it_before_the_best_is_judged() -> None:
    training = map_of(toy_session("Two rails"), RAILS, seeds=1, meta_steps=10, tasks=2)
    while training.view.meta_step == 0 or not training.view.measured.all():
        training.advance()
    training.stop()
    training.advance()
    training.stop()
    assert training.ended
    assert not training.advance()
    assert training.view.best is not None
    assert training.view.best.judged is None


def test_nothing_is_best_where_all_diverge() -> None:
    grid = {"alpha": [2.0, 3.0], "beta": [50.0, 60.0]}
    view = map_of(toy_session("Two rails"), grid, seeds=1, meta_steps=12, tasks=2).run()
    assert view.loss.isinf().all()
    assert (view.best, view.progress) == (None, 1.0)


def test_only_new_seeds_cover_what_the_chosen_cell_is_worth() -> None:
    """Losses of 64 equal cells, 3 seeds each: the least mean lies below what it stands for."""
    generator = torch.Generator().manual_seed(0)
    naive, judged, bias = [], [], []
    for _ in range(400):
        losses = torch.randn(8, 8, 3, generator=generator, dtype=torch.float64)
        best = best_cell(losses, torch.randn(5, generator=generator, dtype=torch.float64))
        assert best is not None
        assert best.judged is not None
        assert best.ci95 is not None
        own = losses[best.row, best.column]
        half = t_quantile(2) * float(own.std()) / 3**0.5
        naive.append(abs(best.chosen) <= half)
        judged.append(abs(best.judged) <= best.ci95)
        bias.append((best.chosen, best.judged))
    assert sum(naive) / 400 < 0.85
    assert sum(judged) / 400 == pytest.approx(0.95, abs=0.035)
    chosen, new = (statistics.mean(values) for values in zip(*bias, strict=True))
    assert chosen < -1.2
    assert abs(new) < 0.1


def test_a_cell_with_a_diverged_seed_is_not_chosen() -> None:
    inf = float("inf")
    losses = torch.tensor([[[1.0, inf], [3.0, 5.0]], [[4.0, 6.0], [float("nan"), 1.0]]])
    assert best_cell(losses) == BestCell(0, 1, 4.0)
    best = best_cell(losses, torch.tensor([1.0, inf]))
    assert best is not None
    assert (best.judged, best.ci95, best.new_seeds) == (inf, inf, 2)


@pytest.mark.parametrize(
    ("grid", "changes", "words"),
    [
        ({"alpha": [0.1], "beta": [0.1, 0.2]}, {}, "alpha needs at least two different values"),
        ({"alpha": 0.1, "beta": [0.1, 0.2]}, {}, "alpha needs at least two different values"),
        ({"alpha": [0.1, 0.1, 0.2], "beta": [0.1, 0.2]}, {}, "alpha has a value twice"),
        ({"alpha": [0.1, 0.2]}, {}, "grid must have the values of two of alpha, beta"),
        ({"alpha": [0.1, 0.2], "seed": [1, 2]}, {}, "grid must have the values of two of"),
        ({"alpha": [0.1, -1], "beta": [0.1, 0.2]}, {}, "alpha = -1: must be a finite number"),
        ({"alpha": [0.1, float("nan")], "beta": [0.1, 0.2]}, {}, "alpha = nan"),
        ({"alpha": [0.1, 0.2], "inner_steps": [1, 1.5]}, {}, "inner_steps = 1.5: must be a whole"),
        ({"alpha": [0.1, 0.2], "order": [1, 2]}, {"algorithm": "reptile"}, "order is not used by"),
        (None, {"alpha_learned": "scalar"}, "the learners of a map have fixed alphas"),
    ],
    ids=[
        "one value",
        "no list",
        "twice",
        "one axis",
        "no axis",
        "below 0",
        "nan",
        "half a step",
        "unused",
        "learned",
    ],
)
def test_a_grid_that_cannot_be_is_refused(grid: Any, changes: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        MapGrid.of(Settings(**changes), grid)


def test_counts_below_one_are_refused() -> None:
    session = toy_session("Two rails")
    for name in ("seeds", "meta_steps", "tasks"):
        with pytest.raises(ValueError, match=f"{name} = 0|{name} must be"):
            map_of(session, RAILS, **{name: 0})
    source = Source(sinusoid_mlp, Sinusoid, batch_norm="transductive")
    training = MapTraining(source, Settings(), seeds=1, meta_steps=1)
    with pytest.raises(ValueError, match="no batch norm"):
        training.advance()


def test_the_usual_grid_has_the_session_in_its_middle() -> None:
    grid = MapGrid.of(Settings(alpha=0.015, beta=0.0))
    assert grid.values[0] == (0.001, 0.002, 0.005, 0.01, 0.015, 0.05, 0.1, 0.2)
    assert 0.001 in grid.values[1]
    assert around(1e-7, 2) == [5e-8, 1e-7]


def test_rounds_become_longer() -> None:
    assert round_ends(1000)[:4] == [10, 20, 50, 100]
    assert round_ends(1) == [1]


@pytest.fixture(scope="module")
def sinusoids() -> tuple[SurfaceTraining, SurfaceView]:
    source = Source(sinusoid_mlp, Sinusoid, dtype=torch.float64)
    settings = Settings(meta_batch=3, shots=5, seed=2, beta=0.01)
    training = SurfaceTraining(
        source, settings, (1, 3), seeds=2, meta_steps=3, tasks=4, test_steps=5
    )
    return training, training.run()


def test_each_row_is_the_table_of_learners_trained_alone(
    sinusoids: tuple[SurfaceTraining, SurfaceView],
) -> None:
    training, view = sinusoids
    assert (view.trained, view.seeds, view.progress) == ((1, 3), (2, 3), 1.0)
    for place, seed in enumerate(view.seeds):
        theta: dict[int, Any] = {}
        for steps in view.trained:
            settings = view.settings.changed(inner_steps=steps, seed=seed)
            learner = alone(training.source, settings, 3)
            theta[steps] = learner.params
        batch = learner.held_out(4, split="validation")
        table = steps_table(
            MAML(alpha=0.01), learner.test_loss_fn, theta, batch.support, batch.query, inner_steps=5
        )
        assert_close(view.curves[:, place], table.mean, **CLOSE)
    assert_close(view.loss, view.curves.mean(1), **CLOSE)
    mean, half = view.curve(1)
    assert_close(mean, view.curves[1].mean(0), **CLOSE)
    assert_close(half, 12.7062047 * view.curves[1].std(0) / 2**0.5, rtol=1e-6, atol=0)


def tuned_curve(learner: MetaLearner, alpha: float, steps: int) -> Tensor:
    batch = learner.held_out(4, split="validation")
    others = draw(learner.tasks, 4, stream(learner.seed, "validation"), learner.params)
    sizes = [multiple * alpha for multiple in surface.MULTIPLES]
    return curve_with_alphas(learner, batch, tuned_alphas(learner, others, steps, sizes)).mean


def test_baselines_are_those_of_learners_trained_alone(
    sinusoids: tuple[SurfaceTraining, SurfaceView],
) -> None:
    _, view = sinusoids
    assert [*view.baselines] == ["random θ", "joint training", "oracle"]
    joint = JointTraining(alpha=0.01, inner_steps=0)
    options: dict[str, Any] = {"meta_batch": 3, "beta": 0.01, "dtype": torch.float64}
    for place, seed in enumerate(view.seeds):
        learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=5), joint, seed=seed, **options)
        assert_close(view.baselines["random θ"][place], tuned_curve(learner, 0.01, 5), **CLOSE)
        learner.train(3)
        assert_close(
            view.baselines["joint training"][place], tuned_curve(learner, 0.01, 5), **CLOSE
        )
        oracle = MetaLearner(
            lambda generator: sinusoid_mlp(generator, inputs=3),
            Sinusoid(shots=5, oracle=True),
            joint,
            seed=seed,
            **options,
        )
        oracle.train(3)
        loss = oracle.adaptation_curve(0, tasks=4, split="validation").mean
        assert_close(view.baselines["oracle"][place], loss.expand(6), **CLOSE)


def test_tides_are_compared_with_the_harmonic_fit() -> None:
    source = Source(tide_mlp, Tides)
    training = SurfaceTraining(
        source, Settings(meta_batch=2), (1, 2), seeds=1, meta_steps=1, tasks=3, test_steps=2
    )
    view = training.run()
    batch = source.learner(view.settings).held_out(3, split="validation")
    (x, y), (x_query, y_query) = batch.support, batch.query
    error = (harmonic_fit(x, y, x_query) - y_query).square().mean()
    assert_close(view.baselines["harmonic fit"], error.expand(1, 3), check_dtype=False)
    assert "oracle" not in view.baselines


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trained": (3,)}, "trained needs at least two numbers of steps"),
        ({"trained": (0, 1)}, "an entry of trained"),
        ({"test_steps": 4}, "test_steps"),
        ({"seeds": 0}, "seeds"),
    ],
    ids=["one K", "K of 0", "few test steps", "no seed"],
)
def test_a_surface_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SurfaceTraining(Source(sinusoid_mlp, Sinusoid), Settings(), **options)


def test_a_view_that_has_begun_says_what_is_missing() -> None:
    training = SurfaceTraining(
        Source(sinusoid_mlp, Sinusoid),
        Settings(meta_batch=2),
        (1, 2),
        seeds=1,
        meta_steps=1,
        tasks=2,
    )
    view: SurfaceView | MapView = training.view
    assert view.loss.isnan().all()
    training.stop()
    assert training.ended
    assert not training.advance()
