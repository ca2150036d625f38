"""The mathematics: adaptation, meta-gradients, step sizes, algorithms. Needs torch only."""

from labkit.core.adaptation import Adaptation, adapt
from labkit.core.algorithm import Algorithm
from labkit.core.anil import ANIL
from labkit.core.baselines import JointTraining, RandomInitialization
from labkit.core.curvature import InnerCurvature, inner_curvature
from labkit.core.directions import Directions, compare_directions, task_gradients
from labkit.core.gradient_check import GradientCheck, check_meta_gradient
from labkit.core.gradient_variance import GradientVariance, gradient_variance
from labkit.core.imaml import IMAML
from labkit.core.inner_optimizers import Adam, GradientDescent, InnerOptimizer, Momentum
from labkit.core.maml import MAML
from labkit.core.meta_gradient import meta_gradient
from labkit.core.meta_sgd import MetaSGD
from labkit.core.over_tasks import MetaGradient
from labkit.core.proto_maml import ProtoMAML
from labkit.core.reptile import Reptile
from labkit.core.slices import MetaLossSlice, random_directions, slice_meta_loss
from labkit.core.step_sizes import LearnedAlpha

__all__ = [
    "ANIL",
    "IMAML",
    "MAML",
    "Adam",
    "Adaptation",
    "Algorithm",
    "Directions",
    "GradientCheck",
    "GradientDescent",
    "GradientVariance",
    "InnerCurvature",
    "InnerOptimizer",
    "JointTraining",
    "LearnedAlpha",
    "MetaGradient",
    "MetaLossSlice",
    "MetaSGD",
    "Momentum",
    "ProtoMAML",
    "RandomInitialization",
    "Reptile",
    "adapt",
    "check_meta_gradient",
    "compare_directions",
    "gradient_variance",
    "inner_curvature",
    "meta_gradient",
    "random_directions",
    "slice_meta_loss",
    "task_gradients",
]
