"""Portraits of image tasks: made from a batch of one task, whatever family it comes from."""

from collections.abc import Sequence

import torch
from torch import Tensor

from labkit.tasks.family import ImagePortrait, Predictor, TaskBatch

_TOLERANCE = 1e-3
"""How far from [0, 1] rounding in half precision may take a pixel."""


def image_portrait(
    task: TaskBatch,
    predictors: Sequence[Predictor],
    names: Sequence[str],
    attribution: str = "",
) -> ImagePortrait:
    """Portrait of one task of telling images apart, for the `portrait` of any image family.

    Each predictor sees all query images of the task at once, as it does when it is measured:
    batch norm by the statistics of the batch would tell a smaller batch something else. Of the
    query images of a class the first is drawn.

    Args:
        task: Support and query (x, y) of one task; x (1, points, channels, height, width) in
            [0, 1] with 1 or 3 channels, y (1, points) with labels 0 … ways − 1, as many support
            images of one class as of another.
        predictors: f after 0 … K inner steps, each gives logits (points, ways).
        names: Name of the class of each label, (ways).
        attribution: Whose images these are.

    Raises:
        ValueError: There is more than one task, or images, labels, names and logits do not fit
            one another; the message says which.

    Example:
        >>> x = torch.tensor([0.0, 0.2, 0.8, 1.0]).view(1, 4, 1, 1, 1)
        >>> y = torch.tensor([[0, 0, 1, 1]])
        >>> task = TaskBatch(support=(x, y), query=(x, y))
        >>> bright = lambda x: torch.cat([1 - x.flatten(1), x.flatten(1)], dim=1)
        >>> portrait = image_portrait(task, [bright], ["dark", "light"])
        >>> portrait.support.shape, portrait.query.flatten().tolist()
        (torch.Size([2, 2, 1, 1, 1]), [0, 204])
        >>> portrait.probabilities[0, 1]  # of the light grey: softmax of 0.2 and 0.8
        tensor([0.3543, 0.6457], dtype=torch.float64)
    """
    ways = len(names)
    support, support_at = _points("support", task.support, names)
    query, query_at = _points("query", task.query, names)
    if len({len(rows) for rows in support_at}) != 1:
        counts = {name: len(rows) for name, rows in zip(names, support_at, strict=True)}
        raise ValueError(f"every class needs as many support images as the others, got {counts}")
    first = torch.stack([rows[0] for rows in query_at])
    x_query = task.query[0][0]
    probabilities = [
        _probabilities(predict(x_query), (len(x_query), ways))[first] for predict in predictors
    ]
    return ImagePortrait(
        support=support[torch.stack(support_at)],
        query=query[first],
        names=tuple(names),
        probabilities=torch.stack(probabilities),
        attribution=attribution,
    )


def _points(
    part: str, points: tuple[Tensor, Tensor], names: Sequence[str]
) -> tuple[Tensor, list[Tensor]]:
    """Images as bytes, (points, height, width, channels), and the rows of each label."""
    x, y = (tensor.detach().cpu() for tensor in points)
    if x.ndim != 5 or x.shape[0] != 1 or x.shape[2] not in {1, 3}:
        raise ValueError(
            f"{part} images must be of one task, (1, points, channels, height, width) with 1 or 3 "
            f"channels, got shape {tuple(x.shape)}"
        )
    if not ((x >= -_TOLERANCE) & (x <= 1 + _TOLERANCE)).all():
        raise ValueError(
            f"{part} images must have values from 0 to 1 to be drawn, got {float(x.min()):.3g} to "
            f"{float(x.max()):.3g}: give them to the portrait as they are before normalisation"
        )
    if y.shape != x.shape[:2]:
        raise ValueError(
            f"{part} labels must have shape {tuple(x.shape[:2])}, one for each image, got "
            f"{tuple(y.shape)}"
        )
    rows = [(y[0] == label).nonzero()[:, 0] for label in range(len(names))]
    missing = [name for name, row in zip(names, rows, strict=True) if not len(row)]
    if missing or sum(map(len, rows)) != y.numel():
        raise ValueError(
            f"{part} labels must be 0 … {len(names) - 1}, for the {len(names)} names, each with an "
            f"image, got {sorted(set(y.flatten().tolist()))}"
        )
    return (x[0].double() * 255).round().clamp(0, 255).byte().movedim(1, -1), rows


def _probabilities(logits: Tensor, shape: tuple[int, int]) -> Tensor:
    """Softmax, in float64; nan where the model has diverged."""
    if logits.shape != shape:
        raise ValueError(
            f"a predictor must give logits of shape {shape}, (points, ways), got "
            f"{tuple(logits.shape)}"
        )
    return logits.detach().cpu().double().softmax(-1)
