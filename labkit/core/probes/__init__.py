"""What can be measured of a meta-gradient and its landscape."""

from labkit.core.probes.curvature import InnerCurvature, inner_curvature
from labkit.core.probes.directions import (
    Directions,
    compare_directions,
    compare_vectors,
    task_gradients,
)
from labkit.core.probes.estimators import Estimators, compare_estimators
from labkit.core.probes.gradient_check import GradientCheck, check_meta_gradient
from labkit.core.probes.gradient_variance import GradientVariance, gradient_variance
from labkit.core.probes.planes import (
    Plane,
    adaptation_paths,
    plane_losses,
    principal_directions,
)
from labkit.core.probes.slices import MetaLossSlice, random_directions, slice_meta_loss
from labkit.core.probes.trace import MetaGradientTrace, WayBack, trace_meta_gradient

__all__ = [
    "Directions",
    "Estimators",
    "GradientCheck",
    "GradientVariance",
    "InnerCurvature",
    "MetaGradientTrace",
    "MetaLossSlice",
    "Plane",
    "WayBack",
    "adaptation_paths",
    "check_meta_gradient",
    "compare_directions",
    "compare_estimators",
    "compare_vectors",
    "gradient_variance",
    "inner_curvature",
    "plane_losses",
    "principal_directions",
    "random_directions",
    "slice_meta_loss",
    "task_gradients",
    "trace_meta_gradient",
]
