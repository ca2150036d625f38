"""One meta-step as pure functions: data, measure, update, state."""

from labkit.training.step.beta import Beta, CosineDecay, WarmUp, beta_at
from labkit.training.step.data import (
    batch_of,
    draw,
    draw_inputs,
    given_batch,
    map_batch,
    sampled,
    seeded,
    to_model,
)
from labkit.training.step.held_data import follows_theta, hold, is_drawn
from labkit.training.step.layout import Slot, optimizer_state
from labkit.training.step.measure import (
    DivergedError,
    Measurement,
    MetaStep,
    PendingLosses,
    StepGradients,
    check_finite,
)
from labkit.training.step.meta_optimizer import MetaOptimizer, optimizer_rule
from labkit.training.step.policy_search import check_search
from labkit.training.step.state import MetaParameters
from labkit.training.step.update import MetaState, StepOutput, UpdateRule
from labkit.training.step.whole_step import ByValueOrIdentity, WholeStep, kind_of

__all__ = [
    "Beta",
    "ByValueOrIdentity",
    "CosineDecay",
    "DivergedError",
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
    "WarmUp",
    "WholeStep",
    "batch_of",
    "beta_at",
    "check_finite",
    "check_search",
    "draw",
    "draw_inputs",
    "follows_theta",
    "given_batch",
    "hold",
    "is_drawn",
    "kind_of",
    "map_batch",
    "optimizer_rule",
    "optimizer_state",
    "sampled",
    "seeded",
    "to_model",
]
