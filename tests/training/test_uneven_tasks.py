"""Tasks of different sizes in one batch count as if each were alone: by plain autograd."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, huber_loss, mse_loss

from labkit import (
    IMAML,
    MAML,
    Algorithm,
    Ensemble,
    FunctionTasks,
    JointTraining,
    LabelledTasks,
    LoopWarning,
    MetaLearner,
    ProtoMAML,
    Reptile,
    StepReport,
    TableTasks,
    TaskBatch,
    TaskList,
    adaptation_curve,
    check_meta_gradient,
    meta_gradient,
)
from labkit.tasks import Padded, even_groups, padded_batch
from labkit.tasks.family import Predictor
from labkit.training import one_task
from labkit.training.engine import engine
from tests.training.point_tasks import made

Loss = Callable[[Tensor, Tensor], Tensor]


def root(prediction: Tensor, y: Tensor) -> Tensor:
    return mse_loss(prediction, y).sqrt()


def total(prediction: Tensor, y: Tensor) -> Tensor:
    return mse_loss(prediction, y, reduction="sum")


@dataclass(frozen=True)
class Waves:
    """y = sin(a x) on other numbers of points for each task, as lists or nested tensors."""

    judge: Loss = mse_loss
    nested: bool = False
    sizes: tuple[int, int] = (2, 9)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        a = 1 + torch.rand(tasks, generator=generator, dtype=torch.float64)
        counts = torch.randint(*self.sizes, (tasks, 2), generator=generator)

        def part(which: int) -> Any:
            x = [
                torch.randn(int(n), 2, generator=generator, dtype=torch.float64)
                for n in counts[:, which]
            ]
            y = [torch.sin(a[task] * each[:, :1]) for task, each in enumerate(x)]
            if self.nested:
                return {
                    k: torch.nested.nested_tensor(v, layout=torch.jagged)
                    for k, v in (("x", x), ("y", y))
                }
            return {"x": x, "y": y}

        return TaskBatch(part(0), part(1))

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        return self.judge(predict(batch["x"]), batch["y"])

    def metrics(self, predict: Predictor, batch: Any) -> dict[str, Tensor]:
        return {"rmse": root(predict(batch["x"]), batch["y"])}


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))


def with_batch_norm() -> nn.Module:
    norm = nn.BatchNorm1d(6, track_running_stats=False)
    return nn.Sequential(nn.Linear(2, 6), norm, nn.Tanh(), nn.Linear(6, 1))


def gradient_by_hand(
    model: nn.Module, judge: Loss, tasks: list[tuple[Any, Any]], alpha: float, steps: int
) -> tuple[float, dict[str, Tensor]]:
    """Mean query loss after adaptation, and its gradient, one task after another."""
    names, theta = zip(*model.named_parameters(), strict=True)
    losses = []
    for (x, y), (x_query, y_query) in tasks:
        w: Any = list(theta)
        for _ in range(steps):
            loss = judge(functional_call(model, dict(zip(names, w, strict=True)), (x,)), y)
            slopes = torch.autograd.grad(loss, w, create_graph=True)
            w = [p - alpha * g for p, g in zip(w, slopes, strict=True)]
        adapted = dict(zip(names, w, strict=True))
        losses.append(judge(functional_call(model, adapted, (x_query,)), y_query))
    mean = torch.stack(losses).mean()
    slopes = torch.autograd.grad(mean, theta)
    return float(mean.detach()), dict(zip(names, slopes, strict=True))


def next_tasks(learner: MetaLearner, family: Any) -> list[tuple[Any, Any]]:
    """The tasks of the next meta-step, as the family gives them."""
    generator = torch.Generator().set_state(learner.task_stream)
    batch = family.sample(learner.meta_batch, generator)
    parts = []
    for part in (batch.support, batch.query):
        x, y = (list(part[k].unbind() if isinstance(part[k], Tensor) else part[k]) for k in "xy")
        parts.append(list(zip(x, y, strict=True)))
    return list(zip(*parts, strict=True))


@pytest.mark.parametrize(
    ("model", "judge", "pointwise"),
    [
        (network, mse_loss, True),
        (network, huber_loss, True),
        (network, root, False),
        (network, total, False),
        (with_batch_norm, mse_loss, False),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_meta_step_equals_that_of_each_task_alone(
    model: Any, judge: Loss, pointwise: bool, nested: bool
) -> None:
    module, family = made(model), Waves(judge, nested)
    learner = MetaLearner(
        module,
        family,
        MAML(alpha=0.05, inner_steps=2),
        meta_batch=6,
        beta=1.0,
        meta_optimizer="sgd",
    )
    assert learner.loss_fn.pointwise == pointwise
    mean, slopes = gradient_by_hand(module, judge, next_tasks(learner, family), 0.05, 2)
    step = learner.step()
    assert step.loss_after == pytest.approx(mean, rel=1e-10)
    for name, p in module.named_parameters():
        torch.testing.assert_close(learner.params[name], p - slopes[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("algorithm", [IMAML(alpha=0.05, inner_steps=3), MAML(alpha=0.05)])
def test_the_sum_over_tasks_and_learned_steps_too(algorithm: Algorithm) -> None:
    """By groups of one size or side by side: the same, since the loss allows both."""
    family = Waves()
    sides = [
        MetaLearner(made(network), family, algorithm, meta_batch=5, reduction="sum", seed=4)
        for _ in range(2)
    ]
    sides[1]._vectorization._family, sides[1]._vectorization._pointwise = family, False
    steps = [learner.train(2) for learner in sides]
    for one, other in zip(*steps, strict=True):
        assert one.loss_after == pytest.approx(other.loss_after, rel=1e-9)
    for name, p in sides[0].params.items():
        torch.testing.assert_close(p, sides[1].params[name])


def test_curves_and_metrics_are_those_of_each_task_alone() -> None:
    module = made(network)
    learner = MetaLearner(module, Waves(), MAML(alpha=0.05, inner_steps=1), meta_batch=4)
    batch = learner.held_out(12)
    curve = learner.curve_on(batch, 1)
    rows: list[list[tuple[float, float]]] = []
    for task in range(12):
        support, query = (
            {k: v[task, : int(part.mask[task].sum())] for k, v in part.values.items()}
            for part in (batch.support, batch.query)
        )
        path = learner.algorithm.adapt(learner.test_loss_fn, learner.params, support).path
        values = [functional_call(module, theta, (query["x"],)) for theta in path]
        rows.append([(float(mse_loss(v, query["y"])), float(root(v, query["y"]))) for v in values])
    expected = torch.tensor(rows, dtype=torch.float64)  # (tasks, steps, measures)
    torch.testing.assert_close(curve.mean, expected[..., 0].mean(0))
    torch.testing.assert_close(curve.ci95, 1.96 * expected[..., 0].std(0) / 12**0.5)
    torch.testing.assert_close(curve.metrics["rmse"].median, expected[..., 1].quantile(0.5, dim=0))


def test_a_resumed_run_of_uneven_tasks_equals_an_uninterrupted_one(tmp_path: Any) -> None:
    one, other = (MetaLearner(made(network), Waves(), MAML(), meta_batch=3) for _ in range(2))
    one.train(2)
    one.save(tmp_path / "state.pt")
    other.load(tmp_path / "state.pt")
    assert one.train(2) == other.train(2)


def test_lists_of_even_tensors_stay_what_they_were() -> None:
    """[x, y] of two tasks, and two tasks with two points each: told apart by a third task."""

    class Even:
        def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
            x = torch.randn(tasks, 2, 2, generator=generator, dtype=torch.float64)
            return TaskBatch([x, x[..., :1]], [x, x[..., :1]])

        def loss(self, predict: Predictor, batch: Any) -> Tensor:
            assert batch[0].shape == (2, 2)
            return mse_loss(predict(batch[0]), batch[1])

    even = MetaLearner(made(network), Even(), MAML(), meta_batch=2)
    assert not isinstance(even.held_out(2).support, Padded)
    even.step()
    twos = MetaLearner(made(network), Waves(sizes=(2, 3)), MAML(), meta_batch=2)
    batch = twos.held_out(2)
    assert isinstance(batch.support, Padded)
    assert batch.support.values["x"].shape == (2, 2, 2)
    twos.step()


class Clouds:
    """Two or three classes with different numbers of points."""

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        def part() -> Any:
            ways = torch.randint(2, 4, (tasks,), generator=generator).tolist()
            y = [torch.arange(3 * n) % n for n in ways]
            x = [
                torch.randn(len(each), 2, generator=generator).double() + each[:, None]
                for each in y
            ]
            return [x, y]

        return TaskBatch(part(), part())

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        return cross_entropy(predict(batch[0]), batch[1])

    def labels(self, batch: Any) -> Tensor:
        y: Tensor = batch[1]
        return y


def test_tasks_with_different_ways() -> None:
    module = made(lambda: nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)))
    learner = MetaLearner(
        module, Clouds(), MAML(alpha=0.1), meta_batch=5, beta=1.0, meta_optimizer="sgd"
    )
    assert learner.loss_fn.pointwise
    generator = torch.Generator().set_state(learner.task_stream)
    batch = Clouds().sample(5, generator)
    tasks = [
        tuple((part[0][task], part[1][task]) for part in (batch.support, batch.query))
        for task in range(5)
    ]
    _, slopes = gradient_by_hand(module, cross_entropy, tasks, 0.1, 1)  # type: ignore[arg-type]
    learner.step()
    for name, p in module.named_parameters():
        torch.testing.assert_close(learner.params[name], p - slopes[name], rtol=1e-9, atol=1e-11)


def draw(tasks: int, points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = torch.randn(tasks, points, 2, generator=generator, dtype=torch.float64)
    return x, x[..., :1] * torch.randn(tasks, 1, 1, generator=generator, dtype=torch.float64)


def frame() -> pd.DataFrame:
    """Groups of 3 … 14 rows, with y = group · x."""
    random = np.random.default_rng(0)
    group = np.concatenate([[g] * (3 + g) for g in range(12)])
    x = random.normal(size=len(group))
    return pd.DataFrame({"g": group, "x": x, "z": random.normal(size=len(group)), "y": group * x})


def table(**options: Any) -> TableTasks:
    return TableTasks(frame(), task="g", inputs=["x", "z"], target="y", **options)


@pytest.mark.parametrize(
    "family",
    [
        FunctionTasks(draw, shots=(1, 6), queries=4),
        FunctionTasks(draw, shots=(2, 6), queries=4, loss=root),
        table(shots=(1, 5), queries=(1, 100)),
    ],
)
def test_shipped_families_with_ranges(family: Any) -> None:
    module = made(network)
    judge = getattr(family, "_loss", mse_loss)
    learner = MetaLearner(
        module, family, MAML(alpha=0.02, inner_steps=2), meta_batch=8, beta=1.0,
        meta_optimizer="sgd",
    )  # fmt: skip
    generator = torch.Generator().set_state(learner.task_stream)
    batch = family.sample(8, generator)
    tasks: list[Any] = [None] * 8
    for numbers, support, query in even_groups(batch.support, batch.query):
        for place, task in enumerate(numbers.tolist()):
            tasks[task] = [tuple(t[place] for t in part) for part in (support, query)]
    assert len({len(support[0]) for support, _ in tasks}) > 2
    _, slopes = gradient_by_hand(module, judge, tasks, 0.02, 2)
    learner.step()
    for name, p in module.named_parameters():
        torch.testing.assert_close(learner.params[name], p - slopes[name], rtol=1e-8, atol=1e-10)


def test_rows_of_uneven_groups() -> None:
    """All rows of a group come in a query, none twice in a task, none of another group."""
    family, data = table(shots=(1, 5), queries=(1, 100)), frame()
    batch = family.sample(300, torch.Generator().manual_seed(0))
    rows, y = batch.info["rows"], torch.tensor(data["y"].tolist(), dtype=torch.float64)
    shots = batch.support.mask.sum(1)
    seen: dict[str, set[int]] = {name: set() for name in family.names}
    for task in range(300):
        name = family.names[int(batch.info["group"][task])]
        mine = [row for row in rows[task].tolist() if row >= 0]
        assert len(set(mine)) == len(mine) == min(int(name) + 3, int(shots[task]) + 100)
        assert set(data["g"][mine]) == {int(name)}
        assert 1 <= shots[task] <= min(5, int(name) + 2)
        query = rows[task, 5:][rows[task, 5:] >= 0]
        standard = batch.query.values[1][task, : len(query), 0]
        mean, deviation = family._table.mean[-1], family._table.deviation[-1]
        torch.testing.assert_close(standard * deviation + mean, y[query])
        seen[name].update(query.tolist())
    assert all(len(rows) == int(name) + 3 for name, rows in seen.items())
    large = [int(n) for n, g in zip(shots, batch.info["group"], strict=True) if g == 7]
    assert set(large) == {1, 2, 3, 4, 5}


def test_a_portrait_shows_the_points_of_the_task_alone() -> None:
    learner = MetaLearner(made(network), table(shots=(1, 5), queries=(1, 100)), MAML())
    for task in range(4):
        portrait: Any = learner.portrait(task=task, tasks=4)
        batch = learner.held_out(4)
        assert len(portrait.support_x) == int(batch.support.mask[task].sum())


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ([torch.zeros(2, 1), torch.zeros(0, 1)], "tensors of 0 and 0 points"),
        ([torch.zeros(2, 1), torch.zeros(3, 2)], r"\(2, 1\) torch.float32, \(3, 2\)"),
        (([torch.zeros(2), torch.zeros(3)], [torch.zeros(2), torch.zeros(4)]), "of 3 and 4 points"),
        (([torch.zeros(2), torch.zeros(3)], torch.zeros(2)), r"also a tensor of shape \(2,\)"),
    ],
)
def test_parts_that_cannot_be_padded(part: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        padded_batch(TaskBatch(part, torch.zeros(2)), 2)


def clouds(shots: Any) -> LabelledTasks:
    return LabelledTasks(torch.zeros(60, 2), torch.arange(60) % 12, ways=1, shots=shots)


@pytest.mark.parametrize("bad", [0, (0, 3), (3, 2), (1, 2.5), (1,), True])
def test_ranges_that_are_none(bad: Any) -> None:
    for make in (
        lambda: table(shots=bad),
        lambda: FunctionTasks(draw, shots=bad),
        lambda: clouds(bad),
    ):
        with pytest.raises(ValueError, match="shots must be a whole number ≥ 1"):
            make()


def test_compiled_code_says_what_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"Waves have different sizes.*take 'eager'"):
        MetaLearner(made(network), Waves(root), MAML(), meta_batch=2, engine="compiled")
    proto = ProtoMAML(head="2.*", alpha=0.1)
    module = made(lambda: nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)))
    with pytest.raises(ValueError, match=r"Threes have different sizes, and prototypes.*'eager'"):
        MetaLearner(module, Threes(), proto, meta_batch=4, engine="compiled")


def of_tasks(batch: TaskBatch) -> TaskBatch:
    """Batches of Waves as a list of those of each task."""
    support, query = (
        TaskList([dict(zip("xy", one, strict=True)) for one in zip(p["x"], p["y"], strict=True)])
        for p in (batch.support, batch.query)
    )
    return TaskBatch(support, query)


@pytest.mark.parametrize("judge", [mse_loss, root])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_meta_gradients_and_what_is_watched_are_those_of_each_task_alone(
    judge: Loss, reduction: Any
) -> None:
    module, family = made(network), Waves(judge)
    learner = MetaLearner(
        module, family, MAML(alpha=0.05, inner_steps=2), meta_batch=6, reduction=reduction
    )
    tasks = next_tasks(learner, family)
    expected = [gradient_by_hand(module, judge, [task], 0.05, 2) for task in tasks]
    losses = torch.tensor([loss for loss, _ in expected], dtype=torch.float64)
    sampled = family.sample(6, torch.Generator().set_state(learner.task_stream))
    parts = (of_tasks(sampled).support, of_tasks(sampled).query)
    results = [
        learner.meta_gradient(),
        learner.meta_gradient(sampled),
        learner.meta_gradient(of_tasks(sampled)),
        meta_gradient(
            learner.loss_fn, learner.params, *parts, alpha=0.05, inner_steps=2, reduction=reduction
        ),
    ]
    share = 6 if reduction == "mean" else 1
    for result in results:
        torch.testing.assert_close(result.task_losses, losses, rtol=1e-9, atol=0)
        torch.testing.assert_close(result.loss, losses.sum() / share, rtol=1e-9, atol=0)
        for name in learner.params:
            total = torch.stack([slopes[name] for _, slopes in expected]).sum(0) / share
            torch.testing.assert_close(result.params[name], total, rtol=1e-8, atol=1e-11)
    reports: list[StepReport] = []
    learner.train(1, on_step=reports.append, watch=["gradient_norm", "task_losses", "metrics"])
    [report] = reports
    assert report.task_losses is not None
    torch.testing.assert_close(report.task_losses, losses, rtol=1e-9, atol=0)
    assert report.loss_after == pytest.approx(float(losses.mean()), rel=1e-9)
    norm = sum(float(slope.square().sum()) for slope in results[0].params.values()) ** 0.5
    assert report.gradient_norm == pytest.approx(norm, rel=1e-9)
    by_root = losses if judge is root else losses.sqrt()
    torch.testing.assert_close(report.task_metrics["rmse"], by_root, rtol=1e-9, atol=0)


def test_direct_use_of_padded_tasks_ends_in_a_loop_or_in_words() -> None:
    learner = MetaLearner(made(network), Waves(root), MAML(alpha=0.05), meta_batch=3)
    batch = learner.held_out(3)
    args = (learner.loss_fn, learner.params, batch.support, batch.query)
    options: dict[str, Any] = {"alpha": 0.05, "inner_steps": 1}
    with pytest.raises(ValueError, match=r"the loss of Waves has tasks of different sizes, and by"):
        meta_gradient(*args, **options, vectorize=True)
    with pytest.warns(LoopWarning, match="has tasks of different sizes"):
        looped = meta_gradient(*args, **options)
    expected = learner.meta_gradient(batch)
    torch.testing.assert_close(looped.task_losses, expected.task_losses)
    for name, slope in looped.params.items():
        torch.testing.assert_close(slope, expected.params[name])


@pytest.mark.parametrize("algorithm", [Reptile(alpha=0.1), IMAML(alpha=0.1), JointTraining()])
def test_lists_of_tasks_for_other_algorithms(algorithm: Algorithm) -> None:
    """Of any form: here also of different numbers of columns, which no padding brings together."""

    def loss(params: Any, x: Tensor) -> Tensor:
        value: Tensor = (params["w"] * x.sin() - x.mean()).square().mean()
        return value

    generator = torch.Generator().manual_seed(0)
    data = [torch.randn(n, n + 1, generator=generator, dtype=torch.float64) for n in (2, 5, 3)]
    theta = {"w": torch.tensor(0.7, dtype=torch.float64)}
    both = algorithm.meta_gradient(loss, theta, TaskList(data), TaskList(data), reduction="sum")
    alone = [algorithm.meta_gradient(loss, theta, x[None], x[None]) for x in data]
    torch.testing.assert_close(both.task_losses, torch.cat([each.task_losses for each in alone]))
    slopes = torch.stack([each.params["w"] for each in alone])
    torch.testing.assert_close(both.params["w"], slopes.sum())
    curve = adaptation_curve(algorithm, loss, theta, TaskList(data), TaskList(data))
    torch.testing.assert_close(curve.task_losses[:, -1], both.task_losses)


def test_lists_of_tasks_that_cannot_be() -> None:
    x = torch.ones(2)

    def first(params: Any, _: Any) -> Tensor:
        value: Tensor = params["w"][0]
        return value

    with pytest.raises(ValueError, match="TaskList takes a list of at least one batch"):
        TaskList([])
    with pytest.raises(ValueError, match="must both be a TaskList, with the data of the same"):
        meta_gradient(first, {"w": x}, TaskList([x]), x, alpha=0.1, inner_steps=1)
    with pytest.raises(ValueError, match=r"got TaskList and TaskList of \[1, 2\] tasks"):
        meta_gradient(first, {"w": x}, TaskList([x]), TaskList([x, x]), alpha=1, inner_steps=1)
    theta, listed = {"w": x.double()}, TaskList([x])
    with pytest.raises(ValueError, match=r"whose first axis is the task.*TaskList"):
        check_meta_gradient(MAML(), first, theta, listed, listed, generator=torch.Generator())


@pytest.mark.parametrize("judge", [mse_loss, root])
def test_curves_keep_the_order_of_tasks(judge: Loss) -> None:
    """They are measured by size, and task_losses are in the order of the batch."""
    learner = MetaLearner(made(network), Waves(judge), MAML(alpha=0.05), meta_batch=2)
    batch = learner.held_out(30)
    curve = learner.curve_on(batch, 1)
    sizes = batch.query.mask.sum(1)
    assert len(sizes.unique()) > 3
    assert not torch.equal(sizes, sizes.sort().values)
    for task in range(30):
        one = learner.curve_on(one_task(batch, task), 1)
        torch.testing.assert_close(one.task_losses[0], curve.task_losses[task])
        torch.testing.assert_close(
            one.metrics["rmse"].task_values[0], curve.metrics["rmse"].task_values[task]
        )


@pytest.mark.parametrize("judge", [mse_loss, root])
def test_an_ensemble_of_uneven_tasks(
    judge: Loss, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond the meta-step from which others are recorded; sizes are not, nor is that tried."""
    caplog.set_level(logging.INFO, "labkit.training.engine.engine")
    monkeypatch.setattr(engine, "RECORDED_AFTER", 2)
    family = Waves(judge, sizes=(5, 7))  # padded to 6 in every batch
    options: dict[str, Any] = {"meta_batch": 3, "seed": 1}
    ensemble = Ensemble(
        made(network), family, MAML(), alphas=[0.02, 0.05], betas=[0.1, 0.01], **options
    )
    steps = ensemble.train(6)
    for place, (alpha, beta) in enumerate([(0.02, 0.1), (0.05, 0.01)]):
        learner = MetaLearner(made(network), family, MAML(alpha), beta=beta, **options)
        for step, alone in zip(steps, learner.train(6), strict=True):
            assert float(step.loss_after[place]) == pytest.approx(alone.loss_after, rel=1e-8)
        for name, p in learner.params.items():
            torch.testing.assert_close(ensemble.params(place)[name], p, rtol=1e-7, atol=1e-9)
    assert not caplog.records


@pytest.mark.parametrize("norm", [False, True])
def test_labelled_tasks_with_a_range_of_shots(norm: bool) -> None:
    """Each task with its own shots, by plain autograd; with batch norm not even side by side."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(240, 2, generator=generator, dtype=torch.float64)
    family = LabelledTasks(x, torch.arange(240) % 20, ways=3, shots=(1, 5), queries=2)
    middle = [nn.BatchNorm1d(5, track_running_stats=False)] if norm else []
    module = made(lambda: nn.Sequential(nn.Linear(2, 5), *middle, nn.Tanh(), nn.Linear(5, 3)))
    learner = MetaLearner(
        module, family, MAML(alpha=0.1), meta_batch=7, beta=1.0, meta_optimizer="sgd"
    )
    assert learner.loss_fn.pointwise != norm
    batch = family.sample(7, torch.Generator().set_state(learner.task_stream))
    sizes = batch.support.mask.sum(1).tolist()
    tasks = [
        (
            tuple(tensor[task, : sizes[task]] for tensor in batch.support.values),
            tuple(tensor[task] for tensor in batch.query),
        )
        for task in range(7)
    ]
    _, slopes = gradient_by_hand(module, cross_entropy, tasks, 0.1, 1)
    learner.step()
    for name, p in module.named_parameters():
        torch.testing.assert_close(learner.params[name], p - slopes[name], rtol=1e-9, atol=1e-11)


def test_shots_of_labelled_tasks_are_the_same_for_all_classes_and_equally_likely() -> None:
    y = torch.arange(160) % 20
    x = torch.stack([torch.arange(160), y], dim=1).double()
    family = LabelledTasks(x, y, ways=3, shots=(2, 4), queries=3)
    batch = family.sample(3000, torch.Generator().manual_seed(0))
    (points, labels), mask = batch.support.values, batch.support.mask
    shots = mask.sum(1) // 3
    shares = [float((shots == k).double().mean()) for k in (2, 3, 4)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)
    of_class = nn.functional.one_hot(labels, 3) * mask[..., None]
    assert torch.equal(of_class.sum(1), shots[:, None].expand(-1, 3))
    number = batch.info["support_points"]
    assert torch.equal(number >= 0, mask)
    assert torch.equal(points[..., 0][mask].long(), number[mask])
    names = torch.tensor([int(name) for name in family.names])
    assert torch.equal(y[number[mask]], names[batch.info["classes"].gather(1, labels)][mask])
    for task in range(50):
        mine = [*number[task][mask[task]].tolist(), *batch.info["query_points"][task].tolist()]
        assert len(set(mine)) == len(mine)
    # no class comes first: the first support point is of each label as often as of others
    first = torch.bincount(labels[:, 0]).double() / 3000
    assert first.tolist() == pytest.approx([1 / 3] * 3, abs=0.04)
    with pytest.raises(ValueError, match="class '0' has 8 examples"):
        LabelledTasks(x, y, ways=3, shots=(2, 6), queries=3)


class Threes(Clouds):
    """Three classes, of one, two or three points each."""

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        def part() -> Any:
            count = torch.randint(1, 4, (tasks,), generator=generator).tolist()
            y = [torch.arange(3 * n) % 3 for n in count]
            x = [torch.randn(len(e), 2, generator=generator).double() + e[:, None] for e in y]
            return [x, y]

        return TaskBatch(part(), part())


def test_prototypes_of_uneven_tasks() -> None:
    module = made(lambda: nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)))
    proto = ProtoMAML(head="2.*", alpha=0.1)
    learner = MetaLearner(module, Threes(), proto, meta_batch=4)
    batch = Threes().sample(4, torch.Generator().set_state(learner.task_stream))
    losses = []
    for task in range(4):
        support, query = ([t[task][None] for t in part] for part in (batch.support, batch.query))
        one = proto.meta_gradient(learner.loss_fn, learner.params, support, query)
        losses.append(float(one.loss))
    assert learner.step().loss_after == pytest.approx(np.mean(losses), rel=1e-10)


def test_more_ways_than_outputs_are_refused_in_words() -> None:
    x = torch.rand(300, 4, generator=torch.Generator().manual_seed(0))
    y = torch.arange(300) % 60
    tasks = {ways: LabelledTasks(x, y, ways=ways, queries=2) for ways in (3, 5, 7)}
    learner = MetaLearner(made(lambda: nn.Linear(4, 5)), tasks[5], MAML(), meta_batch=2)
    with pytest.raises(ValueError, match=r"Linear cannot be tested .* \(7 ways\).*\(7, 5\)"):
        learner.adaptation_curve(1, tasks=5, family=tasks[7])
    assert learner.adaptation_curve(1, tasks=5, family=tasks[3]).tasks == 5
