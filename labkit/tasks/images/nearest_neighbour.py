"""The simplest answer to few-shot classification: the class of the most similar support point."""

import torch
from torch import Tensor


def nearest_neighbour(x_support: Tensor, y_support: Tensor, x_query: Tensor) -> Tensor:
    """Give each query point the class of its nearest support point, by Euclidean distance.

    ŷ = y_j with j = argmin_j ‖x − x_j‖², over all numbers of a point, such as an image's pixels.

    Args:
        x_support: Support points, (tasks, shots, …).
        y_support: Their classes, (tasks, shots).
        x_query: Query points, (tasks, queries, …).

    Returns:
        Classes, (tasks, queries).

    Raises:
        ValueError: The shapes do not fit.

    Source:
        The baseline in pixel space of Vinyals et al. 2016, arXiv:1606.04080, §4.1, but for their
        use of cosine similarity.

    Example:
        >>> x, y = torch.tensor([[[0.0], [4.0]]]), torch.tensor([[7, 9]])
        >>> nearest_neighbour(x, y, torch.tensor([[[1.0], [3.0], [9.0]]]))
        tensor([[7, 9, 9]])
    """
    if (
        x_support.ndim < 3
        or x_support.shape[:2] != y_support.shape
        or x_query.shape[:1] + x_query.shape[2:] != x_support.shape[:1] + x_support.shape[2:]
    ):
        raise ValueError(
            "x_support must be (tasks, shots, …), y_support (tasks, shots) and x_query (tasks, "
            f"queries, …), got {tuple(x_support.shape)}, {tuple(y_support.shape)} and "
            f"{tuple(x_query.shape)}"
        )
    query, support = (x.flatten(2).double() for x in (x_query, x_support))
    # not by matrix products, which lose small distances between large numbers
    distance = torch.cdist(query, support, compute_mode="donot_use_mm_for_euclid_dist")
    return y_support.gather(1, distance.argmin(-1))  # of (tasks, queries, shots)
