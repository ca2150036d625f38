"""The state of meta-training: θ, a learned α, and what their optimiser remembers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from labkit.core import (
    Algorithm,
    Alpha,
    AlphaTensors,
    AnyAlpha,
    LearnedAlpha,
    Params,
    alpha_tensors,
)
from labkit.training.step.beta import Beta, beta_at, check_beta
from labkit.training.step.layout import Slot, memories_of, optimizer_state
from labkit.training.step.learned_alpha import LearnedSizes, check_form
from labkit.training.step.meta_optimizer import MetaOptimizer, optimizer_rule
from labkit.training.step.update import MetaState, StepOutput, UpdateRule


@final
class MetaParameters:
    """θ and, where an algorithm learns it, α.

    No tensor is written to: a meta-step returns new ones, which `accept` puts in place.

    Args:
        params: θ.
        meta_optimizer: What updates θ, and α without weight decay.
        beta: β ≥ 0, meta step size of θ, or a function of the meta-step.
    """

    def __init__(self, params: Params, meta_optimizer: MetaOptimizer, beta: Beta) -> None:
        check_beta(beta)
        self._meta_optimizer = meta_optimizer
        self._optimizer = optimizer_rule(meta_optimizer, params, beta_at(beta, 0))
        self._layout = self._optimizer.layout(params)
        self.like = params
        """Tensors with the shapes, dtypes and devices of θ; cheaper than `params`."""
        self.names = frozenset(params)
        """Names of θ's tensors."""
        self._sizes: LearnedSizes | None = None
        self._params: Params | None = None
        self._set_theta([self._optimizer.start(value) for value in self._layout.flat(params)])
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

    def replace(self, params: Params) -> None:
        """Put another θ in the place of this one; the optimiser keeps its memory.

        Raises:
            ValueError: It has other names or shapes.
        """
        shapes = {name: tuple(p.shape) for name, p in self.like.items()}
        is_dict = isinstance(params, Mapping)
        theirs = {n: tuple(p.shape) for n, p in params.items()} if is_dict else params
        if theirs != shapes:
            raise ValueError(f"params must be name → tensor with shapes {shapes}, got {theirs}")
        here = {name: params[name].detach().to(p) for name, p in self.like.items()}
        vectors = zip(self._layout.flat(here), self._theta, strict=True)
        self._set_theta([Slot(vector.clone(), slot.memory) for vector, slot in vectors])

    def to(self, device: torch.device | str, algorithm: Algorithm) -> "MetaParameters":
        """The same on another device."""
        params = {name: p.to(device) for name, p in self.params.items()}
        copy = MetaParameters(params, self._meta_optimizer, self._beta)
        copy.configure_alpha(algorithm)
        copy.restore(self.state(), "this learner")
        return copy

    @property
    def meta_optimizer(self) -> MetaOptimizer:
        """Updates θ; another one starts without memory of earlier gradients."""
        return self._meta_optimizer

    @meta_optimizer.setter
    def meta_optimizer(self, value: MetaOptimizer) -> None:
        if value == self._meta_optimizer:
            return
        params = self.params
        self._optimizer = optimizer_rule(value, params, self._beta_value)
        self._meta_optimizer = value
        self._layout = self._optimizer.layout(params)
        self._set_theta([self._optimizer.start(each) for each in self._layout.flat(params)])
        self._set_beta(self._beta_value)
        if self._sizes is not None:
            self._sizes.restart(self._optimizer)

    @property
    def optimizer_label(self) -> str:
        """What a checkpoint must have in common with the optimiser, in words."""
        return self._optimizer.label

    @property
    def beta(self) -> Beta:
        """β, the meta step size of θ, or the function that gives it."""
        return self._beta

    @beta.setter
    def beta(self, value: Beta) -> None:
        check_beta(value)
        self._beta = value if callable(value) else float(value)
        self._set_beta(beta_at(self._beta, 0))

    @property
    def scheduled(self) -> bool:
        """Whether β is a function of the meta-step."""
        return callable(self._beta)

    def step_size_at(self, meta_step: int) -> Tensor:
        """β of one meta-step, 0-d."""
        if callable(self._beta):
            self._set_beta(beta_at(self._beta, meta_step))
        return self._step_size

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
            self._sizes = LearnedSizes(spec, adapted, steps, self._optimizer)
        self._sizes.configure(spec)

    def alpha(self, algorithm: Algorithm) -> AnyAlpha:
        """α now: the algorithm's own, or what has been learned so far."""
        sizes = self._sizes
        return (
            algorithm.alpha
            if sizes is None
            else sizes.values(sizes.rows_for(algorithm.inner_steps))
        )

    def replace_alpha(self, algorithm: Algorithm, alpha: Alpha) -> None:
        """Put other values in the place of a learned α; the optimiser keeps its memory.

        Raises:
            ValueError: They do not fit θ, or are not above 0 where α stays positive.
        """
        if self._sizes is not None:
            adapted, steps = algorithm.adapted(self.params), algorithm.inner_steps
            self._sizes.put(alpha_tensors(alpha, adapted, steps))

    def state_for(self, algorithm: Algorithm, meta_step: int) -> MetaState:
        """What a meta-step of the configured algorithm starts from."""
        theta, beta = self._theta, self.step_size_at(meta_step)
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
        args = (self._optimizer, self._sizes, clip)
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
            ([], [self._beta_value])
            if sizes is None
            else (sizes.rows, [self._beta_value, sizes.spec.beta])
        )
        return {
            "params": {name: p.clone() for name, p in self.params.items()},
            "optimizer": optimizer_state(self._layout, self._theta, rows, betas),
            "beta_scheduled": self.scheduled,
            "meta_optimizer": self.optimizer_label,
            "alpha": None if sizes is None else sizes.state(),
        }

    def problem_with(self, state: Mapping[str, Any]) -> str | None:
        """Why `restore` cannot take an optimiser's memory or an α, in words; None: it can.

        Args:
            state: With θ's names and shapes, this optimiser's label, and memories by number.
        """
        saved, memories = state.get("alpha"), state["optimizer"]["state"]
        if saved is not None and not (isinstance(saved, Mapping) and "form" in saved):
            return "its alpha has no form"
        if (None if saved is None else saved["form"]) != (self._sizes and self._sizes.form):
            return None  # `restore` says so
        rows = saved.get("rows") if saved is not None else None
        most = len(self.names)
        if self._sizes is not None and isinstance(rows, list):
            most += len(rows) * len(self._sizes.rows[0])
        if max(memories, default=0) >= most:
            return f"its optimizer remembers more than the {most} tensors that it updates"
        of_theta, of_alpha = memories_of(state["optimizer"], len(self.names))
        vectors = self._layout.flat(self.params)
        fresh = map(Slot, vectors, self._optimizer.memories(vectors))
        likes = self._layout.spread(list(fresh))
        # flat vectors have one memory for all of θ
        even = len({frozenset(memory) for memory in of_theta}) == 1
        if (self._optimizer.recordable and not even) or not all(
            map(self._optimizer.fits, of_theta, likes)
        ):
            return "what its optimizer remembers of params has other names or shapes"
        return self._sizes and self._sizes.problem_with(rows, of_alpha)

    def restore(self, state: dict[str, Any], path: str | Path) -> None:
        """Continue from a copy of a state with these shapes and this optimiser.

        Raises:
            ValueError: α was learned in another form, or β was a schedule in one of the two;
                nothing changes then.
        """
        saved = state.get("alpha")
        check_form(self._sizes, saved, path)
        if self.scheduled != (then := state.get("beta_scheduled", False)):
            forms = {True: "a function of the meta-step", False: "a number"}
            raise ValueError(
                f"{path} belongs to a learner whose beta is {forms[then]}, and this one's is "
                f"{forms[self.scheduled]}: create it with the same beta, and set learner.beta "
                "after loading to continue with another"
            )
        params = {name: state["params"][name].to(p) for name, p in self.params.items()}
        of_theta, of_alpha = memories_of(state["optimizer"], len(params))
        vectors = zip(self._layout.flat(params), self._layout.gather(of_theta), strict=True)
        self._set_theta([self._optimizer.resume(each, memory) for each, memory in vectors])
        if not self.scheduled:
            self.beta = state["optimizer"]["param_groups"][0]["lr"]
        if self._sizes is not None and saved is not None:
            self._sizes.restore(saved["rows"], of_alpha)

    def _set_beta(self, value: float) -> None:
        self._beta_value = value
        self._step_size = self._optimizer.step_size(value, self._theta[0].value)

    def _set_theta(self, theta: list[Slot]) -> None:
        self._theta = theta
        self._params = None
