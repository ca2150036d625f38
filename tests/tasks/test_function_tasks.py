"""Tasks from a function: how its points are dealt out, and what of it is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, l1_loss

from labkit import MAML, FunctionTasks, MeasuredFamily, MetaLearner, TaskFamily, sinusoid_mlp
from labkit.tasks import DrawableFamily, SplitFamily


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lines(tasks: int, points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    slope = torch.randn(tasks, 1, 1, generator=generator)
    x = torch.rand(tasks, points, 1, generator=generator)
    return x, slope * x


def test_first_points_are_support_and_the_others_query() -> None:
    family: TaskFamily = FunctionTasks(lines, shots=3, queries=4)
    batch = family.sample(25, generator())
    x, y = lines(25, 7, generator())
    torch.testing.assert_close(batch.support, (x[:, :3], y[:, :3]), rtol=0, atol=0)
    torch.testing.assert_close(batch.query, (x[:, 3:], y[:, 3:]), rtol=0, atol=0)


def test_the_generator_decides() -> None:
    family = FunctionTasks(lines)
    one, two, other = (family.sample(3, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.query[0], two.query[0])
    assert not torch.equal(one.query[0], other.query[0])


def test_loss_and_metrics_are_the_functions_given() -> None:
    x, y = torch.zeros(2, 1), torch.tensor([[1.0], [3.0]])
    plain = FunctionTasks(lines)
    assert float(plain.loss(lambda x: x, (x, y))) == 5.0  # (1 + 9)/2
    assert plain.metrics(lambda x: x, (x, y)) == {}
    own = FunctionTasks(lines, loss=l1_loss, metrics={"worst": lambda f, y: (f - y).abs().max()})
    assert float(own.loss(lambda x: x, (x, y))) == 2.0
    assert own.metrics(lambda x: x, (x, y)) == {"worst": torch.tensor(3.0)}


def test_it_claims_no_more_than_it_can() -> None:
    family = FunctionTasks(lines)
    assert isinstance(family, MeasuredFamily)
    assert not isinstance(family, SplitFamily | DrawableFamily)


def test_training_learns() -> None:
    learner = MetaLearner(sinusoid_mlp, FunctionTasks(lines), MAML(alpha=0.1), beta=0.01)
    before = learner.adaptation_curve(1, tasks=50).mean[1]
    learner.train(60)
    assert learner.adaptation_curve(1, tasks=50).mean[1] < 0.5 * before


def test_classification_by_labels() -> None:
    def signs(tasks: int, points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x = torch.randn(tasks, points, 2, generator=generator)
        return x, (x[..., 0] > 0).long()

    family = FunctionTasks(signs, loss=cross_entropy)
    model = nn.Linear(2, 2, device="meta").to_empty(device="cpu")
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    curve = MetaLearner(model, family, MAML(alpha=1.0)).adaptation_curve(5, tasks=20)
    assert curve.mean[5] < 0.8 * curve.mean[0]


def drawing(x: Any, y: Any) -> Callable[..., Any]:
    """A draw that gives functions of (tasks, points), or what they are."""
    return lambda tasks, points, _: tuple(v(tasks, points) if callable(v) else v for v in (x, y))


def ones(tasks: int, points: int) -> Tensor:
    return torch.ones(tasks, points, 1)


def hole(tasks: int, points: int) -> Tensor:
    values = torch.ones(tasks, points, 1)
    values[1, 3] = torch.nan
    return values


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": 0}, "shots must be a whole number ≥ 1, got 0"),
        ({"queries": True}, "queries must be a whole number ≥ 1, got True"),
        ({"draw": 3}, "draw must be a function .*, got 3"),
        ({"loss": "mse"}, "loss must be a function .*, got 'mse'"),
        ({"metrics": [l1_loss]}, r"metrics must be a dict name → function"),
        ({"metrics": {"mae": 1}}, r"metrics must be a dict name → function"),
        ({"draw": lambda *_: None}, "must return two tensors, x and y, got NoneType"),
        ({"draw": lambda t, p, _: ones(t, p)}, r"two tensors, .* got a tensor of shape \(2, 20"),
        ({"draw": lambda t, p, _: (ones(t, p),) * 3}, "got a tuple of 3"),
        (
            {"draw": drawing(ones, lambda t, p: torch.ones(p, t))},
            r"must give y as a tensor of shape \(2, 20, …\), got a tensor of shape \(20, 2\)",
        ),
        ({"draw": drawing([1.0], ones)}, r"must give x as a tensor .*, got list \[1.0\]"),
        (
            {"draw": drawing(ones, hole)},
            "gave 1 values of y that are not finite, the first in task 1, point 3",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FunctionTasks(**{"draw": lines, **options})


def test_random_numbers_of_the_global_generator_are_refused() -> None:
    def draw(tasks: int, points: int, _: torch.Generator) -> tuple[Tensor, Tensor]:
        x = torch.rand(tasks, points, 1)
        return x, x

    with torch.random.fork_rng(), pytest.raises(ValueError, match="for an equal generator"):
        FunctionTasks(draw)


def test_values_that_stop_being_finite_are_refused_in_a_batch() -> None:
    family = FunctionTasks(lambda t, p, _: (ones(t, p) / (t - 5), ones(t, p)))
    family.sample(4, generator())
    with pytest.raises(ValueError, match="100 values of x that are not finite"):
        family.sample(5, generator())


def test_shapes_that_would_broadcast_are_refused() -> None:
    family = FunctionTasks(lambda t, p, _: (ones(t, p), ones(t, p)[..., 0]))
    with pytest.raises(ValueError, match=r"gives shape \(10, 1\) for one task, and y has \(10,\)"):
        MetaLearner(sinusoid_mlp, family, MAML(alpha=0.1))


def test_bad_number_of_tasks() -> None:
    with pytest.raises(ValueError, match="tasks must be a whole number ≥ 1, got 0"):
        FunctionTasks(lines).sample(0, generator())
