"""Consecutive meta-steps, without looking up for each one how it is computed."""

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor

from labkit.core import Params, sources_of, tree_leaves
from labkit.training.engine.engine import CompiledStep, tensor_signature
from labkit.training.step import MetaState, StepOutput


@final
class StepLoop:
    """Runs consecutive meta-steps without re-keying their arguments.

    To key the arguments of a call and to put its tensors in order takes Python about as long as
    compiled code takes for a small meta-step. Here that is done once for all of them.

    Args:
        step: One meta-step as an engine runs it: from inputs and state to its output.
        compiled_step: How the engine replays the last one; None while it does not.
        constants: Frozen parameters and buffers.
        state: What the first one starts from.
    """

    def __init__(
        self,
        step: Callable[[Any, MetaState], StepOutput],
        compiled_step: Callable[[], CompiledStep | None],
        constants: Params,
        state: MetaState,
    ) -> None:
        self._step, self._compiled_step, self._constants = step, compiled_step, constants
        self._state = state
        self._output: StepOutput | None = None
        self._fast: CompiledStep | None = None
        self._signature: object = None
        self._rest: list[Tensor] = []
        """All arguments of the next meta-step apart from its inputs."""
        self._beta_at = -1 - len(state.betas)
        """Where β is among them: before β_α and `finite`."""
        self._leaves: list[Tensor] = []
        """The output of a replayed meta-step, until it is assembled."""

    def step(self, inputs: Any, beta: Tensor) -> Tensor:
        """Run one more meta-step.

        Args:
            inputs: From `draw_inputs`.
            beta: β of this meta-step, 0-d.

        Returns:
            Its losses, as in `StepOutput`.
        """
        leaves = tree_leaves(inputs)
        if self._fast is not None and _signature(inputs, leaves) == self._signature:
            self._rest[self._beta_at] = beta
            return self._replay(self._fast, leaves)
        state = self._state if self._output is None else self._state.after(self.output())
        state = state._replace(betas=(beta, *state.betas[1:]))
        self._output = self._step(inputs, state)
        self._fast = self._compiled_step()
        if self._fast is not None:
            self._signature = _signature(inputs, leaves)
            self._rest = tree_leaves((self._constants, state.after(self._output)))
        return self._output.losses

    def output(self) -> StepOutput:
        """The output of the last meta-step; there must have been one."""
        if self._fast is not None and self._leaves:
            self._output = self._fast.assemble(self._leaves)
            self._leaves = []
        assert self._output is not None  # noqa: S101  # for the type checker
        return self._output

    def _replay(self, fast: CompiledStep, inputs: list[Tensor]) -> Tensor:
        with torch.no_grad():
            outputs = fast.run([*inputs, *self._rest])
        # θ and α's rows, whether all is finite, and the losses
        *theta_and_rows, finite, losses = outputs
        first = len(self._constants)
        self._rest[first : first + len(theta_and_rows)] = theta_and_rows
        self._rest[-1] = finite
        self._leaves = outputs
        return losses


def _signature(inputs: Any, leaves: list[Tensor]) -> object:
    """What the inputs of meta-steps must have in common to be replayed alike."""
    return tensor_signature(leaves), sources_of(inputs)
