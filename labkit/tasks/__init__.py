"""Task families p(T), the networks that serve them and what they are compared with."""

from labkit.tasks.classification import Classification
from labkit.tasks.emoji import EMOJI_ATTRIBUTION, Emoji
from labkit.tasks.family import (
    DrawableFamily,
    ImagePortrait,
    MeasuredFamily,
    Place,
    Portrait,
    SplitFamily,
    TaskBatch,
    TaskFamily,
)
from labkit.tasks.harmonic_fit import harmonic_fit
from labkit.tasks.image_classes import ImageClasses
from labkit.tasks.image_networks import conv4, conv4_max_pool, image_mlp
from labkit.tasks.image_portrait import image_portrait
from labkit.tasks.nearest_neighbour import nearest_neighbour
from labkit.tasks.networks import sinusoid_mlp, tide_mlp
from labkit.tasks.omniglot import OMNIGLOT_ATTRIBUTION, Omniglot
from labkit.tasks.sinusoid import Sinusoid
from labkit.tasks.tide_stations import (
    TIDES_ATTRIBUTION,
    TideStation,
    tide_height,
    tide_table,
)
from labkit.tasks.tides import Tides

__all__ = [
    "EMOJI_ATTRIBUTION",
    "OMNIGLOT_ATTRIBUTION",
    "TIDES_ATTRIBUTION",
    "Classification",
    "DrawableFamily",
    "Emoji",
    "ImageClasses",
    "ImagePortrait",
    "MeasuredFamily",
    "Omniglot",
    "Place",
    "Portrait",
    "Sinusoid",
    "SplitFamily",
    "TaskBatch",
    "TaskFamily",
    "TideStation",
    "Tides",
    "conv4",
    "conv4_max_pool",
    "harmonic_fit",
    "image_mlp",
    "image_portrait",
    "nearest_neighbour",
    "sinusoid_mlp",
    "tide_height",
    "tide_mlp",
    "tide_table",
]
