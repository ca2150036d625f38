"""Task families p(T), the networks that serve them and what they are compared with."""

from labkit.tasks.family import DrawableFamily, Portrait, TaskBatch, TaskFamily
from labkit.tasks.harmonic_fit import harmonic_fit
from labkit.tasks.networks import sinusoid_mlp, tide_mlp
from labkit.tasks.sinusoid import Sinusoid
from labkit.tasks.tide_stations import (
    TIDES_ATTRIBUTION,
    TideStation,
    tide_height,
    tide_table,
)
from labkit.tasks.tides import Tides

__all__ = [
    "TIDES_ATTRIBUTION",
    "DrawableFamily",
    "Portrait",
    "Sinusoid",
    "TaskBatch",
    "TaskFamily",
    "TideStation",
    "Tides",
    "harmonic_fit",
    "sinusoid_mlp",
    "tide_height",
    "tide_mlp",
    "tide_table",
]
