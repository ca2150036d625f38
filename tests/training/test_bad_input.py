"""What a learner refuses at its boundary, with one clear error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from labkit import (
    ANIL,
    IMAML,
    MAML,
    Adam,
    DivergedError,
    MetaLearner,
    ProtoMAML,
    Reptile,
    TaskBatch,
    adapt,
    meta_gradient,
    steps_table,
)
from tests.training.point_tasks import WAYS, Clouds, Lines, made

# as they would come from outside, where no type checker looks
NUMBER: Any = 3
TEXT: Any = "a"
CLASS: Any = Adam
ONE_TASK: Any = lambda part: tuple(t[:1] for t in part)  # noqa: E731


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 1))


def lines_learner(**options: Any) -> MetaLearner:
    return MetaLearner(made(linear), Lines(), MAML(alpha=0.1), **({"meta_batch": 3} | options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beta": "1"}, "beta must be a finite number ≥ 0, got '1'"),
        ({"beta": True}, "beta must be a finite number ≥ 0, got True"),
        ({"dtype": "float64"}, "dtype must be a floating-point torch.dtype or None, got 'float64'"),
        ({"dtype": torch.int32}, "dtype must be a floating-point torch.dtype or None"),
        ({"shared_data": "yes"}, "shared_data must be True or False, got 'yes'"),
        ({"checkpoint": 1}, "checkpoint must be True or False, got 1"),
        ({"meta_batch": 2.0}, "meta_batch must be a whole number ≥ 1, got 2.0"),
    ],
)
def test_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lines_learner(**options)


@pytest.mark.parametrize("algorithm", [None, MAML, "maml"])
def test_an_algorithm_is_needed(algorithm: Any) -> None:
    with pytest.raises(ValueError, match=r"algorithm must be one such as MAML\(alpha=0.01\), got"):
        MetaLearner(made(linear), Lines(), algorithm)
    with pytest.raises(ValueError, match="algorithm must be one such as"):
        lines_learner().algorithm = algorithm


@pytest.mark.parametrize("model", ["net", None, lambda _: None])
def test_a_module_is_needed(model: Any) -> None:
    with pytest.raises(ValueError, match=r"model must be a torch.nn.Module, or a function"):
        MetaLearner(model, Lines(), MAML())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MAML(alpha=TEXT), "alpha for all parameters must be a number or a tensor"),
        (lambda: Reptile(alpha={"w": float("nan")}), "alpha for w must be finite, got nan"),
        (lambda: MAML(alpha=torch.tensor(1)), "alpha for all parameters must be floating point"),
        (lambda: MAML(inner_optimizer=TEXT), r"inner_optimizer must be .*Adam\(\).* got 'a'"),
        (lambda: ANIL(head="0.*", inner_optimizer=CLASS), "inner_optimizer must be"),
        (lambda: ANIL(head=NUMBER), "head must be a pattern .* or a list of patterns, got 3"),
        (lambda: MAML(loss_weights=NUMBER), "loss_weights must be 1 numbers"),
        (lambda: MAML(loss_weights=[TEXT]), "loss_weights must be 1 numbers"),
    ],
)
def test_settings_of_algorithms(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_an_alpha_may_be_as_large_as_float64() -> None:
    learner = lines_learner()
    learner.algorithm = MAML(alpha=1e200, inner_steps=3)
    with pytest.raises(DivergedError, match=r"^meta-step 1 has a meta-gradient that is not finite"):
        learner.step()


def test_numbers_of_numpy_are_numbers() -> None:
    alpha, inner_steps = np.array([0.1], np.float32), np.array([2])
    algorithm = MAML(alpha=alpha[0], inner_steps=inner_steps[0])
    learner = MetaLearner(made(linear), Lines(), algorithm, meta_batch=2)
    learner.step()


@pytest.mark.parametrize("params", [None, [torch.ones(2)], {"w": 1.0}])
def test_params_are_tensors_by_name(params: Any) -> None:
    for function in (
        lambda: adapt(lambda _, x: x, params, torch.ones(()), alpha=0.1, inner_steps=0),
        lambda: meta_gradient(
            lambda _, x: x, params, torch.ones(2), torch.ones(2), alpha=0.1, inner_steps=0
        ),
    ):
        with pytest.raises(ValueError, match="params must be a dict of tensors, got"):
            function()


def test_params_of_a_learner_go_by_its_names() -> None:
    learner = lines_learner()
    part = {"0.weight": learner.params["0.weight"]}
    for params, words in (
        (part, r"missing \['0.bias'\], unknown \[\]"),
        ({**learner.params, "w": torch.ones(1)}, r"missing \[\], unknown \['w'\]"),
    ):
        with pytest.raises(ValueError, match=words):
            learner.adaptation_curve(1, tasks=2, params=params)


def test_params_are_a_copy() -> None:
    learner = lines_learner()
    start = learner.params
    curve = learner.adaptation_curve(1, tasks=5)
    start_again = {name: p.clone() for name, p in start.items()}
    learner.train(2)
    assert all(torch.equal(p, start_again[name]) for name, p in start.items())
    again = learner.adaptation_curve(1, tasks=5, params=start)
    assert torch.equal(again.mean, curve.mean)
    start["0.weight"].zero_()
    assert not torch.equal(learner.params["0.weight"], start["0.weight"])


@dataclass(frozen=True)
class Changed(Lines):
    """Lines whose batches are changed on the way."""

    change: Callable[[TaskBatch], Any] = lambda batch: batch

    def sample(self, tasks: int, generator: torch.Generator) -> Any:
        return self.change(super().sample(tasks, generator))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda b: (b.support, b.query),
            r"must return labkit.TaskBatch\(.*\), got tuple",
        ),
        (lambda b: TaskBatch(b.support, None), "pytrees of tensors whose first axis"),
        (
            lambda b: TaskBatch(tuple(t.numpy() for t in b.support), b.query),
            "pytrees of tensors whose first axis is the task.*ndarray",
        ),
        (
            lambda b: TaskBatch(ONE_TASK(b.support), ONE_TASK(b.query)),
            "Changed.sample returned 1 tasks instead of 2",
        ),
    ],
)
def test_batches(change: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MetaLearner(made(linear), Changed(change=change), MAML())


def test_a_nan_in_the_data_stops_reptile_too() -> None:
    def spoil(batch: TaskBatch) -> TaskBatch:
        x, y = batch.query
        return TaskBatch(batch.support, (x, y * torch.nan))

    learner = MetaLearner(made(linear), Changed(change=spoil), Reptile(alpha=0.1), meta_batch=2)
    start = learner.params
    with pytest.raises(
        DivergedError, match="nan in meta-step 1, before adaptation: check the data"
    ):
        learner.step()
    assert all(torch.equal(p, start[name]) for name, p in learner.params.items())


@dataclass(frozen=True)
class Shifted(Clouds):
    """Labels that count from another number, or are no numbers."""

    shift: int = 1

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        batch = super().sample(tasks, generator)
        x, y = batch.support
        return TaskBatch((x, (y + self.shift).clamp(max=WAYS - 1)), batch.query)


class Floating(Clouds):
    def labels(self, batch: Any) -> Tensor:
        return super().labels(batch).double()


def test_labels_of_prototypes() -> None:
    model = made(lambda: nn.Sequential(nn.Linear(2, WAYS)))
    with pytest.raises(ValueError, match=r"point of every class, 0 … 2, .* none of \[0\]"):
        MetaLearner(model, Shifted(), ProtoMAML(head="0.*"))
    with pytest.raises(ValueError, match="must be a tensor of whole numbers"):
        MetaLearner(model, Floating(), ProtoMAML(head="0.*"))


def test_another_algorithm_is_tried_out() -> None:
    model = made(lambda: nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1)))
    learner = MetaLearner(model, Lines(), MAML(), meta_batch=2)
    with pytest.raises(ValueError, match="Sequential cannot be meta-trained by IMAML"):
        learner.algorithm = IMAML()
    assert learner.algorithm == MAML()
    learner.step()


def test_half_precision() -> None:
    learner = lines_learner(dtype=torch.bfloat16)
    learner.step()
    assert learner.adaptation_curve(1, tasks=4).median.dtype == torch.float32


class Ids(Clouds):
    """Three classes, told by the id alone: id, as a number or an integer, modulo 3."""

    def __init__(self, dtype: torch.dtype) -> None:
        object.__setattr__(self, "dtype", dtype)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        def draw() -> tuple[Tensor, Tensor]:
            x = torch.randint(29_000, 30_000, (tasks, 6), generator=generator)
            return x.to(self.dtype), x % WAYS  # type: ignore[attr-defined]

        return TaskBatch(draw(), draw())


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30_000, WAYS)
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.embedding(x.long())
        return out


def test_ids_stay_integers_and_are_never_rounded() -> None:
    model = made(Embedded)
    with pytest.raises(ValueError, match=r"bfloat16 would round 29\d+ to 29\d+: .*x.long\(\)"):
        MetaLearner(model, Ids(torch.float32), MAML(), meta_batch=2, dtype=torch.bfloat16)
    MetaLearner(model, Ids(torch.float32), MAML(), meta_batch=2, dtype=torch.float64)
    for dtype in (torch.int64, torch.int32):
        tasks = Ids(dtype)
        learner = MetaLearner(model, tasks, MAML(), meta_batch=2, dtype=torch.bfloat16)
        learner.step()
        x, y = learner.held_out(4).query
        assert x.dtype == dtype
        assert torch.equal(x % WAYS, y)


def test_counts() -> None:
    learner = lines_learner()
    with pytest.raises(ValueError, match="meta_steps must be a whole number ≥ 0, got -1"):
        learner.train(-1)
    batch = learner.held_out(3)
    maml = MAML(alpha=0.1, inner_steps=2, loss_weights=[0.5, 0.5])
    args = (learner.loss_fn, {1: learner.params, 3: learner.params}, batch.support, batch.query)
    assert steps_table(maml, *args, inner_steps=4).mean.shape == (2, 5)
    with pytest.raises(ValueError, match="trained is empty"):
        steps_table(maml, learner.loss_fn, {}, batch.support, batch.query, inner_steps=1)
