"""Controls and panels in the notebook: only sets values and shows figures."""

from labkit.widgets.cost_meter import CostMeter
from labkit.widgets.gradient_truth import GradientTruth
from labkit.widgets.hyperparameter_map import HyperparameterMap
from labkit.widgets.lab import Lab
from labkit.widgets.loss_landscape import LossLandscape
from labkit.widgets.meta_step_diagram import MetaStepDiagram
from labkit.widgets.opening import open_lab, open_preset
from labkit.widgets.replay_file import export_replay
from labkit.widgets.steps_surface import StepsSurface

__all__ = [
    "CostMeter",
    "GradientTruth",
    "HyperparameterMap",
    "Lab",
    "LossLandscape",
    "MetaStepDiagram",
    "StepsSurface",
    "export_replay",
    "open_lab",
    "open_preset",
]
