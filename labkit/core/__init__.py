"""The mathematics: adaptation, meta-gradients, step sizes, algorithms. Needs torch only."""

from labkit.core.adaptation import Adaptation, adapt
from labkit.core.algorithms import MAML
from labkit.core.meta_gradient import MetaGradient, meta_gradient

__all__ = ["MAML", "Adaptation", "MetaGradient", "adapt", "meta_gradient"]
