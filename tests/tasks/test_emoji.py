"""Emoji: the data that comes with the package, its splits, and tasks from it."""

import hashlib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from labkit import Emoji
from scripts.build_emoji import ALIKE, SAME
from scripts.emoji_drawings import PACKAGES

FOLDER = files("labkit") / "data/emoji"
SPLITS = ("train", "validation", "test")
COUNTS = (728, 158, 158)


@cache
def data() -> dict[str, NDArray[Any]]:
    with (FOLDER / "emoji.npz").open("rb") as stream, np.load(stream) as file:
        return dict(file)


@cache
def families() -> tuple[Emoji, ...]:
    return tuple(Emoji(split=split) for split in SPLITS)  # type: ignore[arg-type]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawings(family: Emoji) -> Tensor:
    """All drawings of a split, (drawings, pixels), in 0 … 1."""
    classes = family.classes
    assert classes.present is not None
    return classes.images[classes.present].flatten(1).float() / 255


def distances(one: Tensor, other: Tensor) -> Tensor:
    """Root mean square differences."""
    squares = (one**2).mean(1)[:, None] + (other**2).mean(1) - 2 * one @ other.T / one.shape[1]
    return squares.clamp(min=0).sqrt()


def test_each_emoji_is_in_one_split() -> None:
    names = [set(family.classes.names) for family in families()]
    assert tuple(map(len, names)) == COUNTS
    assert len(set.union(*names)) == sum(COUNTS)
    assert len(set(data()["codepoints"].tolist())) == sum(COUNTS)


def test_no_split_has_an_emoji_like_one_of_another() -> None:
    for i, j in ((0, 1), (0, 2), (1, 2)):
        closest = distances(drawings(families()[i]), drawings(families()[j])).min()
        # colours of 6 bits may bring two drawings nearer by 2 · 1/255
        assert closest > ALIKE - 0.008


def test_no_split_has_an_emoji_named_like_one_of_another() -> None:
    words = []
    for number, family in enumerate(families()):
        mine = data()["split"] == number
        first = {"first " + name.split("-")[0] for name in family.classes.names}
        last = {"last " + name.split("-")[-1] for name in family.classes.names}
        start = {"starts " + point.split("-")[0] for point in data()["codepoints"][mine].tolist()}
        words.append(first | last | start)
    assert not words[0] & words[1]
    assert not words[0] & words[2]
    assert not words[1] & words[2]
    for family in families():
        clocks = [n for n in family.classes.names if n.endswith(("-oclock", "-thirty"))]
        assert len(clocks) in {0, 24}
        assert len({"cow", "cow-face"} & set(family.classes.names)) in {0, 2}


def test_no_drawing_occurs_twice() -> None:
    everything = torch.cat([drawings(family) for family in families()])
    apart = distances(everything, everything).fill_diagonal_(1.0)
    assert apart.min() > SAME - 0.008


def test_every_class_has_drawings_by_five_vendors() -> None:
    for family in families():
        assert family.classes.present is not None
        assert int(family.classes.present.sum(1).min()) == 5


def test_images_are_the_drawings_of_the_file() -> None:
    """Read once more, one drawing after another."""
    file = data()
    index = {name: i for i, name in enumerate(file["names"].tolist())}
    place, numbers = 0, {}
    for vendor in range(len(file["vendors"])):
        for row in range(len(index)):
            if file["present"][row, vendor]:
                numbers[row, vendor] = place
                place += 1
    assert place == len(file["drawings"])
    family = Emoji(split="test", shots=2, queries=2)
    batch = family.sample(20, generator())
    x, y = batch.support
    for task, point in np.ndindex(20, 10):
        name = family.classes.names[int(batch.info["classes"][task, y[task, point]])]
        vendor = int(batch.info["support_examples"][task, point])
        levels = file["drawings"][numbers[index[name], vendor]]
        expected = torch.from_numpy(levels.astype(np.float32) / 63).permute(2, 0, 1)
        torch.testing.assert_close(x[task, point], expected, atol=0.5 / 255 + 1e-6, rtol=0)


def test_white_is_white_and_colours_are_colours() -> None:
    x, _ = families()[0].sample(100, generator()).support
    assert x.shape == (100, 5, 3, 32, 32)
    assert float(x.max()) == 1.0
    assert float(x.min()) == 0.0
    assert float((x[:, :, :, 0, 0] == 1).float().mean()) > 0.9
    heart = Emoji().classes.names.index("red-heart")
    red, green, blue = Emoji().classes.images[heart, 0, 16, 16].tolist()
    assert red > 180
    assert max(green, blue) < 100


def test_support_and_query_are_by_different_vendors() -> None:
    batch = Emoji(shots=2, queries=3).sample(50, generator())
    (_, support_y), (_, query_y) = batch.support, batch.query
    support, query = batch.info["support_examples"], batch.info["query_examples"]
    same = (support_y[:, :, None] == query_y[:, None]) & (support[:, :, None] == query[:, None])
    assert not same.any()


def test_vendors_may_be_named() -> None:
    family = Emoji(queries=2, support_vendors=("noto",), query_vendors=("emojione", "fxemoji"))
    assert 100 < len(family.classes.names) < 128  # those that fxemoji drew
    batch = family.sample(50, generator())
    assert set(batch.info["support_examples"].flatten().tolist()) == {1}
    assert set(batch.info["query_examples"].flatten().tolist()) == {3, 5}
    everyone = families()[0].classes
    rows = torch.tensor([everyone.names.index(name) for name in family.classes.names])
    assert torch.equal(family.classes.images, everyone.images[rows])
    assert family.classes.present is not None
    assert everyone.present is not None
    assert torch.equal(family.classes.present, everyone.present[rows])
    assert replace(family, query_vendors=()) == Emoji(queries=2, support_vendors=("noto",))


def test_pixels_alone_tell_more_than_chance() -> None:
    """The nearest support drawing, right 66.5 % of the time; wrong labels would give 20 %."""
    family = families()[2]
    batch = family.sample(200, generator())
    apart = torch.cdist(batch.query[0].flatten(2), batch.support[0].flatten(2))
    result = batch.support[1].gather(1, apart.argmin(-1))
    assert 0.6 < float((result == batch.query[1]).float().mean()) < 0.75


def test_splits_are_by_the_hash_that_the_readme_tells() -> None:
    """Single emoji of the test have smaller hashes than those of the validation, and so on."""
    words: dict[str, int] = {}
    for name in data()["names"].tolist():
        for word in {name.split("-")[0], name.split("-")[-1]}:
            words[word] = words.get(word, 0) + 1
    hashes: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for name, codepoint, split in zip(
        *(data()[key].tolist() for key in ("names", "codepoints", "split")), strict=True
    ):
        # a name of one word that no other has; a few belong to a group by their looks
        if words.get(name) == 1:
            hashes[split].append(hashlib.sha256(codepoint.encode()).hexdigest())
    middle = {split: sorted(distances)[len(distances) // 2] for split, distances in hashes.items()}
    assert middle[2] < middle[1] < middle[0]


def test_the_file_is_small_and_every_vendor_is_credited() -> None:
    assert len((FOLDER / "emoji.npz").read_bytes()) < 4_000_000
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert data()["vendors"].tolist() == list(PACKAGES)
    for vendor, (version, _) in PACKAGES.items():
        (line,) = (row for row in readme.splitlines() if row.startswith(f"| {vendor} |"))
        assert f"`@iconify-json/{vendor}` {version} " in line
        assert any(licence in line for licence in ("CC BY 4.0", "Apache 2.0", "[MIT]"))
    assert (FOLDER / "LICENSE-Apache-2.0.txt").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "all"}, "split must be one of 'train', 'validation', 'test', got 'all'"),
        ({"ways": 729}, "ways=729, but there are 728 classes"),
        ({"shots": 0}, "shots must be a whole number ≥ 1, got 0"),
        (
            {"shots": 4, "queries": 3},
            "0 emoji of the split 'train' have enough drawings for shots=4",
        ),
        ({"query_vendors": ("apple",)}, r"query_vendors must be some of .*, got \('apple',\)"),
        ({"support_vendors": "noto"}, "support_vendors must be some of .*, got 'noto'"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Emoji(**options)
