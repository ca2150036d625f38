"""Task families p(T) and the networks the paper uses on them."""

from labkit.tasks.classification import Classification
from labkit.tasks.emoji import Emoji
from labkit.tasks.family import DrawableFamily, Portrait, TaskBatch, TaskFamily
from labkit.tasks.image_classes import ImageClasses
from labkit.tasks.image_networks import conv4, conv4_max_pool, image_mlp
from labkit.tasks.networks import sinusoid_mlp
from labkit.tasks.omniglot import Omniglot
from labkit.tasks.sinusoid import Sinusoid

__all__ = [
    "Classification",
    "DrawableFamily",
    "Emoji",
    "ImageClasses",
    "Omniglot",
    "Portrait",
    "Sinusoid",
    "TaskBatch",
    "TaskFamily",
    "conv4",
    "conv4_max_pool",
    "image_mlp",
    "sinusoid_mlp",
]
