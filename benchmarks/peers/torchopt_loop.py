"""A loop over the tasks with TorchOpt's differentiable optimiser."""

from typing import final

import torch
import torchopt
from torch import Tensor

from benchmarks.peers.torch_networks import compare, module
from benchmarks.peers.torch_peer import TorchPeer
from benchmarks.peers.torch_tasks import Data
from benchmarks.peers.work import Arrays
from labkit.core.types import Params


@final
class TorchOptLoop(TorchPeer):
    """As in TorchOpt's own example of MAML: `MetaSGD`, and the module put back after each task."""

    def make(self, theta: Arrays, dtype: torch.dtype) -> Params:
        """The module's parameters."""
        self._model = module(self.work, theta, dtype)
        self._inner = torchopt.MetaSGD(self._model, lr=self.alpha)
        return dict(self._model.named_parameters())

    def backward(self, support: Data, query: Data) -> Tensor:
        """Unroll one task after the other, and go back through all of them at once."""
        exact, losses = self.work.order == 2, []
        start = torchopt.extract_state_dict(self._model, by="reference")
        memory = torchopt.extract_state_dict(self._inner, by="reference")
        for x, y, query_x, query_y in zip(*support, *query, strict=True):
            for _ in range(self.work.inner_steps):
                self._inner.step(compare(self.work, self._model(x), y))
                if not exact:
                    torchopt.stop_gradient(self._model)
            losses.append(compare(self.work, self._model(query_x), query_y))
            if not exact:
                self._add_slopes(losses[-1])
            torchopt.recover_state_dict(self._model, start)
            torchopt.recover_state_dict(self._inner, memory)
        mean = torch.stack(losses).mean()
        if exact:
            torch.autograd.backward(mean)
        return mean

    def _add_slopes(self, loss: Tensor) -> None:
        """First order: ∂θ'/∂θ = 1 is put in by hand."""
        fast = dict(self._model.named_parameters())
        slopes = torch.autograd.grad(loss / self.work.meta_batch, [fast[n] for n in self.params])
        for p, g in zip(self.params.values(), slopes, strict=True):
            p.grad = g if p.grad is None else p.grad + g
