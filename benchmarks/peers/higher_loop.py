"""A loop over the tasks with higher's differentiable copy of a module."""

from typing import final

import higher
import torch
from torch import Tensor

from benchmarks.peers.torch_networks import compare, module
from benchmarks.peers.torch_peer import TorchPeer
from benchmarks.peers.torch_tasks import Data
from benchmarks.peers.work import Arrays
from labkit.core.types import Params


@final
class HigherLoop(TorchPeer):
    """As in higher's own example of MAML: `innerloop_ctx` for each task."""

    def make(self, theta: Arrays, dtype: torch.dtype) -> Params:
        """The module's parameters."""
        self._model = module(self.work, theta, dtype)
        self._inner = torch.optim.SGD(self._model.parameters(), lr=self.alpha)
        return dict(self._model.named_parameters())

    def backward(self, support: Data, query: Data) -> Tensor:
        """Task after task, each with a backward pass of its own."""
        exact, total = self.work.order == 2, torch.zeros(())
        for x, y, query_x, query_y in zip(*support, *query, strict=True):
            with higher.innerloop_ctx(
                self._model, self._inner, copy_initial_weights=False, track_higher_grads=exact
            ) as (fast, inner):
                for _ in range(self.work.inner_steps):
                    inner.step(compare(self.work, fast(x), y))
                loss = compare(self.work, fast(query_x), query_y) / self.work.meta_batch
                if exact:
                    torch.autograd.backward(loss)
                else:
                    # steps that are not tracked cut θ' off from θ: ∂θ'/∂θ = 1 is put in by hand
                    for p, g in zip(
                        self._model.parameters(),
                        torch.autograd.grad(loss, list(fast.parameters())),
                        strict=True,
                    ):
                        p.grad = g if p.grad is None else p.grad + g
            total = total + loss.detach()
        return total
