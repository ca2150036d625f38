"""A meta-learned α between meta-steps: its leaves, its optimiser's share, its values."""

from typing import Any

import torch
from torch import Tensor

from labkit.core.step_sizes import AlphaTensors, LearnedAlpha, StepTensors
from labkit.core.types import Params

Leaves = dict[str, Tensor]


class LearnedSizes:
    """The values of a `LearnedAlpha`, which the learner's optimiser moves.

    What is moved is log α if α is kept positive, else α. Steps that appear later start as the
    last one before them; steps that disappear are kept for when they return.

    Args:
        spec: How α is learned.
        adapted: The parameters that the inner loop moves.
        inner_steps: K.
        optimizer: Gets a parameter group for α, with step size `spec.beta`.
    """

    def __init__(
        self,
        spec: LearnedAlpha,
        adapted: Params,
        inner_steps: int,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.spec = spec
        start = spec.tensors(adapted, max(inner_steps, 1))
        rows = [_leaves(row) for row in (start if isinstance(start, list) else [start])]
        if spec.positive:
            rows = [{name: leaf.log() for name, leaf in row.items()} for row in rows]
        self._rows = rows
        self.join(optimizer)

    def join(self, optimizer: torch.optim.Optimizer) -> None:
        """Be moved by this optimiser from now on."""
        self._optimizer = optimizer
        leaves = [leaf for row in self._rows for leaf in row.values()]
        optimizer.add_param_group({"params": leaves, "lr": self.spec.beta})

    def fits(self, spec: LearnedAlpha, adapted: Params) -> bool:
        """Whether another specification moves the same leaves, so that their values can stay."""
        start = spec.tensors(adapted, 1)
        names = _leaves(start[0] if isinstance(start, list) else start).keys()
        form = (spec.granularity, spec.per_step, spec.positive)
        return names == self._rows[0].keys() and form == (
            self.spec.granularity,
            self.spec.per_step,
            self.spec.positive,
        )

    @property
    def beta(self) -> float:
        """β_α, the meta step size of α."""
        return float(self._optimizer.param_groups[1]["lr"])

    @beta.setter
    def beta(self, value: float) -> None:
        self._optimizer.param_groups[1]["lr"] = value

    def remove(self) -> None:
        """Take α out of the optimiser."""
        group = self._optimizer.param_groups.pop(1)
        for leaf in group["params"]:
            self._optimizer.state.pop(leaf, None)

    def values(self, inner_steps: int) -> AlphaTensors:
        """α now, in the structure that `adapt` takes."""
        if not self.spec.per_step:
            return self._value(self._rows[0])
        self._grow(inner_steps)
        return [self._value(row) for row in self._rows[:inner_steps]]

    def take_gradient(self, gradient: AlphaTensors) -> None:
        """Set the leaves' `grad` from ∂/∂α; for log α the chain rule gives α ∂/∂α."""
        steps = gradient if isinstance(gradient, list) else [gradient]
        for row in self._rows:
            for leaf in row.values():
                leaf.grad = None
        for row, entry in zip(self._rows, steps, strict=False):
            for name, g in _leaves(entry).items():
                row[name].grad = g * row[name].exp() if self.spec.positive else g

    @property
    def form(self) -> str:
        """What a checkpoint must share, in words."""
        shapes = {name or "alpha": tuple(leaf.shape) for name, leaf in self._rows[0].items()}
        positive = "log α" if self.spec.positive else "α"
        return f"{positive} of shapes {shapes}{' for each step' * self.spec.per_step}"

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds: a copy."""
        rows = [{name: leaf.detach().clone() for name, leaf in r.items()} for r in self._rows]
        return {"form": self.form, "rows": rows}

    def restore(self, rows: list[Leaves]) -> None:
        """Take up the leaves of a saved state, with as many steps as it has."""
        group = self._optimizer.param_groups[1]
        for leaf in group["params"]:
            self._optimizer.state.pop(leaf, None)
        self._rows = [
            {name: saved[name].to(leaf, copy=True) for name, leaf in self._rows[0].items()}
            for saved in rows
        ]
        group["params"] = [leaf for row in self._rows for leaf in row.values()]

    def _grow(self, inner_steps: int) -> None:
        while len(self._rows) < inner_steps:
            row = {name: leaf.detach().clone() for name, leaf in self._rows[-1].items()}
            self._rows.append(row)
            self._optimizer.param_groups[1]["params"].extend(row.values())

    def _value(self, row: Leaves) -> StepTensors:
        alpha = {n: leaf.exp() if self.spec.positive else leaf for n, leaf in row.items()}
        return alpha[""] if self.spec.granularity == "scalar" else alpha


def check_form(sizes: LearnedSizes | None, saved: dict[str, Any] | None, path: object) -> None:
    """Raise ValueError unless a saved α was learned in the same form."""
    now = None if sizes is None else sizes.form
    then = None if saved is None else saved["form"]
    if now != then:
        raise ValueError(
            f"{path} was written with another form of learned alpha: it holds {then}, this "
            f"learner has {now}"
        )


def _leaves(entry: StepTensors) -> Leaves:
    """One dict for every form: a scalar α goes by the empty name."""
    return entry if isinstance(entry, dict) else {"": entry}
