"""A meta-learned α between meta-steps: the tensors that are optimised, and their values."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from torch import Tensor

from labkit.core import AlphaTensors, LearnedAlpha, Params, StepTensors
from labkit.training.step.layout import Memory, Slot
from labkit.training.step.optimizers import OptimizerRule

Leaves = dict[str, Tensor]
Row = dict[str, Slot]


@final
class LearnedSizes:
    """The values of a `LearnedAlpha`, and how a meta-step updates them.

    The optimiser works on log α if α must stay positive, else on α. Steps that appear later start
    as the last one before them; steps that disappear are kept for when they return.

    Args:
        spec: How α is learned.
        adapted: The parameters that the inner loop updates.
        inner_steps: K.
        optimizer: Updates α, with step size `spec.beta` and without weight decay.
    """

    def __init__(
        self,
        spec: LearnedAlpha,
        adapted: Params,
        inner_steps: int,
        optimizer: OptimizerRule,
    ) -> None:
        start = spec.tensors(adapted, max(inner_steps, 1))
        rows = [_leaves(row) for row in (start if isinstance(start, list) else [start])]
        if spec.positive:
            rows = [{name: leaf.log() for name, leaf in row.items()} for row in rows]
        self.spec = spec
        self._optimizer = optimizer.without_decay()
        self.rows: list[Row] = [
            {name: self._optimizer.start(leaf) for name, leaf in row.items()} for row in rows
        ]
        """One for each inner step, or one for all."""
        self.beta = self._step_size(spec)
        """β_α, the meta step size of α."""

    def fits(self, spec: LearnedAlpha, adapted: Params) -> bool:
        """Whether another specification has the same leaves, which can then keep their values."""
        start = spec.tensors(adapted, 1)
        names = _leaves(start[0] if isinstance(start, list) else start).keys()
        form = (spec.granularity, spec.per_step, spec.positive)
        return names == self.rows[0].keys() and form == (
            self.spec.granularity,
            self.spec.per_step,
            self.spec.positive,
        )

    def configure(self, spec: LearnedAlpha) -> None:
        """Adopt the step size of another specification that `fits`."""
        if spec != self.spec:
            self.beta = self._step_size(spec)
            self.spec = spec

    def restart(self, optimizer: OptimizerRule) -> None:
        """Change to another optimiser, which remembers nothing."""
        self._optimizer = optimizer.without_decay()
        self.beta = self._step_size(self.spec)
        self.rows = [
            {name: self._optimizer.start(slot.value) for name, slot in row.items()}
            for row in self.rows
        ]

    def rows_for(self, inner_steps: int) -> list[Row]:
        """The rows that this many inner steps read."""
        if not self.spec.per_step:
            return self.rows
        while len(self.rows) < inner_steps:
            last = self.rows[-1]
            self.rows.append({n: self._optimizer.start(s.value) for n, s in last.items()})
        return self.rows[:inner_steps]

    def replace(self, rows: list[Row]) -> None:
        """Put updated rows in the place of the first ones."""
        self.rows[: len(rows)] = rows

    def put(self, alpha: AlphaTensors) -> None:
        """Put other values in the place of these.

        Raises:
            ValueError: They are of another form, or not above 0 where α stays positive.
        """
        steps = alpha if isinstance(alpha, list) else [alpha]
        leaves = [_leaves(step) for step in steps]
        shapes = [{name: tuple(leaf.shape) for name, leaf in row.items()} for row in leaves]
        own = {name: tuple(slot.value.shape) for name, slot in self.rows[0].items()}
        if isinstance(alpha, list) != self.spec.per_step or any(row != own for row in shapes):
            raise ValueError(f"a learned alpha must be {self.form}, got shapes {shapes}")
        if self.spec.positive:
            if not all(bool((leaf > 0).all()) for row in leaves for leaf in row.values()):
                raise ValueError("a learned alpha that stays positive must be > 0 throughout")
            leaves = [{name: leaf.log() for name, leaf in row.items()} for row in leaves]
        self.rows[: len(leaves)] = [
            {name: Slot(row[name].to(slot.value), slot.memory) for name, slot in now.items()}
            for row, now in zip(leaves, self.rows_for(len(leaves)), strict=True)
        ]

    def values(self, rows: list[Row]) -> AlphaTensors:
        """α of these rows, in the structure that `adapt` takes."""
        steps = [self._value(row) for row in rows]
        return steps if self.spec.per_step else steps[0]

    def update(self, rows: list[Row], gradient: AlphaTensors, beta: Tensor) -> list[Row]:
        """The rows after one step by ∂/∂α; for log α the chain rule gives α ∂/∂α."""
        steps = gradient if isinstance(gradient, list) else [gradient]
        slots = [slot for row in rows for slot in row.values()]
        entries = [
            _leaves(step)[name] for row, step in zip(rows, steps, strict=True) for name in row
        ]
        slopes = [self._slope(slot, g) for slot, g in zip(slots, entries, strict=True)]
        updated = iter(self._optimizer.update(slots, slopes, beta))
        return [{name: next(updated) for name in row} for row in rows]

    def _slope(self, slot: Slot, gradient: Tensor) -> Tensor:
        return gradient * slot.value.exp() if self.spec.positive else gradient

    def _step_size(self, spec: LearnedAlpha) -> Tensor:
        return self._optimizer.step_size(spec.beta, next(iter(self.rows[0].values())).value)

    @property
    def form(self) -> str:
        """What a checkpoint must have in common with this learner, in words."""
        shapes = {name or "alpha": tuple(slot.value.shape) for name, slot in self.rows[0].items()}
        positive = "log α" if self.spec.positive else "α"
        return f"{positive} of shapes {shapes}{' for each step' * self.spec.per_step}"

    def state(self) -> dict[str, Any]:
        """A copy for a checkpoint."""
        rows = [{name: slot.value.clone() for name, slot in row.items()} for row in self.rows]
        return {"form": self.form, "rows": rows}

    def problem_with(self, rows: object, memories: Sequence[Memory]) -> str | None:
        """Why saved rows and memories cannot be restored, in words; None: they can."""
        own = {name: slot.value for name, slot in self.rows[0].items()}
        many = isinstance(rows, list) and (len(rows) > 0 if self.spec.per_step else len(rows) == 1)
        if not many or not isinstance(rows, list):
            return "its alpha has no rows" if self.spec.per_step else "its alpha is not one row"
        for row in rows:
            if not (isinstance(row, Mapping) and row.keys() == own.keys()) or not all(
                isinstance(row[name], Tensor) and row[name].shape == like.shape
                for name, like in own.items()
            ):
                return f"its alpha is not {self.form}"
        if memories and len(memories) != len(rows) * len(own):
            return "its optimizer remembers another number of step sizes"
        likes = self._optimizer.memories(list(own.values())) * len(rows)
        if not all(map(self._optimizer.fits, memories, likes)):
            return "what its optimizer remembers of alpha has other names or shapes"
        return None

    def restore(self, rows: list[Leaves], memories: list[Memory]) -> None:
        """Restore the leaves of a saved state, with its number of steps.

        Args:
            rows: From `state`.
            memories: What the optimiser remembers of each leaf; empty: nothing yet.
        """
        remembered = iter(memories)
        self.rows = [
            {
                name: self._optimizer.resume(
                    saved[name].to(slot.value, copy=True), next(remembered, {})
                )
                for name, slot in self.rows[0].items()
            }
            for saved in rows
        ]

    def _value(self, row: Row) -> StepTensors:
        alpha = {
            n: slot.value.exp() if self.spec.positive else slot.value for n, slot in row.items()
        }
        return alpha[""] if self.spec.granularity == "scalar" else alpha


def check_form(sizes: LearnedSizes | None, saved: dict[str, Any] | None, path: object) -> None:
    """Raise ValueError unless a saved α was learned in the same form."""
    now = None if sizes is None else sizes.form
    then = None if saved is None else saved["form"]
    if now != then:
        raise ValueError(
            f"{path} holds a learned alpha of another form: {then}; this learner has {now}"
        )


def _leaves(entry: StepTensors) -> Leaves:
    """One dict for every form; a scalar α has the empty name."""
    return entry if isinstance(entry, dict) else {"": entry}
