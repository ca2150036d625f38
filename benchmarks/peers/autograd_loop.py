"""A plain loop over the tasks with `torch.autograd.grad`, the network written out."""

from typing import final

import torch
from torch import Tensor

from benchmarks.peers.torch_networks import compare, predict, tensors
from benchmarks.peers.torch_peer import TorchPeer
from benchmarks.peers.torch_tasks import Data
from benchmarks.peers.work import Arrays
from labkit.core.types import Params


@final
class AutogradLoop(TorchPeer):
    """What one writes without a library."""

    def make(self, theta: Arrays, dtype: torch.dtype) -> Params:
        """Leaves that require a gradient, by name."""
        return {n: t.requires_grad_() for n, t in tensors(theta, dtype).items()}

    def backward(self, support: Data, query: Data) -> Tensor:
        """Unroll one task after the other, and go back through all of them at once."""
        work, losses = self.work, []
        for x, y, query_x, query_y in zip(*support, *query, strict=True):
            fast = self.params
            for _ in range(work.inner_steps):
                loss = compare(work, predict(work, fast, x), y)
                slopes = torch.autograd.grad(
                    loss, list(fast.values()), create_graph=work.order == 2
                )
                fast = {
                    name: w - self.alpha * g
                    for (name, w), g in zip(fast.items(), slopes, strict=True)
                }
            losses.append(compare(work, predict(work, fast, query_x), query_y))
        mean = torch.stack(losses).mean()
        torch.autograd.backward(mean)
        return mean
