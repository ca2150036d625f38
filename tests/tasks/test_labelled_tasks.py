"""Tasks from labelled points, datasets and folders: what is drawn, and what is refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from labkit import MAML, LabelledTasks, MetaLearner, TaskFamily, dataset_tasks
from labkit.tasks import MeasuredFamily, SplitFamily
from tests.training.point_tasks import made

CLASSES = 20
SIZES = [5 + number % 4 for number in range(CLASSES)]
CLASS = torch.arange(CLASSES).repeat_interleave(torch.tensor(SIZES))
POINTS = len(CLASS)
MIXED = CLASS[torch.randperm(POINTS, generator=torch.Generator().manual_seed(0))]
"""Class of each point; 5 to 8 points each, in a mixed order."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(dtype: torch.dtype = torch.float64) -> Tensor:
    """(points, 2): the number of the point and its class."""
    return torch.stack([torch.arange(POINTS), MIXED], dim=1).to(dtype)


def family(**options: Any) -> LabelledTasks:
    return LabelledTasks(**{"x": points(), "y": MIXED, "ways": 3, **options})


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_points_of_a_label_are_of_the_class_drawn_for_it(split: Any) -> None:
    tasks: TaskFamily = family(shots=2, queries=3, split=split)
    assert isinstance(tasks, LabelledTasks)
    batch = tasks.sample(200, generator())
    names = torch.tensor([int(name) for name in tasks.names])
    for (x, y), each, part in ((batch.support, 2, "support"), (batch.query, 3, "query")):
        assert x.shape == (200, 3 * each, 2)
        assert x.dtype == torch.float64
        assert torch.equal(x[..., 0].long(), batch.info[f"{part}_points"])
        assert torch.equal(x[..., 1].long(), MIXED[batch.info[f"{part}_points"]])
        assert torch.equal(x[..., 1].long(), names[batch.info["classes"].gather(1, y)])
        assert (nn.functional.one_hot(y, 3).sum(1) == each).all()
    assert set(batch.info["classes"].flatten().tolist()) == set(range(len(names)))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool])
def test_integers_stay_as_they_are(dtype: torch.dtype) -> None:
    x = torch.stack([torch.arange(POINTS) % 251] * 4, dim=1).to(dtype)
    batch = family(x=x, shots=2).sample(20, generator())
    for (values, _), part in ((batch.support, "support"), (batch.query, "query")):
        assert values.dtype == dtype
        assert torch.equal(values, x[batch.info[f"{part}_points"]])


def test_token_ids_reach_the_embedding_in_half_precision() -> None:
    ids = torch.randint(30_000, (POINTS, 5), generator=generator())
    model = made(lambda: nn.Sequential(nn.Embedding(30_000, 3), nn.AvgPool2d((5, 1)), nn.Flatten()))
    learner = MetaLearner(model, family(x=ids), MAML(), meta_batch=2, dtype=torch.bfloat16)
    learner.train(2)
    batch = learner.held_out(20)
    assert torch.equal(batch.support[0], ids[batch.info["support_points"]])


def test_a_task_holds_no_class_and_no_point_twice() -> None:
    batch = family(shots=2, queries=3).sample(300, generator())
    points = torch.cat([batch.info["support_points"], batch.info["query_points"]], dim=1)
    assert all(len(set(task)) == 15 for task in points.tolist())
    assert all(len(set(task)) == 3 for task in batch.info["classes"].tolist())


def test_every_point_of_the_split_comes() -> None:
    tasks = family(queries=4)
    batch = tasks.sample(500, generator())
    mine = torch.isin(MIXED, torch.tensor([int(name) for name in tasks.names]))
    for part in ("support_points", "query_points"):
        assert set(batch.info[part].flatten().tolist()) == set(mine.nonzero().flatten().tolist())


def test_bytes_of_images_become_zero_to_one_and_floats_stay() -> None:
    x = torch.tensor([0, 51, 255], dtype=torch.uint8).repeat(POINTS, 1)[:, None, None]
    (result, _) = family(x=x).sample(2, generator()).support
    torch.testing.assert_close(result[0, 0, 0, 0], torch.tensor([0.0, 0.2, 1.0]))
    (result, _) = family(x=x.double()).sample(2, generator()).support
    torch.testing.assert_close(result[0, 0, 0, 0], torch.tensor([0.0, 51.0, 255.0]).double())


def test_the_generator_decides() -> None:
    one, two, other = (family().sample(5, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.query[0], two.query[0])
    assert torch.equal(one.support[1], two.support[1])
    assert not torch.equal(one.query[0], other.query[0])


def test_classes_may_be_texts_numbers_or_both_and_come_in_order() -> None:
    def names(y: Any) -> list[str]:
        parts = (family(y=y, ways=1).on(s) for s in ("train", "validation", "test"))
        return [name for part in parts for name in part.names]

    numbers = [str(number) for number in range(CLASSES)]
    for y in (MIXED, MIXED.tolist(), MIXED.numpy(), list(MIXED)):
        assert sorted(names(y), key=int) == numbers
        assert family(y=y).names == family().names
    # 2 before 10 as numbers, after it as texts
    assert list(family().names) == sorted(family().names, key=int)
    texts = family(y=[str(label) for label in MIXED.tolist()])
    assert list(texts.names) == sorted(texts.names)
    assert sorted(names([n if n % 2 else f"{n}" for n in MIXED.tolist()]), key=int) == numbers


def linear(generator: torch.Generator) -> nn.Module:
    model = nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    nn.init.normal_(model.weight, generator=generator)
    nn.init.zeros_(model.bias)
    return model


def test_training_runs_and_protocols_hold() -> None:
    tasks = family(x=points() / POINTS)
    assert isinstance(tasks, MeasuredFamily)
    assert isinstance(tasks, SplitFamily)
    learner = MetaLearner(linear, tasks, MAML(alpha=0.1), meta_batch=5)
    assert learner.train(3)[-1].loss_after > 0
    curve = learner.adaptation_curve(3, tasks=30, family=tasks.on("test"))
    assert curve.mean.isfinite().all()


def spoilt() -> Tensor:
    x = points()
    x[[7, 9], 0] = torch.nan
    return x


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ways": 0}, "ways must be a whole number ≥ 1, got 0"),
        ({"shots": 1.5}, "shots must be a whole number ≥ 1, got 1.5"),
        ({"queries": 0}, "queries must be a whole number ≥ 1, got 0"),
        ({"split": "dev"}, "split must be one of 'train', 'validation', 'test', got 'dev'"),
        ({"split_seed": 0.5}, "split_seed must be a whole number ≥ 0, got 0.5"),
        (
            {"ways": 4},
            "ways=4, but the 20 classes are divided into 14 for training, 3 for validation and 3 "
            "for the test: take ways ≤ 3 or give more classes",
        ),
        ({"ways": 21}, "ways=21, but there are 20 classes"),
        ({"shots": 3, "queries": 3}, r"class '0' has 5 examples .*too few.*\(5 of 20\)"),
        ({"y": MIXED[1:]}, rf"one point for each of the {POINTS - 1} labels, got shape"),
        ({"y": MIXED % 2, "ways": 1}, "there are 2 classes, .*: give at least 3"),
        ({"y": MIXED.double()}, "whole numbers or texts, .* point 0 is "),
        ({"y": MIXED[:, None]}, r"that of point 0 is \["),
        ({"x": points(torch.complex64)}, r"got torch.complex64: .* torch.view_as_real"),
        ({"x": points().numpy()}, r"got ndarray: torch.as_tensor\(x\) makes one"),
        ({"x": points()[:, 0]}, r"x must be \(points, …\)"),
        ({"x": points()[:, :0]}, r"x must be \(points, …\)"),
        ({"x": spoilt()}, rf"not finite in 2 of {POINTS} points, the first in point 7"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        family(**options)


def test_bad_number_of_tasks() -> None:
    with pytest.raises(ValueError, match="tasks must be a whole number ≥ 1, got 0"):
        family().sample(0, generator())


# datasets


def same(one: LabelledTasks, other: LabelledTasks) -> bool:
    a, b = one.sample(5, generator()), other.sample(5, generator())
    return all(map(torch.equal, (*a.support, *a.query), (*b.support, *b.query)))


def test_a_tensor_dataset_gives_the_same_tasks_as_its_tensors() -> None:
    tasks = dataset_tasks(TensorDataset(points(), MIXED), ways=3, shots=2, split="test")
    assert same(tasks, family(shots=2, split="test"))
    assert (tasks.ways, tasks.shots, tasks.queries, tasks.split) == (3, 2, 1, "test")


class Pairs(Dataset[tuple[Any, Any]]):
    """A map-style dataset of numpy points and labels of numpy."""

    def __len__(self) -> int:
        return POINTS

    def __getitem__(self, number: int) -> tuple[Any, Any]:
        if number >= POINTS:
            raise IndexError
        return points()[number].numpy(), MIXED.numpy()[number]


def test_any_map_style_dataset_serves() -> None:
    assert same(dataset_tasks(Pairs(), ways=3), family())
    texts = [(x, f"{int(y):02d}") for x, y in zip(points(), MIXED, strict=True)]
    assert same(dataset_tasks(texts, ways=3), family())


class Stream(IterableDataset[Any]):
    """A dataset that is iterated over, though it knows its length."""

    def __len__(self) -> int:
        return POINTS

    def __iter__(self) -> Iterator[Any]:
        return zip(points(), MIXED, strict=True)


def test_a_stream_serves_as_a_list() -> None:
    with pytest.raises(ValueError, match=r"map-style.* got Stream: list"):
        dataset_tasks(Stream(), ways=3)
    assert same(dataset_tasks(list(Stream()), ways=3), family())


def items(number: int, item: Any) -> list[Any]:
    whole: list[Any] = list(zip(points(), MIXED, strict=True))
    whole[number] = item
    return whole


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (5, "dataset must be map-style, .* got int"),
        (iter([]), "dataset must be map-style"),
        ([], "the dataset is empty"),
        (TensorDataset(points()), "item 0 is tuple of 1"),
        (TensorDataset(points(), MIXED, MIXED), "item 0 is tuple of 3"),
        (items(3, torch.ones(2)), "item 3 is Tensor"),
        (items(3, ([1.0, 2.0], 1)), "x of item 3 is list"),
        (items(3, (Image.new("L", (2, 2)), 1)), "x of item 3 is Image.*PILToTensor"),
        (items(3, (torch.ones(2), 1.0)), "label of item 3 is float"),
        (items(3, (torch.ones(2), torch.ones(4))), r"label of item 3 is Tensor of shape \(4,\)"),
        (items(3, (torch.ones(2), None)), "label of item 3 is NoneType"),
        (items(3, (torch.ones(5), 1)), r"item 0 is \(2,\) torch.float64, item 3 \(5,\)"),
        (items(3, (torch.ones(2), 1)), r"item 3 \(2,\) torch.float32"),
        (items(3, (torch.full((2,), np.inf).double(), 1)), "not finite in 1 of .* in point 3"),
    ],
)
def test_bad_datasets(dataset: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataset_tasks(dataset, ways=1)


def test_images_have_a_portrait_with_the_names_of_their_split_and_other_points_have_none() -> None:
    images = (torch.arange(24 * 2).view(48, 1, 1, 1) * torch.ones(1, 3, 5, 5)).byte()
    names = [f"class {point // 2}" for point in range(48)]
    family = LabelledTasks(images, names, ways=3).on("test")
    task = family.sample(1, torch.Generator().manual_seed(0))
    portrait = family.portrait(task, [lambda x: torch.zeros(len(x), 3)])
    assert portrait is not None
    for way, name in enumerate(portrait.names):
        point = int(portrait.support[way, 0, 0, 0, 0])  # the shade is the number of the point
        assert names[point] == name
        assert names[int(portrait.query[way, 0, 0, 0])] == name
    for x in (images.float(), images.flatten(1), images[:, :2]):
        other = LabelledTasks(x, names, ways=3)
        assert other.portrait(other.sample(1, torch.Generator()), []) is None


def test_a_dataset_may_use_its_memory_again() -> None:
    class Reused(Dataset[tuple[Tensor, int]]):
        def __init__(self, item: Any) -> None:
            self.item = item

        def __len__(self) -> int:
            return 60

        def __getitem__(self, number: int) -> tuple[Tensor, int]:
            self.item[:] = number
            return self.item, number % 20

    for item in (torch.zeros(2), np.zeros(2)):
        x = dataset_tasks(Reused(item), ways=3).x
        assert isinstance(x, Tensor)
        assert x[:, 0].tolist() == list(range(60))


def test_classes_of_the_same_name_are_refused() -> None:
    with pytest.raises(ValueError, match="the class '1' both as a number and as a text"):
        LabelledTasks(torch.zeros(60, 2), [*range(30), *map(str, range(1, 31))], ways=1)


# own splits


def test_own_splits_of_classes_stay_as_they_are() -> None:
    own: Any = {"train": list(range(4, 20)), "validation": [0, 1], "test": ["2"]}
    tasks = family(ways=1, splits=own)
    assert tasks.names == tuple(map(str, range(4, 20)))
    assert tasks.on("validation").names == ("0", "1")
    batch = tasks.on("test").sample(20, generator())
    assert set(MIXED[batch.info["query_points"]].flatten().tolist()) == {2}
    with pytest.raises(ValueError, match="16 for training, 2 for validation and 1 for the test"):
        family(ways=2, splits=own)
    # of a class that is in no split there may be too few points
    left: Any = {"train": [3], "validation": [7], "test": [11]}
    assert family(ways=1, shots=4, queries=4, splits=left).names == ("3",)
    pairs = dataset_tasks(TensorDataset(points(), MIXED), ways=1, splits=own)
    assert same(pairs, tasks)
