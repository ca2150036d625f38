"""Few-shot classification from a PyTorch dataset."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from labkit.tasks.custom.labelled_tasks import LabelledTasks, class_of
from labkit.tasks.family import Split


def dataset_tasks(
    dataset: Any,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 1,
    split: Split = "train",
    split_seed: int = 0,
) -> LabelledTasks:
    """Make few-shot tasks of a map-style dataset: anything with a length and pairs (x, label).

    Every item is read once, now, and kept in memory as it is then: a transform that is random has
    no more effect afterwards.

    Args:
        dataset: Such as `torch.utils.data.TensorDataset`, or a list of pairs. x is a tensor or
            numpy array, bytes or floating-point, of the same shape in each; the label a whole
            number, a text or a 0-d tensor of whole numbers.
        ways: N ≥ 1, classes per task.
        shots: K ≥ 1, support points per class.
        queries: Query points per class, ≥ 1.
        split: "train", "validation" or "test", which share no class.
        split_seed: ≥ 0, decides which classes are in which split.

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
            f"{type(dataset).__name__}: list(dataset) makes such of one that is iterated over"
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
    return LabelledTasks(torch.stack(points), labels, ways, shots, queries, split, split_seed)


def _read(number: int, item: Any) -> tuple[Tensor, int | str]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        size = f" of {len(item)}" if isinstance(item, tuple | list) else ""
        raise ValueError(
            f"every item must be a pair (x, label), item {number} is {type(item).__name__}{size}: "
            "a list of pairs made of the items serves, such as [(item[0], item[1]) for item in "
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
    return x.detach().clone(), of  # datasets may use the memory of an item again


def _kind(x: Tensor) -> str:
    return f"{tuple(x.shape)} {x.dtype}"
