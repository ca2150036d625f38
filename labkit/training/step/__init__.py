"""One meta-step as pure functions: data, measure, update, state."""

from labkit.training.step.batches import draw, map_batch
from labkit.training.step.flat import Layout
from labkit.training.step.meta_optimizers import MetaOptimizer, Slot, new_slot, step_size
from labkit.training.step.meta_parameters import MetaParameters
from labkit.training.step.meta_step import DivergedError, Measurement, MetaStep, Unread, judge
from labkit.training.step.moving import Movable, Moved, Rule
from labkit.training.step.optimizer_state import optimizer_state
from labkit.training.step.ranks import Ranks
from labkit.training.step.whole_step import Same, WholeStep, batch_of, drawn_for, kind_of

__all__ = [
    "DivergedError",
    "Layout",
    "Measurement",
    "MetaOptimizer",
    "MetaParameters",
    "MetaStep",
    "Movable",
    "Moved",
    "Ranks",
    "Rule",
    "Same",
    "Slot",
    "Unread",
    "WholeStep",
    "batch_of",
    "draw",
    "drawn_for",
    "judge",
    "kind_of",
    "map_batch",
    "new_slot",
    "optimizer_state",
    "step_size",
]
