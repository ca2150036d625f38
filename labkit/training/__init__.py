"""Meta-training: the learner, its random streams, evaluation and checkpoints."""

from labkit.training.ensemble import Ensemble, EnsembleStep
from labkit.training.evaluation import AdaptationCurve, StepsTable, adaptation_curve, steps_table
from labkit.training.learner_check import check_learner
from labkit.training.meta_learner import MetaLearner
from labkit.training.meta_step import DivergedError, MetaStep

__all__ = [
    "AdaptationCurve",
    "DivergedError",
    "Ensemble",
    "EnsembleStep",
    "MetaLearner",
    "MetaStep",
    "StepsTable",
    "adaptation_curve",
    "check_learner",
    "steps_table",
]
