"""Toy problems whose answers are known in closed form: theory to compare with what is measured."""

from labkit.tasks.zoo.cubics import Cubics, bent_valleys
from labkit.tasks.zoo.parameter_vector import parameter_vector
from labkit.tasks.zoo.quadratics import (
    Quadratics,
    coupled_quadratics,
    two_curvatures,
    two_rails,
)
from labkit.tasks.zoo.solved import METHODS, Method, SolvedFamily

__all__ = [
    "METHODS",
    "Cubics",
    "Method",
    "Quadratics",
    "SolvedFamily",
    "bent_valleys",
    "coupled_quadratics",
    "parameter_vector",
    "two_curvatures",
    "two_rails",
]
