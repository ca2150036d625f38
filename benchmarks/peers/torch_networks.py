"""The networks for peers that use torch: as a module, and written out with given parameters."""

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, cross_entropy, linear, mse_loss, relu

from benchmarks.peers.work import NORM_EPSILON, WAYS, Arrays, Work
from labkit import conv4, sinusoid_mlp
from labkit.core.types import Params
from labkit.training.model.batch_norm import set_batch_norm


def module(work: Work, theta: Arrays, dtype: torch.dtype) -> nn.Module:
    """This project's network with these values; batch norm by the statistics of each batch."""
    generator = torch.Generator().manual_seed(0)
    if work.network == "mlp":
        model = sinusoid_mlp(generator, width=work.width).to(dtype)
    else:
        model = conv4(generator, WAYS, filters=work.width).to(dtype)
        set_batch_norm(model, "transductive")
        for number in (1, 2, 3, 4):
            # the constant 1 as a buffer: not every peer can pass by a parameter that does not learn
            norm = model.get_submodule(f"norm{number}")
            del norm.weight
            norm.register_buffer("weight", torch.ones(work.width, dtype=dtype), persistent=False)
    model.load_state_dict(tensors(theta, dtype))
    return model


def tensors(theta: Arrays, dtype: torch.dtype) -> Params:
    """Copies as tensors."""
    return {name: torch.tensor(value, dtype=dtype) for name, value in theta.items()}


def predict(work: Work, params: Params, x: Tensor) -> Tensor:
    """The same function as the module's, of one task's inputs."""
    if work.network == "mlp":
        x = relu(linear(x, params["0.weight"], params["0.bias"]))
        x = relu(linear(x, params["2.weight"], params["2.bias"]))
        return linear(x, params["4.weight"], params["4.bias"])
    for number in (1, 2, 3, 4):
        x = conv2d(x, params[f"conv{number}.weight"], stride=2, padding=1)
        shift = params[f"norm{number}.bias"]
        # its double backward needs a weight
        ones = torch.ones_like(shift)
        x = relu(batch_norm(x, None, None, ones, shift, training=True, eps=NORM_EPSILON))
    return linear(x.mean((-2, -1)), params["head.weight"], params["head.bias"])


def compare(work: Work, outputs: Tensor, targets: Tensor) -> Tensor:
    """Loss of one task, 0-d: mean squared error, or mean cross-entropy."""
    return (mse_loss if work.network == "mlp" else cross_entropy)(outputs, targets)
