"""What families of regression tasks share: a squared error that refuses to broadcast."""

from torch import Tensor
from torch.nn.functional import mse_loss


def squared_error(prediction: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of a prediction against y of the same shape; 0-d.

    Raises:
        ValueError: The shapes differ; (points, 1) against (points,) would otherwise compare every
            point with every other.

    Example:
        >>> import torch
        >>> squared_error(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]]))
        tensor(2.)
    """
    if prediction.shape != y.shape:
        raise ValueError(
            f"the model gives shape {tuple(prediction.shape)} for one task, and y has "
            f"{tuple(y.shape)}: both must be the same, such as (points, 1)"
        )
    return mse_loss(prediction, y)
