"""Few-shot classification of any points that have labels and are held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import final

import numpy as np
import torch
from torch import Tensor

from labkit.tasks.classification import Classification
from labkit.tasks.custom.groups import group_table
from labkit.tasks.custom.splits import divide, with_split
from labkit.tasks.episodes import EpisodeSampler
from labkit.tasks.family import ImagePortrait, Predictor, Split, TaskBatch, check_split
from labkit.tasks.images import image_portrait

Labels = Tensor | Sequence[int] | Sequence[str]
"""Class of each point: whole numbers or texts."""


@final
@dataclass(frozen=True, slots=True)
class _Part:
    """The classes of one split."""

    names: tuple[str, ...]
    rows: Tensor  # points of each class, (classes, points of the largest), as in `GroupTable`
    sampler: EpisodeSampler


@final
@dataclass(frozen=True, slots=True, eq=False)
class LabelledTasks(Classification):
    """N-way K-shot tasks over points with labels: give two tensors, get a task family.

    A task is `ways` different classes with the labels 0 … ways − 1 in a random order, and for
    each class `shots` support and `queries` query points, all different. Whole classes are
    divided at random, 70 % for training, 15 % for validation, 15 % for the test, at least one
    each, so that a test task holds only classes that training never saw. A batch of tasks is drawn
    and gathered by index, on the device where the points are.

    Bytes become floats in [0, 1], divided by 255; floating-point values stay as they are.

    Args:
        x: The points, uint8 or floating-point, (points, …); images are (points, channels, height,
            width).
        y: Class of each point, whole numbers or texts, (points,).
        ways: N ≥ 1, classes per task, at most those of the smallest split.
        shots: K ≥ 1, support points per class.
        queries: Query points per class, ≥ 1.
        split: "train", "validation" or "test".
        split_seed: ≥ 0, decides which classes are in which split.

    Raises:
        ValueError: x and y do not fit together or x is not finite; there are fewer classes in a
            split than ways, or a class has too few points, which the message names.

    Example:
        >>> x = torch.rand(200, 4)
        >>> family = LabelledTasks(x, torch.arange(200) % 20, ways=3, shots=2, queries=5)
        >>> batch = family.on("test").sample(8, torch.Generator().manual_seed(0))
        >>> batch.support[0].shape, batch.query[1].shape
        (torch.Size([8, 6, 4]), torch.Size([8, 15]))
    """

    x: Tensor = field(repr=False)
    y: Labels = field(repr=False)
    ways: int = 5
    shots: int = 1
    queries: int = 1
    split: Split = "train"
    split_seed: int = 0
    _parts: dict[Split, _Part] = field(init=False, repr=False)
    _images: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_split(self.split)
        names, number = _numbered(self.y)
        _check_points(self.x, len(number))
        table = group_table(number, len(names))
        # all classes: one that is too small says so before it is met in another split
        self._sampler(table.present, names)
        members = divide(len(names), self.split_seed, "classes")
        if self.ways > (least := min(map(len, members.values()))):
            raise ValueError(
                f"ways={self.ways}, but the {len(names)} classes are divided into "
                f"{len(members['train'])} for training, {len(members['validation'])} for "
                f"validation and {len(members['test'])} for the test: take ways ≤ {least} or give "
                "more classes"
            )
        parts = {}
        for split, chosen in members.items():
            own = tuple(names[i] for i in chosen.tolist())
            sampler = self._sampler(table.present[chosen], own)
            parts[split] = _Part(own, table.rows[chosen], sampler)
        object.__setattr__(self, "x", self.x.detach())
        object.__setattr__(self, "_parts", parts)
        object.__setattr__(self, "_images", _are_images(self.x))

    def on(self, split: Split) -> "LabelledTasks":
        """The same kind of tasks with the classes of another split; the points are shared."""
        return with_split(self, split)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes of this split; `info["classes"]` counts them."""
        return self._parts[self.split].names

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x is floating-point, (tasks, points, …), y (tasks, points).

        `info` has "classes", (tasks, ways), in the order of the labels, and "support_points" and
        "query_points", (tasks, points), which count the points of `x`.
        """
        part = self._parts[self.split]
        drawn = part.sampler.draw(tasks, generator)
        rows = part.rows.to(drawn.classes.device)
        support = rows[drawn.classes.gather(1, drawn.support_labels), drawn.support]
        query = rows[drawn.classes.gather(1, drawn.query_labels), drawn.query]
        device = self.x.device
        return TaskBatch(
            support=(self._points(support), drawn.support_labels.to(device)),
            query=(self._points(query), drawn.query_labels.to(device)),
            info={"classes": drawn.classes, "support_points": support, "query_points": query},
        )

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> ImagePortrait | None:
        """Support and query images and what the model takes them for; None if x are no images.

        Images are (points, 1 or 3 channels, height, width), bytes or floats from 0 to 1.
        """
        if not self._images:
            return None
        return image_portrait(task, predictors, [self.names[i] for i in task.info["classes"][0]])

    def _sampler(self, present: Tensor, names: tuple[str, ...]) -> EpisodeSampler:
        return EpisodeSampler(present, present, self.ways, self.shots, self.queries, names)

    def _points(self, number: Tensor) -> Tensor:
        """Points by their numbers, (tasks, points, …)."""
        # as one list, which gathers faster than a table of indices
        points = self.x.index_select(0, number.flatten().to(self.x.device))
        if not points.is_floating_point():
            points = points.float().div_(255)
        return points.reshape(*number.shape, *points.shape[1:])


def _are_images(x: Tensor) -> bool:
    if x.ndim != 4 or x.shape[1] not in {1, 3}:
        return False
    return x.dtype == torch.uint8 or bool(((x >= 0) & (x <= 1)).all())


def class_of(label: object) -> int | str | None:
    """A label as a plain number or text, so that 3, numpy's 3 and torch's 3 are one class.

    Returns:
        None for what is no label.
    """
    if isinstance(label, Tensor | np.ndarray) and label.ndim == 0:
        label = label.item()
    if isinstance(label, Integral):
        return int(label)
    return str(label) if isinstance(label, str) else None


def _numbered(y: Labels) -> tuple[tuple[str, ...], Tensor]:
    """Names of the classes, in order, and the number of the class of each point."""
    plain: list[int | str] = []
    for point, label in enumerate(y.tolist() if isinstance(y, Tensor) else y):
        value = class_of(label)
        if value is None:
            raise ValueError(
                f"y must be the class of each point, whole numbers or texts, (points,); that of "
                f"point {point} is {label!r}"[:300]
            )
        plain.append(value)
    # numbers in their order, then texts in theirs
    classes = sorted(set(plain), key=lambda value: (isinstance(value, str), value))
    names = list(map(str, classes))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"y has the class {twice[0]!r} both as a number and as a text: make all labels of one "
            "kind, [str(label) for label in y]"
        )
    place = {value: i for i, value in enumerate(classes)}
    return tuple(names), torch.tensor([place[value] for value in plain])


def _check_points(x: Tensor, labels: int) -> None:
    if not isinstance(x, Tensor) or not (x.dtype == torch.uint8 or x.is_floating_point()):
        got = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"x must be a tensor of bytes (uint8, which are divided by 255) or floating-point, "
            f"got {got}: x.float() makes floats of whole numbers"
        )
    if x.ndim < 2 or len(x) != labels or not x.numel():
        raise ValueError(
            f"x must be (points, …) with one point for each of the {labels} labels, got shape "
            f"{tuple(x.shape)}"
        )
    if x.is_floating_point() and not (finite := x.isfinite().flatten(1).all(1)).all():
        bad = (~finite).nonzero().flatten()
        raise ValueError(
            f"x has values that are not finite in {len(bad)} of {len(x)} points, the first in "
            f"point {int(bad[0])}: leave those points out, x[x.isfinite().flatten(1).all(1)]"
        )
