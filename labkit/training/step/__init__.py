"""One meta-step as pure functions: data, measure, update, state."""

from labkit.training.step.data import (
    batch_of,
    draw,
    draw_inputs,
    map_batch,
    sampled,
    to_model,
)
from labkit.training.step.measure import (
    DivergedError,
    Measurement,
    MetaStep,
    PendingLosses,
    StepGradients,
    check_finite,
)
from labkit.training.step.meta_optimizer import (
    Layout,
    MetaOptimizer,
    Slot,
    new_slot,
    optimizer_state,
    step_size,
)
from labkit.training.step.state import MetaParameters
from labkit.training.step.update import MetaState, StepOutput, UpdateRule
from labkit.training.step.whole_step import ByValueOrIdentity, WholeStep, kind_of

__all__ = [
    "ByValueOrIdentity",
    "DivergedError",
    "Layout",
    "Measurement",
    "MetaOptimizer",
    "MetaParameters",
    "MetaState",
    "MetaStep",
    "PendingLosses",
    "Slot",
    "StepGradients",
    "StepOutput",
    "UpdateRule",
    "WholeStep",
    "batch_of",
    "check_finite",
    "draw",
    "draw_inputs",
    "kind_of",
    "map_batch",
    "new_slot",
    "optimizer_state",
    "sampled",
    "step_size",
    "to_model",
]
