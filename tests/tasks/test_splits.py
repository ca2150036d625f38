"""No class, group or place is in two splits: by the tables of each family, and by what it draws."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from labkit import (
    Emoji,
    LabelledTasks,
    SplitFamily,
    TableTasks,
    TaskBatch,
    Tides,
    dataset_tasks,
    image_folder,
    tide_table,
)
from labkit.tasks.custom.groups import divide
from labkit.tasks.family import Split
from labkit.tasks.images.omniglot import split_ids

SPLITS: tuple[Split, ...] = get_args(Split)
PLACES = [f"place {number}" for number in range(20)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Case:
    """A family, and who its tasks are about.

    Attributes:
        family: On any split.
        everyone: All there are, over all splits.
        listed: Those of a family's split, by its own tables.
        names_in: Those in a batch, recognized by its data or the numbers of the points alone.
    """

    family: Any
    everyone: set[str]
    listed: Callable[[Any], set[str]]
    names_in: Callable[[Any, TaskBatch], set[str]]


def tides(_: Path) -> Case:
    table = tide_table()

    def names(indices: torch.Tensor) -> set[str]:
        return {table.stations[i].name for i in indices.tolist()}

    return Case(
        Tides(shots=1, queries=1),
        {station.name for station in table.stations},
        lambda family: names(table.members[family.split]),
        lambda _, batch: names(batch.info["station"]),
    )


def emoji(_: Path) -> Case:
    def names_in(family: Any, batch: TaskBatch) -> set[str]:
        return {family.classes.names[i] for i in batch.info["classes"].flatten().tolist()}

    everyone = {name for split in SPLITS for name in Emoji(split=split).classes.names}
    return Case(Emoji(queries=1), everyone, lambda family: set(family.classes.names), names_in)


def table(_: Path) -> Case:
    random = np.random.default_rng(0)
    place = random.permutation(np.repeat(PLACES, random.integers(4, 9, 20)))
    values = random.normal(size=(len(place), 2))
    frame = pandas.DataFrame({"place": place, "x": values[:, 0], "y": values[:, 1]})

    def names_in(_: Any, batch: TaskBatch) -> set[str]:
        return set(place[batch.info["rows"].flatten().numpy()])

    family = TableTasks(frame, task="place", inputs=["x"], target="y", shots=2, queries=2)
    return Case(family, set(PLACES), lambda family: set(family.names), names_in)


def marked(family: LabelledTasks) -> Case:
    """Points (…, 1) that are the number of their class, times ten."""

    def names_in(_: Any, batch: TaskBatch) -> set[str]:
        values = torch.cat([batch.support[0], batch.query[0]], dim=1)
        assert isinstance(family.x, torch.Tensor)
        if family.x.dtype == torch.uint8 and family.x.ndim == 4:  # images
            values = values * 255
        return {PLACES[round(value / 10)] for value in values.flatten().tolist()}

    return Case(family, set(PLACES), lambda family: set(family.names), names_in)


def labelled(_: Path) -> Case:
    number = torch.arange(20).repeat(3)
    texts = [PLACES[i] for i in number.tolist()]
    return marked(LabelledTasks(number[:, None] * 10.0, texts, ways=3))


def dataset(_: Path) -> Case:
    items = [(torch.tensor([10 * i], dtype=torch.uint8), PLACES[i]) for i in range(20)] * 2
    return marked(dataset_tasks(items, ways=3))


def folder(place: Path) -> Case:
    for number, name in enumerate(PLACES):
        (place / name).mkdir()
        for file in ("one.png", "two.png"):
            Image.new("L", (5, 5), 10 * number).save(place / name / file)
    return marked(image_folder(place, ways=3, size=1, grey=True))


@pytest.fixture(params=[tides, emoji, table, labelled, dataset, folder], ids=lambda f: f.__name__)
def case(request: Any, tmp_path: Path) -> Case:
    example: Case = request.param(tmp_path)
    return example


def test_splits_share_nothing_and_are_all_there_is(case: Case) -> None:
    assert isinstance(case.family, SplitFamily)
    listed = [case.listed(case.family.on(split)) for split in SPLITS]
    assert all(listed)
    assert set.union(*listed) == case.everyone
    assert sum(map(len, listed)) == len(case.everyone)


def test_what_is_drawn_is_of_the_split(case: Case) -> None:
    """6,000 tasks: each of the 1,080 stations is missed by chance with e^−8 at most."""
    names = {}
    for split in SPLITS:
        # from another split, and back
        family = case.family.on("test").on(split)
        batches = [family.sample(500, generator(seed)) for seed in range(12)]
        names[split] = set.union(*(case.names_in(family, batch) for batch in batches))
        assert names[split] <= case.listed(family)
        assert len(names[split]) > 0.98 * len(case.listed(family))
    assert len(set.union(*names.values())) == sum(map(len, names.values()))


def test_omniglot_shares_no_character() -> None:
    ids = [split_ids(split) for split in SPLITS]
    assert sorted(number for part in ids for number in part) == list(range(1, 1624))
    alphabets = [split_ids(split) for split in ("background", "evaluation")]
    assert sorted(number for part in alphabets for number in part) == list(range(1, 1624))


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (3, [1, 1, 1]),
        (4, [2, 1, 1]),
        (9, [7, 1, 1]),
        (10, [6, 2, 2]),
        (20, [14, 3, 3]),
        (100, [70, 15, 15]),
        (142, [100, 21, 21]),
    ],
)
def test_shares_are_70_15_15(count: int, sizes: list[int]) -> None:
    for seed in range(20):
        members = divide(count, seed, "classes")
        assert [len(members[split]) for split in SPLITS] == sizes
        assert sorted(torch.cat(list(members.values())).tolist()) == list(range(count))


def test_the_seed_divides_and_everyone_may_be_anywhere() -> None:
    assert torch.equal(divide(20, 3, "classes")["test"], divide(20, 3, "classes")["test"])
    tests = torch.stack([divide(20, seed, "classes")["test"] for seed in range(400)])
    # each of 20 is among the 3 of the test in 15 % of 400 seeds: 60 ± 7
    assert torch.bincount(tests.flatten(), minlength=20).sub(60).abs().max() < 4.5 * 7.2


@pytest.mark.parametrize(
    ("count", "seed", "words"),
    [
        (2, 0, "there are 2 sites, .*: give at least 3 sites"),
        (0, 0, "there are 0 sites"),
        (9, -1, "split_seed must be a whole number ≥ 0, got -1"),
        (9, 1.0, "split_seed must be a whole number ≥ 0, got 1.0"),
        (9, True, "split_seed must be a whole number ≥ 0, got True"),
    ],
)
def test_bad_divisions(count: int, seed: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        divide(count, seed, "sites")


def test_an_unknown_split(case: Case) -> None:
    with pytest.raises(ValueError, match=r"split must be one of .*, got 'dev'"):
        case.family.on("dev")
