"""What meta-training moves, θ and a learned α, and the optimiser that moves them."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit.core.algorithm import Algorithm
from labkit.core.checks import is_number
from labkit.core.step_sizes import AlphaTensors, AnyAlpha, LearnedAlpha
from labkit.core.types import Params
from labkit.training.learned_alpha import LearnedSizes, check_form
from labkit.training.parameters import MetaOptimizer, make_optimizer


class MetaParameters:
    """θ and, where an algorithm learns it, α.

    Args:
        params: θ; moved in place.
        meta_optimizer: "adam" or "sgd".
        beta: β ≥ 0, meta step size of θ.
    """

    def __init__(self, params: Params, meta_optimizer: MetaOptimizer, beta: float) -> None:
        self.params = params
        self._meta_optimizer: MetaOptimizer = meta_optimizer
        self._optimizer = make_optimizer(meta_optimizer, list(params.values()))
        self._sizes: LearnedSizes | None = None
        self.beta = beta

    @property
    def meta_optimizer(self) -> MetaOptimizer:
        """What moves θ; another one starts without memory of earlier gradients."""
        return self._meta_optimizer

    @meta_optimizer.setter
    def meta_optimizer(self, value: MetaOptimizer) -> None:
        if value == self._meta_optimizer:
            return
        beta = self.beta
        self._optimizer = make_optimizer(value, list(self.params.values()))
        self._meta_optimizer = value
        self.beta = beta
        if self._sizes is not None:
            self._sizes.join(self._optimizer)

    @property
    def names(self) -> frozenset[str]:
        """Names of θ's tensors."""
        return frozenset(self.params)

    @property
    def beta(self) -> float:
        """β, the meta step size of θ."""
        return float(self._optimizer.param_groups[0]["lr"])

    @beta.setter
    def beta(self, value: float) -> None:
        if not is_number(value) or not 0 <= value < float("inf"):
            raise ValueError(f"beta must be a finite number ≥ 0, got {value!r}")
        self._optimizer.param_groups[0]["lr"] = value

    def serve(self, algorithm: Algorithm) -> None:
        """Learn α as this algorithm wants it; values learned in the same form stay."""
        spec = algorithm.alpha if isinstance(algorithm.alpha, LearnedAlpha) else None
        adapted = algorithm.adapted(self.params) if spec else {}
        if self._sizes is not None and not (spec and self._sizes.fits(spec, adapted)):
            self._sizes.remove()
            self._sizes = None
        if spec is not None:
            if self._sizes is None:
                self._sizes = LearnedSizes(spec, adapted, algorithm.inner_steps, self._optimizer)
            self._sizes.beta = spec.beta

    def alpha(self, algorithm: Algorithm) -> AnyAlpha:
        """α now: the algorithm's own, or what has been learned so far."""
        return algorithm.alpha if self._sizes is None else self._sizes.values(algorithm.inner_steps)

    def move(self, gradient: Params, alpha: AlphaTensors | None, clip: float | None) -> None:
        """One step of the optimiser by the gradients of θ, shortened to norm `clip`, and of α."""
        for name, param in self.params.items():
            param.grad = gradient[name]
        if clip is not None:
            nn.utils.clip_grad_norm_(self.params.values(), clip)
        if self._sizes is not None and alpha is not None:
            self._sizes.take_gradient(alpha)
        self._optimizer.step()

    def state(self) -> dict[str, Any]:
        """What `restore` takes: a copy, part of a checkpoint."""
        # clones, since deepcopy takes the gradients along
        return {
            "params": {name: p.detach().clone() for name, p in self.params.items()},
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            "meta_optimizer": self.meta_optimizer,
            "alpha": None if self._sizes is None else self._sizes.state(),
        }

    def restore(self, state: dict[str, Any], path: str | Path) -> None:
        """Take up a copy of a state of these shapes and this optimiser.

        Raises:
            ValueError: α was learned in another form; nothing is changed then.
        """
        saved = state.get("alpha")
        check_form(self._sizes, saved, path)
        if self._sizes is not None and saved is not None:
            self._sizes.restore(saved["rows"])
        # load_state_dict itself keeps tensors that it need not convert
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        with torch.no_grad():
            for name, param in self.params.items():
                param.copy_(state["params"][name])
