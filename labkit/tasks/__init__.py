"""Task families p(T), the networks that serve them and what they are compared with."""

from labkit.tasks.classification import Classification
from labkit.tasks.emoji import EMOJI_ATTRIBUTION, Emoji
from labkit.tasks.family import (
    DrawableFamily,
    GenerativeFamily,
    ImagePortrait,
    MeasuredFamily,
    Place,
    Portrait,
    SplitFamily,
    TaskBatch,
    TaskFamily,
)
from labkit.tasks.function_tasks import FunctionTasks
from labkit.tasks.harmonic_fit import harmonic_fit
from labkit.tasks.image_classes import ImageClasses
from labkit.tasks.image_folders import image_folder
from labkit.tasks.image_networks import conv4, conv4_max_pool, image_mlp
from labkit.tasks.image_portrait import image_portrait
from labkit.tasks.labelled_datasets import dataset_tasks
from labkit.tasks.labelled_tasks import LabelledTasks
from labkit.tasks.nearest_neighbour import nearest_neighbour
from labkit.tasks.networks import sinusoid_mlp, tide_mlp
from labkit.tasks.omniglot import OMNIGLOT_ATTRIBUTION, Omniglot
from labkit.tasks.sinusoid import Sinusoid
from labkit.tasks.table_tasks import TableTasks
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
    "FunctionTasks",
    "GenerativeFamily",
    "ImageClasses",
    "ImagePortrait",
    "LabelledTasks",
    "MeasuredFamily",
    "Omniglot",
    "Place",
    "Portrait",
    "Sinusoid",
    "SplitFamily",
    "TableTasks",
    "TaskBatch",
    "TaskFamily",
    "TideStation",
    "Tides",
    "conv4",
    "conv4_max_pool",
    "dataset_tasks",
    "harmonic_fit",
    "image_folder",
    "image_mlp",
    "image_portrait",
    "nearest_neighbour",
    "sinusoid_mlp",
    "tide_height",
    "tide_mlp",
    "tide_table",
]
