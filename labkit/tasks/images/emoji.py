"""Few-shot recognition of emoji, each drawn by several vendors; the data comes with the package."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, Self, TypeAlias, final, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labkit.core import check_count
from labkit.tasks.augmentation import Augment
from labkit.tasks.classification import Classification, large_enough
from labkit.tasks.family import ImagePortrait, Predictor, Split, TaskBatch, check_split
from labkit.tasks.images.image_classes import ImageClasses, listed
from labkit.tasks.images.image_portrait import image_portrait

EmojiVendor: TypeAlias = Literal[
    "twemoji", "noto", "fluent-emoji-flat", "emojione", "noto-v1", "fxemoji"
]

EMOJI_ATTRIBUTION = (
    "Emoji: Twitter and contributors, Emoji One (CC BY 4.0), Google, Mozilla (Apache 2.0), "
    "Microsoft (MIT); scaled to 32×32."
)
"""Credit to show with the drawings: authors, licences, and what was changed."""

BRIGHTEST = 63
"""What a channel of 255 is in the file, which has 6 bits per channel."""


@final
@dataclass(frozen=True, slots=True)
class Emoji(Classification):
    """N-way K-shot recognition of emoji; an example of a class is one vendor's drawing of it.

    1,044 emoji, each drawn by five or six vendors, 32×32 pixels in colour on white; 728 are for
    training, 158 for validation and 158 for the test. Emoji that resemble each other or are named
    alike (clock faces, hearts, a cow and its face) are all in the same split. Support and query
    of a class are always by different vendors; name vendors to keep them apart in the whole task.

    Args:
        ways: N ≥ 1, emoji per task.
        shots: K ≥ 1, support drawings per emoji.
        queries: Query drawings per emoji, ≥ 1; shots + queries up to 5 leave no emoji out.
        split: "train", "validation" or "test".
        support_vendors: Whose drawings may be support; () for anyone's. Emoji of which these
            vendors have too few drawings are left out.
        query_vendors: Whose may be query; () for anyone's.
        rotations: Turn each emoji of a task by a random multiple of 90 degrees.
        device: Where the drawings are kept and batches are made.
        augment: (images, generator) → images for the split "train", as for `LabelledTasks`.

    Raises:
        ValueError: A value is not allowed, or too few emoji have enough drawings.

    Source:
        Drawings: twemoji and emojione (CC BY 4.0), noto, noto-v1 and fxemoji (Apache 2.0) and
        fluent-emoji-flat (MIT); attribution in `labkit/data/emoji/README.md`.

    Example:
        >>> family = Emoji(ways=5, shots=1, queries=4)
        >>> batch = family.sample(8, torch.Generator().manual_seed(0))
        >>> batch.support[0].shape, batch.query[1].shape
        (torch.Size([8, 5, 3, 32, 32]), torch.Size([8, 20]))
        >>> [family.classes.names[i] for i in batch.info["classes"][0, :3]]
        ['thermometer', 'waxing-crescent-moon', 'antenna-bars']
    """

    ways: int = 5
    shots: int = 1
    queries: int = 4
    split: Split = "train"
    support_vendors: tuple[EmojiVendor, ...] = ()
    query_vendors: tuple[EmojiVendor, ...] = ()
    rotations: bool = False
    device: str = "cpu"
    augment: Augment | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for count in ("ways", "shots", "queries"):
            check_count(count, getattr(self, count), 1)
        check_split(self.split)
        for argument in ("support_vendors", "query_vendors"):
            vendors = getattr(self, argument)
            if isinstance(vendors, str) or not set(vendors) <= set(get_args(EmojiVendor)):
                allowed = ", ".join(map(repr, get_args(EmojiVendor)))
                raise ValueError(f"{argument} must be some of {allowed}, got {vendors!r}")
            object.__setattr__(self, argument, tuple(vendors))
        _classes(self)

    def on(self, split: Split) -> "Emoji":
        """The same kind of tasks with the emoji of another split."""
        return replace(self, split=split)

    def without_augmentation(self) -> Self:
        """The same tasks as they are measured on."""
        return self if self.augment is None else replace(self, augment=None)

    @property
    def classes(self) -> ImageClasses:
        """The drawings that tasks are made of; `info["classes"]` counts its `names`."""
        return _classes(self)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x is float32 in [0, 1], (tasks, points, 3, 32, 32), y (tasks, points)."""
        return self.classes.sample(tasks, generator)

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> ImagePortrait:
        """The drawings of a batch of one task, and the model's prediction for each query."""
        return image_portrait(task, predictors, self.classes.names_in(task), EMOJI_ATTRIBUTION)


class _Drawings(NamedTuple):
    images: Tensor  # uint8, (classes, vendors, 32, 32, 3), white where there is none
    present: Tensor  # bool, (classes, vendors)
    names: tuple[str, ...]


@lru_cache(maxsize=8)
def _classes(family: Emoji) -> ImageClasses:
    images, present, names = _drawings(family.split, family.device)
    support, query = (_numbers(v) for v in (family.support_vendors, family.query_vendors))
    enough = large_enough(
        present & listed("support_vendors", support, present.shape[1]),
        present & listed("query_vendors", query, present.shape[1]),
        family.shots,
        family.queries,
    )
    if not enough.all():  # a copy only where some are left out
        if (count := int(enough.sum())) < family.ways:
            raise ValueError(
                f"{count} emoji of the split {family.split!r} have enough drawings for "
                f"shots={family.shots} and queries={family.queries} by these vendors, too few for "
                f"ways={family.ways}: use fewer shots, queries or ways, or more vendors"
            )
        images = images[enough.to(images.device)]
        present = present[enough]
        names = tuple(name for name, kept in zip(names, enough.tolist(), strict=True) if kept)
    return ImageClasses(
        images=images,
        present=present,
        names=names,
        ways=family.ways,
        shots=family.shots,
        queries=family.queries,
        rotations=family.rotations,
        support_examples=support,
        query_examples=query,
        augment=family.augment if family.split == "train" else None,
    )


def _numbers(vendors: tuple[EmojiVendor, ...]) -> tuple[int, ...] | None:
    return tuple(get_args(EmojiVendor).index(vendor) for vendor in vendors) or None


@lru_cache(maxsize=8)
def _drawings(split: Split, device: str) -> _Drawings:
    file = _file()
    present = file["present"]
    levels = file["drawings"].astype(np.uint16)
    vendor, row = np.nonzero(present.T)  # in the file, the vendors follow one another
    images = np.full((*present.shape, *levels.shape[1:]), 255, np.uint8)
    images[row, vendor] = (levels * 255 + BRIGHTEST // 2) // BRIGHTEST
    mine = file["split"] == get_args(Split).index(split)
    return _Drawings(
        torch.from_numpy(images[mine]).to(device),
        torch.from_numpy(present[mine]),
        tuple(map(str, file["names"][mine])),
    )


def _file() -> dict[str, NDArray[Any]]:
    with (files("labkit") / "data/emoji/emoji.npz").open("rb") as stream, np.load(stream) as file:
        return dict(file)
