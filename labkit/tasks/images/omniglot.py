"""Omniglot: few-shot recognition of handwritten characters of 50 alphabets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, final, get_args

import torch
from torch import Tensor

from labkit.core import check_count
from labkit.tasks.augmentation import Augment
from labkit.tasks.classification import Classification
from labkit.tasks.family import ImagePortrait, Predictor, Split, TaskBatch, check_split
from labkit.tasks.images.image_classes import ImageClasses
from labkit.tasks.images.image_portrait import image_portrait
from labkit.tasks.images.omniglot_files import data_folder, read_characters

OmniglotSplit: TypeAlias = Literal["train", "validation", "test", "background", "evaluation"]

OMNIGLOT_ATTRIBUTION = (
    "Omniglot: Lake, Salakhutdinov, Tenenbaum 2015, Science 350 (MIT licence); 28×28 pixels."
)
"""Whose drawings these are: to be shown with them."""


@final
@dataclass(frozen=True, slots=True)
class Omniglot(Classification):
    """N-way K-shot recognition of handwritten characters, 20 drawings each, by 20 people.

    1,623 characters at 28×28 pixels, ink 1 on paper 0. Two ways to split them: "train",
    "validation" and "test" (1,028, 172 and 423 characters) as in Vinyals et al. 2016, or by
    alphabets, "background" and "evaluation" (30 and 20 alphabets, 964 and 659 characters) as in
    Lake et al. 2015. In the first, four characters of the test are of the alphabet Gurmukhi, whose
    others train. Making a family reads the data, and downloads it the first time
    (16 MB; an interrupted download is resumed).

    Args:
        ways: N ≥ 1, characters per task.
        shots: K ≥ 1, support drawings per character.
        queries: Query drawings per character, ≥ 1; shots + queries ≤ 20.
        split: One of the five above. The live lab, which shows validation tasks, needs the first
            three: the alphabets have none.
        rotations: A character turned by 90, 180 or 270 degrees is another class; see
            `ImageClasses`. None: in "train" and "background" only. The paper's code turns test
            characters too.
        folder: Where data is kept, in its subfolder omniglot; None: the environment variable
            LABKIT_DATA, or else the user's cache folder.
        device: Where the drawings are kept and batches are made.
        augment: (images, generator) → images for "train" and "background", as for `LabelledTasks`.

    Raises:
        ValueError: A value is not allowed, or a file is damaged.
        FileNotFoundError: The data is not there and could not be downloaded.

    Source:
        Lake, Salakhutdinov, Tenenbaum 2015, Science 350; Vinyals et al. 2016, arXiv:1606.04080,
        §4.1.1. Finn, Abbeel, Levine 2017, arXiv:1703.03400, App. A.1 has as many queries as shots.

    Example:
        >>> [len(split_ids(split)) for split in ("train", "validation", "test")]
        [1028, 172, 423]
        >>> family = Omniglot(ways=5, shots=1)  # doctest: +SKIP
        >>> x, y = family.sample(32, torch.Generator().manual_seed(0)).support  # doctest: +SKIP
        >>> x.shape, y.shape  # doctest: +SKIP
        (torch.Size([32, 5, 1, 28, 28]), torch.Size([32, 5]))
    """

    ways: int = 5
    shots: int = 1
    queries: int = 1
    split: OmniglotSplit = "train"
    rotations: bool | None = None
    folder: str | None = None
    device: str = "cpu"
    augment: Augment | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for count in ("ways", "shots", "queries"):
            check_count(count, getattr(self, count), 1)
        if self.split not in get_args(OmniglotSplit):
            splits = ", ".join(map(repr, get_args(OmniglotSplit)))
            raise ValueError(f"split must be one of {splits}, got {self.split!r}")
        self.classes  # noqa: B018 - reject unusable values now

    def on(self, split: Split) -> "Omniglot":
        """The same kind of tasks with the characters of another split.

        Where characters are split by alphabets, "train" is "background" and "test" "evaluation".

        Raises:
            ValueError: There is no such split; the alphabets have no validation split.
        """
        check_split(split)
        if self.split not in {"background", "evaluation"}:
            return replace(self, split=split)
        if split == "validation":
            raise ValueError(
                "characters split by alphabets have no split 'validation': make the family with "
                f"split='train' instead of {self.split!r}, or test on 'evaluation'"
            )
        return replace(self, split="background" if split == "train" else "evaluation")

    def without_augmentation(self) -> Self:
        """The same tasks as they are measured on."""
        return self if self.augment is None else replace(self, augment=None)

    @property
    def classes(self) -> ImageClasses:
        """The drawings that tasks are made of; `info["classes"]` counts its `names`."""
        return _classes(self, data_folder(self.folder))

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x is float32 in [0, 1], (tasks, points, 1, 28, 28), y (tasks, points)."""
        return self.classes.sample(tasks, generator)

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> ImagePortrait:
        """The characters of a batch of one task, and the model's prediction for each query."""
        return image_portrait(task, predictors, self.classes.names_in(task), OMNIGLOT_ATTRIBUTION)


@lru_cache(maxsize=8)
def _classes(family: Omniglot, folder: Path) -> ImageClasses:
    trains = family.split in {"train", "background"}
    ids = split_ids(family.split)
    names = character_names()
    return ImageClasses(
        images=_images(folder, family.split, family.device),
        names=tuple(names[i] for i in ids),
        ways=family.ways,
        shots=family.shots,
        queries=family.queries,
        rotations=trains if family.rotations is None else family.rotations,
        augment=family.augment if trains else None,
    )


@lru_cache(maxsize=8)
def _images(folder: Path, split: OmniglotSplit, device: str) -> Tensor:
    rows = [number - 1 for number in split_ids(split)]
    return torch.from_numpy(_characters(folder)[rows]).to(device)


_characters = lru_cache(maxsize=1)(read_characters)


def split_ids(split: OmniglotSplit) -> tuple[int, ...]:
    """Official numbers, 1 … 1623, of the characters of a split."""
    facts = _facts()
    ranges = facts["vinyals"].get(split) or [r[1:] for r in facts["alphabets"][split]]
    return tuple(number for first, last in ranges for number in range(first, last + 1))


def character_names() -> dict[int, str]:
    """Official number → alphabet and character, as in the archives: "Balinese/character01"."""
    return {
        number: f"{alphabet}/character{number - first + 1:02d}"
        for part in ("background", "evaluation")
        for alphabet, first, last in _facts()["alphabets"][part]
        for number in range(first, last + 1)
    }


@lru_cache(maxsize=1)
def _facts() -> dict[str, Any]:
    text = (files("labkit") / "data/omniglot/characters.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts
