"""How a meta-step updates θ and a learned α: a function of tensors, part of one replayed call."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.linalg import vector_norm

from labkit.core import AlphaTensors, Params, tree_leaves, tree_map
from labkit.training.step.layout import Layout, Slot
from labkit.training.step.learned_alpha import LearnedSizes, Row
from labkit.training.step.measure import StepGradients
from labkit.training.step.optimizers import OptimizerRule
from labkit.training.step.policy_search import HeldTasks, SearchRule

NORM_EPSILON = 1e-6
"""As in `torch.nn.utils.clip_grad_norm_`, for a norm of 0."""


class MetaState(NamedTuple):
    """What a meta-step starts from, tensors alone.

    Attributes:
        theta: θ as flat vectors.
        rows: Of a learned α; empty where α is fixed.
        sizes: α where it is fixed; else empty.
        betas: β, and β_α or nothing.
        finite: Whether all meta-steps so far were finite, 0-d bool; if not, nothing is updated.
    """

    theta: list[Slot]
    rows: list[Row]
    sizes: AlphaTensors | tuple[()]
    betas: tuple[Tensor, ...]
    finite: Tensor

    def values(self) -> "MetaState":
        """θ and α alone, without what their optimiser needs."""

        def bare(slot: Slot) -> Slot:
            return Slot(slot.value, {})

        rows = [{name: bare(slot) for name, slot in row.items()} for row in self.rows]
        return self._replace(theta=[bare(slot) for slot in self.theta], rows=rows, betas=())

    def after(self, output: "StepOutput") -> "MetaState":
        """What the next meta-step starts from, with the same fixed α and β."""
        return self._replace(theta=output.theta, rows=output.rows, finite=output.finite)


class StepOutput(NamedTuple):
    """What a meta-step returns.

    Attributes:
        theta: θ as flat vectors.
        rows: Of a learned α.
        finite: False from the first meta-step on that is not finite.
        losses: As in `StepGradients`.
    """

    theta: list[Slot]
    rows: list[Row]
    finite: Tensor
    losses: Tensor

    def linear(self) -> list[Tensor]:
        """The part that follows the gradients without magnifying their rounding errors.

        Adam's step has the sign of a gradient however small; its memory does not.
        """
        slots = [*self.theta, *(slot for row in self.rows for slot in row.values())]
        memories = [_averages(slot) or [slot.value] for slot in slots]
        return [self.losses, *(tensor for memory in memories for tensor in memory)]


@final
class UpdateRule:
    """How a meta-step turns gradients into the next θ and α.

    Args:
        layout: Of θ.
        optimizer: What turns gradients into steps.
        sizes: Of a learned α; None where it is fixed.
        clip: Longest meta-gradient of θ, over all its tensors together; None: any.
    """

    def __init__(
        self,
        layout: Layout,
        optimizer: OptimizerRule,
        sizes: LearnedSizes | None,
        clip: float | None,
    ) -> None:
        self._layout, self._optimizer, self._sizes = layout, optimizer, sizes
        self._clip = clip
        spec = None if sizes is None else (sizes.form, sizes.spec.positive)
        self.kind = (optimizer, clip, spec)
        """Equal for two rules of a learner that do the same operations."""
        self.recordable = optimizer.recordable
        """Whether `apply` does the same operations whatever the numbers are."""

    def params(self, state: MetaState) -> Params:
        """θ, name → tensor."""
        return self._layout.params([slot.value for slot in state.theta])

    def alpha(self, state: MetaState) -> AlphaTensors:
        """α, in the structure that `adapt` takes."""
        return state.sizes if self._sizes is None else self._sizes.values(state.rows)  # type: ignore[return-value]

    def apply(self, state: MetaState, gradients: StepGradients) -> StepOutput:
        """Take one optimiser step in θ and α, if all numbers are finite."""
        if not self.recordable:
            finite = _all_finite(state, gradients)
            # a truth value: torch's optimiser takes a step or does not
            theta, rows = self._updated(state, gradients) if finite else (state.theta, state.rows)
            return StepOutput(theta, rows, finite, gradients.losses)
        theta, rows = self._updated(state, gradients)
        finite = _all_finite(state, gradients)

        def choose(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(finite, new, old)

        new, old = tree_leaves((theta, rows)), tree_leaves((state.theta, state.rows))
        values = iter(list(map(choose, new, old)))
        theta, rows = tree_map(lambda _: next(values), (theta, rows))
        return StepOutput(theta, rows, finite, gradients.losses)

    @property
    def searches(self) -> bool:
        """Whether a step needs the objective itself, see `search`."""
        return isinstance(self._optimizer, SearchRule)

    def search(self, state: MetaState, gradients: StepGradients, held: HeldTasks) -> StepOutput:
        """Take one step by a `PolicySearch`, if all numbers are finite.

        Args:
            state: θ and α.
            gradients: Measured on these tasks.
            held: The tasks, with their data as they were drawn.
        """
        assert isinstance(self._optimizer, SearchRule)  # noqa: S101  # for the type checker
        search, params = self._optimizer.search, self.params(state)
        finite, theta = _all_finite(state, gradients), state.theta
        if finite:
            params = search.search(held.objective, held.divergence, params, float(state.betas[0]))
            theta = [Slot(vector, {}) for vector in self._layout.flat(params)]
            finite = torch.stack([slot.value.isfinite().all() for slot in theta]).all()
        theta = theta if finite else state.theta
        return StepOutput(theta, state.rows, finite, gradients.losses)

    def _updated(self, state: MetaState, gradients: StepGradients) -> tuple[list[Slot], list[Row]]:
        slopes = self._clipped(self._layout.flat(gradients.params))
        theta = self._optimizer.update(state.theta, slopes, state.betas[0])
        if self._sizes is None or gradients.alpha is None:
            return theta, state.rows
        return theta, self._sizes.update(state.rows, gradients.alpha, state.betas[1])

    def _clipped(self, slopes: list[Tensor]) -> list[Tensor]:
        if self._clip is None:
            return slopes
        norm = vector_norm(torch.stack([vector_norm(slope) for slope in slopes]))
        share = (self._clip / (norm + NORM_EPSILON)).clamp(max=1)
        return [slope * share for slope in slopes]


def _all_finite(state: MetaState, gradients: StepGradients) -> Tensor:
    return state.finite & gradients.losses.isfinite().all()


def _averages(slot: Slot) -> list[Tensor]:
    """What an optimiser remembers of gradients, without what it has divided by their size."""
    scaled = "momentum_buffer" if "square_avg" in slot.memory else ""
    return [tensor for name, tensor in slot.memory.items() if name != scaled]
