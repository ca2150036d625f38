"""Meta-learning algorithms, each a frozen dataclass over one inner loop."""

from labkit.core.algorithms.algorithm import Algorithm, UnrollingAlgorithm
from labkit.core.algorithms.anil import ANIL
from labkit.core.algorithms.baselines import JointTraining, RandomInitialization
from labkit.core.algorithms.imaml import IMAML
from labkit.core.algorithms.maml import MAML
from labkit.core.algorithms.meta_sgd import MetaSGD
from labkit.core.algorithms.proto_maml import ProtoMAML
from labkit.core.algorithms.reptile import Reptile

__all__ = [
    "ANIL",
    "IMAML",
    "MAML",
    "Algorithm",
    "JointTraining",
    "MetaSGD",
    "ProtoMAML",
    "RandomInitialization",
    "Reptile",
    "UnrollingAlgorithm",
]
