"""The mathematics: adaptation, meta-gradients, step sizes, algorithms. Needs torch only."""

from labkit.core.adaptation import Adaptation, adapt
from labkit.core.algorithm import Algorithm
from labkit.core.anil import ANIL
from labkit.core.baselines import JointTraining, RandomInitialization
from labkit.core.imaml import IMAML
from labkit.core.inner_optimizers import Adam, GradientDescent, InnerOptimizer, Momentum
from labkit.core.maml import MAML
from labkit.core.meta_gradient import meta_gradient
from labkit.core.meta_sgd import MetaSGD
from labkit.core.over_tasks import MetaGradient
from labkit.core.proto_maml import ProtoMAML
from labkit.core.reptile import Reptile
from labkit.core.step_sizes import LearnedAlpha

__all__ = [
    "ANIL",
    "IMAML",
    "MAML",
    "Adam",
    "Adaptation",
    "Algorithm",
    "GradientDescent",
    "InnerOptimizer",
    "JointTraining",
    "LearnedAlpha",
    "MetaGradient",
    "MetaSGD",
    "Momentum",
    "ProtoMAML",
    "RandomInitialization",
    "Reptile",
    "adapt",
    "meta_gradient",
]
