"""The inner loop: adaptation, its optimisers and its step sizes."""

from labkit.core.inner.adaptation import Adaptation, adapt, adapt_by
from labkit.core.inner.inner_loop import Carry, InnerLoop
from labkit.core.inner.inner_optimizers import (
    Adam,
    GradientDescent,
    InnerOptimizer,
    Momentum,
    check_inner_optimizer,
)
from labkit.core.inner.step_sizes import (
    AlphaTensors,
    AnyAlpha,
    LearnedAlpha,
    StepTensors,
    alpha_tensors,
    at_inner_step,
    check_alpha,
    testing_alpha,
)

__all__ = [
    "Adam",
    "Adaptation",
    "AlphaTensors",
    "AnyAlpha",
    "Carry",
    "GradientDescent",
    "InnerLoop",
    "InnerOptimizer",
    "LearnedAlpha",
    "Momentum",
    "StepTensors",
    "adapt",
    "adapt_by",
    "alpha_tensors",
    "at_inner_step",
    "check_alpha",
    "check_inner_optimizer",
    "testing_alpha",
]
