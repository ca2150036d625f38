"""Few-shot classification of labelled points: from two tensors, or from a PyTorch dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from labkit.tasks.classification import Classification, EpisodeSampler
from labkit.tasks.custom.groups import Splits, division, group_table, with_split
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
    each: a test task holds only classes that training never saw. A batch of tasks is drawn
    and gathered by index, on the device where the points are.

    Images of bytes, uint8 (points, channels, height, width), become floats in [0, 1], divided by
    255. All other values stay as they are: integers, such as the ids of tokens, are never cast,
    whatever the precision of θ.

    Args:
        x: The points, floating-point, integers or truth values, (points, …); images are (points,
            channels, height, width).
        y: Class of each point, whole numbers or texts, (points,).
        ways: N ≥ 1, classes per task, at most those of the smallest split.
        shots: K ≥ 1, support points per class.
        queries: Query points per class, ≥ 1.
        split: "train", "validation" or "test".
        split_seed: ≥ 0, decides which classes are in which split.
        splits: The classes of each split, {"train": […], "validation": […], "test": […]}; classes
            in none are left out. None: at random, by `split_seed`.

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
    splits: Splits | None = field(default=None, repr=False)
    _parts: dict[Split, _Part] = field(init=False, repr=False)
    _images: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_split(self.split)
        names, number = _numbered(self.y)
        _check_points(self.x, len(number))
        table = group_table(number, len(names))
        if self.splits is None:
            # all classes: one that is too small says so before it is met in another split
            self._sampler(table.present, names)
        members = division(names, self.splits, self.split_seed, "classes")
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
        """Draw tasks; x is (tasks, points, …), y (tasks, points).

        `info` has "classes", (tasks, ways), in the order of the labels, and "support_points" and
        "query_points", (tasks, points), which count the points of `x`.
        """
        part = self._parts[self.split]
        episodes = part.sampler.draw(tasks, generator)
        rows = part.rows.to(episodes.classes.device)
        support = rows[episodes.classes.gather(1, episodes.support_labels), episodes.support]
        query = rows[episodes.classes.gather(1, episodes.query_labels), episodes.query]
        device = self.x.device
        return TaskBatch(
            support=(self._points(support), episodes.support_labels.to(device)),
            query=(self._points(query), episodes.query_labels.to(device)),
            info={"classes": episodes.classes, "support_points": support, "query_points": query},
        )

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> ImagePortrait | None:
        """Support and query images, and the model's predictions; None if x are not images.

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
        if _are_bytes_of_images(self.x):
            points = points.float().div_(255)
        return points.reshape(*number.shape, *points.shape[1:])


def _are_bytes_of_images(x: Tensor) -> bool:
    return x.dtype == torch.uint8 and x.ndim == 4


def _are_images(x: Tensor) -> bool:
    if x.ndim != 4 or x.shape[1] not in {1, 3}:
        return False
    bright = x.is_floating_point() and bool(((x >= 0) & (x <= 1)).all())
    return bright or _are_bytes_of_images(x)


def class_of(label: object) -> int | str | None:
    """A label as a plain number or text: 3, numpy's 3 and torch's 3 are one class.

    Returns:
        None if it is not a label.
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
    if not isinstance(x, Tensor) or x.is_complex():
        got = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"x must be a tensor of floating-point numbers, integers or truth values, got {got}: "
            "torch.as_tensor(x) makes one of an array, torch.view_as_real(x) of complex numbers"
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


def dataset_tasks(
    dataset: Any,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 1,
    split: Split = "train",
    split_seed: int = 0,
    splits: Splits | None = None,
) -> LabelledTasks:
    """Make few-shot tasks of a map-style dataset: anything with a length and pairs (x, label).

    Every item is read immediately, once, and kept in memory: a random transform is applied only
    that one time.

    Args:
        dataset: Such as `torch.utils.data.TensorDataset`, or a list of pairs. x is a tensor or
            numpy array of the same shape and type in each, as for `LabelledTasks`; the label a
            whole number, a text or a 0-d tensor of whole numbers.
        ways: N ≥ 1, classes per task.
        shots: K ≥ 1, support points per class.
        queries: Query points per class, ≥ 1.
        split: "train", "validation" or "test", which share no class.
        split_seed: ≥ 0, decides which classes are in which split.
        splits: As for `LabelledTasks`.

    Returns:
        `LabelledTasks`, whose points have the order of the dataset.

    Raises:
        ValueError: The dataset has no length, is empty, or an item is not such a pair; or as for
            `LabelledTasks`.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> dataset = TensorDataset(torch.rand(200, 4), torch.arange(200) % 20)
        >>> family = dataset_tasks(dataset, ways=3, shots=2, queries=5)
        >>> len(family.names), len(family.on("test").names)
        (14, 3)
    """
    map_style = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if not map_style or isinstance(dataset, IterableDataset):
        raise ValueError(
            f"dataset must be map-style, with a length and items by number, got "
            f"{type(dataset).__name__}: list(dataset) turns an iterable dataset into one"
        )
    if not len(dataset):
        raise ValueError("the dataset is empty: it must have items (x, label)")
    items = [_read(number, dataset[number]) for number in range(len(dataset))]
    points, labels = zip(*items, strict=True)
    for number, point in enumerate(points):
        if (point.shape, point.dtype) != (points[0].shape, points[0].dtype):
            raise ValueError(
                f"every x must have the same shape and type: item 0 is {_kind(points[0])}, item "
                f"{number} {_kind(point)}; resize or cut them in the dataset"
            )
    x = torch.stack(points)
    return LabelledTasks(x, labels, ways, shots, queries, split, split_seed, splits)


def _read(number: int, item: Any) -> tuple[Tensor, int | str]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        size = f" of {len(item)}" if isinstance(item, tuple | list) else ""
        raise ValueError(
            f"every item must be a pair (x, label), item {number} is {type(item).__name__}{size}: "
            "pass a list of pairs, such as [(item[0], item[1]) for item in "
            "dataset] or [(item['image'], item['label']) for item in dataset]"
        )
    x, label = item
    if isinstance(x, np.ndarray):
        x = torch.from_numpy(np.array(x))
    if not isinstance(x, Tensor):
        raise ValueError(
            f"x of item {number} is {type(x).__name__}, and must be a tensor or numpy array: give "
            "the dataset a transform, for images numpy.array or torchvision's PILToTensor()"
        )
    if (of := class_of(label)) is None:
        shape = f" of shape {tuple(label.shape)}" if isinstance(label, Tensor | np.ndarray) else ""
        raise ValueError(
            f"label of item {number} is {type(label).__name__}{shape}, and must be a whole number, "
            "a text or a 0-d tensor of whole numbers: int(label), or label.argmax() of scores"
        )
    return x.detach().clone(), of  # datasets may reuse the memory of an item


def _kind(x: Tensor) -> str:
    return f"{tuple(x.shape)} {x.dtype}"
