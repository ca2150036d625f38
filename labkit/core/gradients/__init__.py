"""From an inner loop to the meta-gradient: unrolled, by adjoints, over tasks."""

from labkit.core.gradients.over_tasks import MetaGradient, over_tasks
from labkit.core.gradients.unrolled import Problem, Unrolled, losses_after, unrolled_gradient

__all__ = [
    "MetaGradient",
    "Problem",
    "Unrolled",
    "losses_after",
    "over_tasks",
    "unrolled_gradient",
]
