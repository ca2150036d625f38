"""Water levels at ports: real stations and what they are compared with."""

from labkit.tasks.tides.harmonic_fit import harmonic_fit
from labkit.tasks.tides.tide_stations import TIDES_ATTRIBUTION, TideStation, tide_height, tide_table
from labkit.tasks.tides.tides import HOURS_PER_UNIT, Tides

__all__ = [
    "HOURS_PER_UNIT",
    "TIDES_ATTRIBUTION",
    "TideStation",
    "Tides",
    "harmonic_fit",
    "tide_height",
    "tide_table",
]
