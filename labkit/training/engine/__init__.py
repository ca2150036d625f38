"""How a meta-step is computed: eager, recorded and replayed, or compiled."""

from labkit.training.engine.curve_engine import CurveEngine
from labkit.training.engine.engine import RECORDED_AFTER, Engine, EngineName
from labkit.training.engine.fallback import EngineFallbackWarning
from labkit.training.engine.peak_memory import peak_memory
from labkit.training.engine.step_engine import StepEngine

__all__ = [
    "RECORDED_AFTER",
    "CurveEngine",
    "Engine",
    "EngineFallbackWarning",
    "EngineName",
    "StepEngine",
    "peak_memory",
]
