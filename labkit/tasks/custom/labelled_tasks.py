"""Few-shot classification of labelled points: from two tensors, or from a PyTorch dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.utils.data import IterableDataset

from labkit.tasks.augmentation import TRIAL_POINTS, Augment, augmented, check_augment
from labkit.tasks.classification import Classification, Episodes, EpisodeSampler
from labkit.tasks.custom.groups import Splits, division, group_table, replaced, with_split
from labkit.tasks.custom.image_files import ImageFiles
from labkit.tasks.custom.normalisation import Normalization, Normalize, normalization
from labkit.tasks.family import ImagePortrait, Predictor, Split, TaskBatch, check_split
from labkit.tasks.images import image_portrait
from labkit.tasks.uneven import Padded, size_range

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

    With a range of shots, each number in it is equally likely for each task, the same for all its
    classes, and the task counts as if it had no others.

    Images of bytes, uint8 (points, channels, height, width), become floats in [0, 1], divided by
    255. All other values stay as they are: integers, such as the ids of tokens, are never cast,
    whatever the precision of θ. `augment` and then `normalize` alter the points; a learner measures
    on tasks without augmentation, of whatever split.

    Args:
        x: The points, floating-point, integers or truth values, (points, …); images are (points,
            channels, height, width). `image_folder` gives files in place of a tensor.
        y: Class of each point, whole numbers or texts, (points,).
        ways: N ≥ 1, classes per task, at most those of the smallest split.
        shots: K ≥ 1, support points per class; or the least and the most, such as (1, 10).
        queries: Query points per class, ≥ 1.
        split: "train", "validation" or "test".
        split_seed: ≥ 0, decides which classes are in which split.
        splits: The classes of each split, {"train": […], "validation": […], "test": […]}; classes
            in none are left out. None: at random, by `split_seed`.
        normalize: x ← (x − m) / s for each channel of images, for each column (the last axis) of
            other points. "train": m and s, the mean and the standard deviation over all points of
            the *training* classes alone, serve in every split. (m, s): given ones, numbers or one
            for each channel, for values in [0, 1] of images of bytes. None: as they are.
        augment: (x, generator) → x, which alters training points at random, all support or all
            query points of a batch in one call: images (images, channels, height, width), before
            they are normalised. Every random number must come from the generator. It is called for
            tasks of the split "train" alone.

    Raises:
        ValueError: x and y do not fit together or x is not finite; there are fewer classes in a
            split than ways, a class has too few points, which the message names; points cannot be
            normalised; or a trial on some points shows that `augment` alters their shape or uses
            random numbers that are not of its generator.

    Example:
        >>> x = torch.rand(200, 4)
        >>> family = LabelledTasks(x, torch.arange(200) % 20, ways=3, shots=2, queries=5)
        >>> batch = family.on("test").sample(8, torch.Generator().manual_seed(0))
        >>> batch.support[0].shape, batch.query[1].shape
        (torch.Size([8, 6, 4]), torch.Size([8, 15]))
    """

    x: Tensor | ImageFiles = field(repr=False)
    y: Labels = field(repr=False)
    ways: int = 5
    shots: int | tuple[int, int] = 1
    queries: int = 1
    split: Split = "train"
    split_seed: int = 0
    splits: Splits | None = field(default=None, repr=False)
    normalize: Normalize | None = field(default=None, kw_only=True)
    augment: Augment | None = field(default=None, kw_only=True, repr=False)
    _normalization: Normalization | None = field(init=False, default=None, repr=False)
    _parts: dict[Split, _Part] = field(init=False, repr=False)
    _images: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_split(self.split)
        size_range("shots", self.shots)
        names, number = _numbered(self.y)
        if not isinstance(self.x, ImageFiles):
            _check_points(self.x, len(number))
            object.__setattr__(self, "x", self.x.detach())
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
        object.__setattr__(self, "_parts", parts)
        object.__setattr__(self, "_images", _are_images(self.x))
        if self.normalize is not None:
            if isinstance(self.x, Tensor) and not (self._bytes or self.x.is_floating_point()):
                raise ValueError(
                    f"normalize is for floating-point numbers and images of bytes, x is "
                    f"{self.x.dtype}, which stays as it is: x.float() for quantities"
                )
            training = table.rows[members["train"]][table.present[members["train"]]]
            by = normalization(self.normalize, tuple(self.x.shape), self._gather, training)
            object.__setattr__(self, "_normalization", by)
        if self.augment is not None:
            first = parts["train"].rows.flatten()[:TRIAL_POINTS]
            check_augment(self.augment, self._gather(first))

    def on(self, split: Split) -> "LabelledTasks":
        """The same kind of tasks with the classes of another split; the points are shared."""
        return with_split(self, split)

    def without_augmentation(self) -> Self:
        """The same tasks as they are measured on."""
        return self if self.augment is None else replaced(self, augment=None)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes of this split; `info["classes"]` counts them."""
        return self._parts[self.split].names

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x is (tasks, points, …), y (tasks, points); with a range `Padded` support.

        `info` has "classes", (tasks, ways), in the order of the labels, and "support_points" and
        "query_points", (tasks, points), which count the points of `x`, −1 where there is none.
        """
        part = self._parts[self.split]
        episodes = part.sampler.draw(tasks, generator)
        rows = part.rows.to(episodes.classes.device)
        support = rows[episodes.classes.gather(1, episodes.support_labels), episodes.support]
        query = rows[episodes.classes.gather(1, episodes.query_labels), episodes.query]
        labels, real = episodes.support_labels, None
        least, most = size_range("shots", self.shots)
        if least < most:
            shots = torch.randint(
                least, most + 1, (tasks, 1), generator=generator, device=generator.device
            )
            place, real = _first_of_each_class(episodes, self.ways, shots)
            # in place of missing points, the first of the task
            support, labels = (
                part.gather(1, place).where(real, part.gather(1, place)[:, :1])
                for part in (support, labels)
            )
        x_support, x_query = self._points(support, generator), self._points(query, generator)
        data = (x_support, labels.to(x_support.device))
        if real is not None:
            support = support.masked_fill(~real, -1)
        return TaskBatch(
            support=data if real is None else Padded(data, real.to(x_support.device)),
            query=(x_query, episodes.query_labels.to(x_query.device)),
            info={"classes": episodes.classes, "support_points": support, "query_points": query},
        )

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> ImagePortrait | None:
        """Support and query images, and the model's predictions; None if x are not images.

        Images are (points, 1 or 3 channels, height, width), bytes or floats from 0 to 1.
        """
        if not self._images:
            return None
        names = [self.names[i] for i in task.info["classes"][0]]
        if (by := self._normalization) is None:
            return image_portrait(task, predictors, names)
        seen = task.query[0][0]  # exactly; what is drawn has been through rounding
        support, query = ((by.undo(x), y) for x, y in (task.support, task.query))
        pixels = TaskBatch(support, query)
        return image_portrait(pixels, [partial(_at, f, seen) for f in predictors], names)

    def _sampler(self, present: Tensor, names: tuple[str, ...]) -> EpisodeSampler:
        most = size_range("shots", self.shots)[1]
        return EpisodeSampler(present, present, self.ways, most, self.queries, names)

    @property
    def _bytes(self) -> bool:
        return isinstance(self.x, ImageFiles) or _are_bytes_of_images(self.x)

    def _gather(self, number: Tensor) -> Tensor:
        """Points by their numbers, (points, …); images of bytes as floats in [0, 1]."""
        if isinstance(self.x, ImageFiles):
            points = self.x.read(number)
        else:
            points = self.x.index_select(0, number.to(self.x.device))
        return points.float().div_(255) if self._bytes else points

    def _points(self, number: Tensor, generator: torch.Generator) -> Tensor:
        """Points as a model sees them, (tasks, points, …)."""
        # as one list, which gathers faster than a table of indices
        points = self._gather(number.flatten())
        if self.augment is not None and self.split == "train":
            points = augmented(self.augment, points, generator)
        if self._normalization is not None:
            points = self._normalization.apply(points)
        return points.reshape(*number.shape, *points.shape[1:])


def _first_of_each_class(episodes: Episodes, ways: int, shots: Tensor) -> tuple[Tensor, Tensor]:
    """The first support points of each class, in their order, and then the others.

    Args:
        episodes: With as many support points for each class as there are in any task.
        ways: N.
        shots: K of each task, (tasks, 1).

    Returns:
        Places of the points, and which of those belong to the task, bool, (tasks, points).
    """
    of_class = one_hot(episodes.support_labels, ways)  # (tasks, points, ways)
    rank = (of_class.cumsum(1) * of_class).sum(-1)  # from 1, within the class
    place = (rank > shots).long().argsort(dim=1, stable=True)
    return place, torch.arange(place.shape[1], device=place.device) < ways * shots


def _at(predict: Predictor, x: Tensor, _: Tensor) -> Any:
    """Predictions at x, whatever is asked."""
    return predict(x)


def _are_bytes_of_images(x: Tensor) -> bool:
    return x.dtype == torch.uint8 and x.ndim == 4


def _are_images(x: Tensor | ImageFiles) -> bool:
    if isinstance(x, ImageFiles):
        return True
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
    shots: int | tuple[int, int] = 1,
    queries: int = 1,
    split: Split = "train",
    split_seed: int = 0,
    splits: Splits | None = None,
    normalize: Normalize | None = None,
    augment: Augment | None = None,
) -> LabelledTasks:
    """Make few-shot tasks of a map-style dataset: anything with a length and pairs (x, label).

    Every item is read immediately, once, and kept in memory: a random transform is applied only
    that one time, so give it as `augment`.

    Args:
        dataset: Such as `torch.utils.data.TensorDataset`, or a list of pairs. x is a tensor or
            numpy array of the same shape and type in each, as for `LabelledTasks`; the label a
            whole number, a text or a 0-d tensor of whole numbers.
        ways: N ≥ 1, classes per task.
        shots: K ≥ 1, support points per class; or the least and the most, such as (1, 10).
        queries: Query points per class, ≥ 1.
        split: "train", "validation" or "test", which share no class.
        split_seed: ≥ 0, decides which classes are in which split.
        splits: As for `LabelledTasks`.
        normalize: As for `LabelledTasks`.
        augment: As for `LabelledTasks`.

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
    options = (ways, shots, queries, split, split_seed, splits)
    return LabelledTasks(
        torch.stack(points), labels, *options, normalize=normalize, augment=augment
    )


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
