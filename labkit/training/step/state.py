"""The state of meta-training: θ, a learned α, and what their optimiser remembers."""

from pathlib import Path
from typing import Any, final

import torch

from labkit.core import (
    Algorithm,
    AlphaTensors,
    AnyAlpha,
    LearnedAlpha,
    Params,
    alpha_tensors,
    is_number,
)
from labkit.training.step.learned_alpha import LearnedSizes, check_form
from labkit.training.step.meta_optimizer import (
    Layout,
    MetaOptimizer,
    Slot,
    check_meta_optimizer,
    memories_of,
    new_slot,
    optimizer_state,
    step_size,
    with_memory,
)
from labkit.training.step.update import MetaState, StepOutput, UpdateRule


@final
class MetaParameters:
    """θ and, where an algorithm learns it, α.

    No tensor is written to: a meta-step returns new ones, which `accept` puts in place.

    Args:
        params: θ.
        meta_optimizer: "adam" or "sgd".
        beta: β ≥ 0, meta step size of θ.
    """

    def __init__(self, params: Params, meta_optimizer: MetaOptimizer, beta: float) -> None:
        check_meta_optimizer(meta_optimizer)
        self._meta_optimizer: MetaOptimizer = meta_optimizer
        self._layout = Layout(params)
        self.like = params
        """Tensors with the shapes, dtypes and devices of θ; cheaper than `params`."""
        self.names = frozenset(params)
        """Names of θ's tensors."""
        self._sizes: LearnedSizes | None = None
        self._params: Params | None = None
        self._set_theta([new_slot(meta_optimizer, vector) for vector in self._layout.flat(params)])
        self.beta = beta
        self._fixed: tuple[Algorithm, AlphaTensors] | None = None
        self._rule: tuple[object, UpdateRule] | None = None
        self.clear_divergence()

    @property
    def params(self) -> Params:
        """θ, name → tensor: views of the flat vectors."""
        if self._params is None:
            self._params = self._layout.params([slot.value for slot in self._theta])
        return self._params

    @property
    def meta_optimizer(self) -> MetaOptimizer:
        """Updates θ; another one starts without memory of earlier gradients."""
        return self._meta_optimizer

    @meta_optimizer.setter
    def meta_optimizer(self, value: MetaOptimizer) -> None:
        if value == self._meta_optimizer:
            return
        check_meta_optimizer(value)
        self._meta_optimizer = value
        self._set_theta([new_slot(value, slot.value) for slot in self._theta])
        if self._sizes is not None:
            self._sizes.restart(value)

    @property
    def beta(self) -> float:
        """β, the meta step size of θ."""
        return self._beta

    @beta.setter
    def beta(self, value: float) -> None:
        if not is_number(value) or not 0 <= value < float("inf"):
            raise ValueError(f"beta must be a finite number ≥ 0, got {value!r}")
        self._beta = float(value)
        self._step_size = step_size(self._beta, self._theta[0].value)

    def configure_alpha(self, algorithm: Algorithm) -> None:
        """Learn α in the form that this algorithm wants; values in the same form stay."""
        spec = algorithm.alpha if isinstance(algorithm.alpha, LearnedAlpha) else None
        adapted = algorithm.adapted(self.params) if spec else {}
        if self._sizes is not None and not (spec and self._sizes.fits(spec, adapted)):
            self._sizes = None
        if spec is None:
            return
        if self._sizes is None:
            steps = algorithm.inner_steps
            self._sizes = LearnedSizes(spec, adapted, steps, self._meta_optimizer)
        self._sizes.configure(spec)

    def alpha(self, algorithm: Algorithm) -> AnyAlpha:
        """α now: the algorithm's own, or what has been learned so far."""
        sizes = self._sizes
        return (
            algorithm.alpha
            if sizes is None
            else sizes.values(sizes.rows_for(algorithm.inner_steps))
        )

    def state_for(self, algorithm: Algorithm) -> MetaState:
        """What a meta-step of the configured algorithm starts from."""
        theta, beta = self._theta, self._step_size
        if self._sizes is not None:
            rows = self._sizes.rows_for(algorithm.inner_steps)
            return MetaState(theta, rows, (), (beta, self._sizes.beta), self._finite)
        if self._fixed is None or self._fixed[0] is not algorithm:
            params, steps = algorithm.adapted(self.params), algorithm.inner_steps
            self._fixed = algorithm, alpha_tensors(algorithm.alpha, params, steps)
        return MetaState(theta, [], self._fixed[1], (beta,), self._finite)

    def rule(self, clip: float | None) -> UpdateRule:
        """How a meta-step updates θ and α.

        Args:
            clip: Longest meta-gradient of θ; None for any.
        """
        args = (self._meta_optimizer, self._sizes, clip)
        if self._rule is None or self._rule[0] != args:
            self._rule = args, UpdateRule(self._layout, *args)
        return self._rule[1]

    def accept(self, output: StepOutput) -> None:
        """Continue from the output of a meta-step."""
        self._finite = output.finite
        self._set_theta(output.theta)
        if self._sizes is not None:
            self._sizes.replace(output.rows)

    def clear_divergence(self) -> None:
        """Allow updates again after a meta-step that was not finite."""
        self._finite = torch.ones((), dtype=torch.bool, device=self._theta[0].value.device)

    def state(self) -> dict[str, Any]:
        """A copy for `restore`, part of a checkpoint."""
        sizes = self._sizes
        rows, betas = (
            ([], [self.beta]) if sizes is None else (sizes.rows, [self.beta, sizes.spec.beta])
        )
        return {
            "params": {name: p.clone() for name, p in self.params.items()},
            "optimizer": optimizer_state(self._layout, self._theta, rows, betas),
            "meta_optimizer": self.meta_optimizer,
            "alpha": None if sizes is None else sizes.state(),
        }

    def restore(self, state: dict[str, Any], path: str | Path) -> None:
        """Continue from a copy of a state with these shapes and this optimiser.

        Raises:
            ValueError: α was learned in another form; nothing changes then.
        """
        saved = state.get("alpha")
        check_form(self._sizes, saved, path)
        memories = memories_of(state["optimizer"])
        params = {name: state["params"][name].to(p) for name, p in self.params.items()}
        vectors = self._layout.flat(params)
        theta = [new_slot(self._meta_optimizer, vector) for vector in vectors]
        self._set_theta(with_memory(self._layout, theta, memories[: len(params)]))
        self.beta = state["optimizer"]["param_groups"][0]["lr"]
        if self._sizes is not None and saved is not None:
            self._sizes.restore(saved["rows"], memories[len(params) :])

    def _set_theta(self, theta: list[Slot]) -> None:
        self._theta = theta
        self._params = None
