"""The multilayer perceptron with one set of weights per task, batched by hand."""

from typing import final

import torch
from torch import Tensor

from benchmarks.peers.torch_networks import tensors
from benchmarks.peers.torch_peer import TorchPeer
from benchmarks.peers.torch_tasks import Data
from benchmarks.peers.work import Arrays
from labkit.core.types import Params


@final
class HandBatched(TorchPeer):
    """What one writes for this one network, to be rid of the loop over tasks."""

    def make(self, theta: Arrays, dtype: torch.dtype) -> Params:
        """Leaves that require a gradient, by name."""
        return {n: t.requires_grad_() for n, t in tensors(theta, dtype).items()}

    def backward(self, support: Data, query: Data) -> Tensor:
        """Unroll all tasks together; their losses are apart, so one gradient serves them all."""
        x, y = support
        # (tasks, inputs, outputs) and (tasks, 1, outputs)
        fast = [
            (p.mT if p.ndim == 2 else p[None]).expand(len(x), -1, -1) for p in self.params.values()
        ]
        for _ in range(self.work.inner_steps):
            slopes = torch.autograd.grad(
                _task_losses(fast, x, y).sum(), fast, create_graph=self.work.order == 2
            )
            fast = [w - self.alpha * g for w, g in zip(fast, slopes, strict=True)]
        mean = _task_losses(fast, *query).mean()
        torch.autograd.backward(mean)
        return mean


def _task_losses(fast: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of each task, (tasks,)."""
    w1, b1, w2, b2, w3, b3 = fast
    x = torch.relu(torch.baddbmm(b1, x, w1))
    x = torch.relu(torch.baddbmm(b2, x, w2))
    return (torch.baddbmm(b3, x, w3) - y).square().mean((1, 2))
