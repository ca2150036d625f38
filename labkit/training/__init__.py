"""Meta-training: the learner, its random streams, evaluation and checkpoints."""

from labkit.training.evaluation import AdaptationCurve, adaptation_curve
from labkit.training.meta_learner import MetaLearner
from labkit.training.meta_step import DivergedError, MetaStep

__all__ = ["AdaptationCurve", "DivergedError", "MetaLearner", "MetaStep", "adaptation_curve"]
