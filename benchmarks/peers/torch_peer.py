"""What the peers in torch share: Adam on θ, drawing, and the gradient on given tasks."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from benchmarks.peers.torch_tasks import Data, Tasks, as_data
from benchmarks.peers.work import Arrays, Gradient, Points, Work
from labkit.core.types import Params


class TorchPeer(ABC):
    """One learner, moved by torch's Adam.

    Args:
        work: What to do; α of one learner.
        theta: θ.
        dtype: Of θ.
    """

    def __init__(self, work: Work, theta: Arrays, dtype: torch.dtype = torch.float32) -> None:
        self.work = work
        (self.alpha,) = work.alphas
        self._theta = theta
        self.params = self.make(theta, dtype)
        self._optimizer = torch.optim.Adam(self.params.values(), lr=work.beta)
        self._tasks = Tasks(work)

    @abstractmethod
    def make(self, theta: Arrays, dtype: torch.dtype) -> Params:
        """Leaves that require a gradient, by name."""

    @abstractmethod
    def backward(self, support: Data, query: Data) -> Tensor:
        """Add the meta-gradient to `.grad` of θ, and give the mean query loss, 0-d."""

    def train(self, meta_steps: int) -> None:
        """Take meta-steps on tasks of its own; the loss is read each time."""
        for _ in range(meta_steps):
            self._optimizer.zero_grad()
            self.backward(*self._tasks.draw()).item()
            self._optimizer.step()

    def meta_gradient(self, support: Points, query: Points) -> Gradient:
        """At the first θ, in float64."""
        twin = type(self)(self.work, self._theta, torch.float64)
        loss = twin.backward(as_data(support), as_data(query))
        slopes = {name: p.grad for name, p in twin.params.items()}
        return Gradient(
            loss.detach().numpy()[None],
            {name: g.numpy()[None] for name, g in slopes.items() if g is not None},
        )
