"""Meta-training: the learner, its random streams, evaluation and checkpoints."""

from labkit.training.checkpoint_file import read_checkpoint, write_checkpoint
from labkit.training.checkpoints import (
    check_parts,
    check_stream,
    packed_state,
    unpacked_state,
)
from labkit.training.engine import EngineFallbackWarning
from labkit.training.ensemble import Ensemble, EnsembleStep
from labkit.training.estimation import estimate_curve
from labkit.training.estimators import estimators_at, inner_scale, measure_estimators
from labkit.training.evaluation import (
    AdaptationCurve,
    Between,
    MetricCurve,
    StepsTable,
    adaptation_curve,
    steps_table,
)
from labkit.training.held_out import HELD_OUT, on_split, one_task
from labkit.training.learner_check import check_learner
from labkit.training.learner_view import Selection
from labkit.training.meta_learner import MetaLearner
from labkit.training.model import ModelSource, stream
from labkit.training.step import CosineDecay, DivergedError, MetaStep, WarmUp, draw, map_batch
from labkit.training.step_cost import StepCost, measure_step
from labkit.training.tuned_steps import curve_with_alphas, tuned_alphas
from labkit.training.watching import StepReport

__all__ = [
    "HELD_OUT",
    "AdaptationCurve",
    "Between",
    "CosineDecay",
    "DivergedError",
    "EngineFallbackWarning",
    "Ensemble",
    "EnsembleStep",
    "MetaLearner",
    "MetaStep",
    "MetricCurve",
    "ModelSource",
    "Selection",
    "StepCost",
    "StepReport",
    "StepsTable",
    "WarmUp",
    "adaptation_curve",
    "check_learner",
    "check_parts",
    "check_stream",
    "curve_with_alphas",
    "draw",
    "estimate_curve",
    "estimators_at",
    "inner_scale",
    "map_batch",
    "measure_estimators",
    "measure_step",
    "on_split",
    "one_task",
    "packed_state",
    "read_checkpoint",
    "steps_table",
    "stream",
    "tuned_alphas",
    "unpacked_state",
    "write_checkpoint",
]
