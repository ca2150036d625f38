"""Meta-training: the learner, its random streams, evaluation and checkpoints."""

from labkit.training.evaluation import AdaptationCurve, adaptation_curve
from labkit.training.meta_learner import DivergedError, MetaLearner, MetaStep

__all__ = ["AdaptationCurve", "DivergedError", "MetaLearner", "MetaStep", "adaptation_curve"]
