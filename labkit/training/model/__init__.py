"""Any module as a function of its parameters: loss, batch norm, randomness."""

from labkit.training.model.batch_norm import BatchNormMode, set_batch_norm
from labkit.training.model.own_model import OwnModel
from labkit.training.model.parameters import ModelSource, own_module, split_parameters
from labkit.training.model.plain_module import plain_module
from labkit.training.model.randomness import private_randomness, random_state, stream
from labkit.training.model.step_statistics import has_steps, step_buffers, step_statistics
from labkit.training.model.task_loss import TaskLoss, is_pointwise, predictors_along

__all__ = [
    "BatchNormMode",
    "ModelSource",
    "OwnModel",
    "TaskLoss",
    "has_steps",
    "is_pointwise",
    "own_module",
    "plain_module",
    "predictors_along",
    "private_randomness",
    "random_state",
    "set_batch_norm",
    "split_parameters",
    "step_buffers",
    "step_statistics",
    "stream",
]
